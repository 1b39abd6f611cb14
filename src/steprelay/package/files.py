"""The files of a folder that belong into its package."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steprelay.package.ignore import IGNORE_FILE, Ignored
from steprelay.package.problems import PackageProblem


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a package: its name from the root, with `/`; size in bytes; whether it may be executed."""

    name: str
    size: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A member, and where its bytes are now (for a symbolic link: what it points to)."""

    member: Member
    path: Path


def find_files(root: Path) -> tuple[list[Found], list[PackageProblem]]:
    """All files below `root` that are not ignored, by name, and what cannot be packed.

    Symbolic links within the root are followed and packed as what they point to. Empty folders leave no trace.
    """
    walk = _Walk(root.resolve())
    found = sorted(walk.folder(walk.root, "", (walk.root,)), key=lambda file: file.member.name)
    return found, walk.problems


class _Walk:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.ignored = Ignored(root)
        self.problems: list[PackageProblem] = []

    def folder(self, path: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[Found]:
        """`above`: the real folders on the way here, which a link must not lead back to."""
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            self._say(prefix or ".", f"cannot be read: {error.strerror}")
            return
        for entry in entries:
            yield from self._entry(entry, f"{prefix}{entry.name}", above)

    def _entry(self, entry: "os.DirEntry[str]", name: str, above: tuple[Path, ...]) -> Iterator[Found]:
        if self.ignored.folder(name, entry.path) if entry.is_dir() else self.ignored.file(name):
            return
        if not _is_text(name):
            self._say(ascii(name), "the name is not UTF-8", "rename the file")
            return
        path = self._real(entry, name)
        if path is None:
            return
        if path.is_dir():
            if path in above:
                self._say(name, "is a link to a folder that it lies in", f"remove it, or add it to {IGNORE_FILE}")
            else:
                yield from self.folder(path, f"{name}/", (*above, path))
        elif path.is_file():
            yield from self._file(path, name)

    def _real(self, entry: "os.DirEntry[str]", name: str) -> Path | None:
        if not entry.is_symlink():
            return Path(entry.path)
        hint = f"copy what it points to, or add it to {IGNORE_FILE}"
        try:
            path = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):
            self._say(name, "is a link to nothing", hint)
            return None
        if not path.is_relative_to(self.root):
            self._say(name, f"is a link out of the package, to {path}", hint)
            return None
        return path

    def _file(self, path: Path, name: str) -> Iterator[Found]:
        if not os.access(path, os.R_OK):
            self._say(name, "cannot be read", f"allow it, or add it to {IGNORE_FILE}")
            return
        status = path.stat()
        yield Found(Member(name, status.st_size, bool(status.st_mode & 0o100)), path)

    def _say(self, name: str, message: str, hint: str | None = None) -> None:
        self.problems.append(PackageProblem(name, message, hint))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
