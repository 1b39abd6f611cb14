"""Everything that has to stand before a function can be invoked: SAM, an engine, the image, the build."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.containers import build, image, interpreter, sam
from tools.containers.engine import docker_engine
from tools.containers.locks import alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tools.containers.engine import Engine

Said = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A built stack (the folder of its template.yaml) and the engine to run its functions in."""

    stack: Path
    engine: Engine


@contextmanager
def prepared(stack: Path, said: Said) -> Iterator[Prepared]:
    """Prepare all of it, telling each stage and its seconds; what stands already is reused.

    Raises Unavailable where this machine has no engine or no Python for the image, Failed where a stage fails.
    """
    python = interpreter.find()
    started = time.monotonic()
    with docker_engine() as engine:
        ours = "our own" if engine.host else "this machine's"
        _tell(said, "docker engine", f"{engine.version}, {ours}", started)
        with alone(stack / ".aws-sam" / "containers.lock"):
            _stage(said, "sam cli", sam.ensure)
            _stage(said, "lambda image", lambda: image.ensure(engine, python))
            _stage(said, "sam validate and build", lambda: build.ensure(stack, python))
        yield Prepared(stack, engine)


def _stage(said: Said, name: str, ensure: Callable[[], bool]) -> None:
    started = time.monotonic()
    _tell(said, name, "done" if ensure() else "as it was", started)


def _tell(said: Said, name: str, what: str, started: float) -> None:
    said(f"{name:<24}{what:<32}{time.monotonic() - started:6.1f} s")
