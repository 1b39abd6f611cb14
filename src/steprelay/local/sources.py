"""What the relay deploys: the template and the code it names, and the fingerprint of it all."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import steprelay
import steprelay_core

_NEVER = frozenset({"__pycache__", "_relay", ".aws-sam"})
_NOT_CODE = frozenset({".pyc", ".pyo"})


class NoSources(Exception):
    """The template is not where it should be."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the template is (with `functions/` and `layers/` beside it), and the two packages that are layers."""

    template: Path
    core: Path
    package: Path

    @classmethod
    def find(cls) -> "Sources":
        """Those of a checkout if this is one, else those that came with the installed package.

        Raises:
            NoSources: if there is no template in either place.
        """
        package = Path(steprelay.__file__).resolve().parent
        places = [package / "_relay" / "template.yaml", package.parent.parent / "template.yaml"]
        for template in places:
            if template.is_file():
                return cls(template, Path(steprelay_core.__file__).resolve().parent, package)
        looked = " or ".join(str(place) for place in places)
        raise NoSources(f"There is no template to deploy: looked for {looked}. Install steprelay again.")

    @property
    def root(self) -> Path:
        return self.template.parent

    def function(self, uri: str) -> Iterator[tuple[str, Path]]:
        """The files of a function's folder: (name in the archive, file)."""
        return _files(self.root / uri, "")

    def layer(self, uri: str) -> Iterator[tuple[str, Path]]:
        """The files of a layer as `sam build` lays them out, without what pip would add.

        The two layers hold the two packages, wherever those are installed. What the layers' requirements name is
        found in the relay's own interpreter.
        """
        package = {"layers/core": self.core, "src": self.package}[uri.rstrip("/")]
        return _files(package, f"python/{package.name}/")

    def fingerprint(self) -> str:
        """Changes with anything that a running relay would have to be started again for."""
        digest = hashlib.sha256(f"{sys.version} {sys.executable} {version('ministack')}".encode())
        folders = [self.root / "functions", self.core, self.package]
        parts = [
            ("template", self.template),
            *(part for folder in folders for part in _files(folder, f"{folder.name}/")),
        ]
        for name, path in parts:
            content = path.read_bytes()
            digest.update(f"{name} {len(content)} ".encode() + content)
        return digest.hexdigest()


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and path.suffix not in _NOT_CODE and not _NEVER.intersection(relative.parts):
            yield prefix + relative.as_posix(), path
