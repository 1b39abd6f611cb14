"""The Lambda image in the engine, made from the local Python: no registry is asked."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tools.containers import contents, sam
from tools.containers.commands import attempt
from tools.containers.places import IMAGE, RUNTIME_LOCK

if TYPE_CHECKING:
    from tools.containers.engine import Engine
    from tools.containers.interpreter import Interpreter

_LABEL = "steprelay.content"
_CHANGES = (
    "ENV PATH=/var/lang/bin:/usr/bin:/bin",
    "ENV LD_LIBRARY_PATH=/var/lang/lib:/opt/lib",
    "ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime TZ=:UTC LANG=C.UTF-8",
    "WORKDIR /var/task",
)


def ensure(engine: Engine, python: Interpreter) -> bool:
    """Have the image, made of this Python, in the engine; false when it already was there."""
    content = _content(python)
    if _content_in(engine) == content:
        return False
    with tempfile.TemporaryDirectory() as folder:
        runtime, archive = Path(folder) / "runtime", Path(folder) / "image.tar"
        sam.install_into(runtime, python.executable, RUNTIME_LOCK)
        contents.write(archive, python, runtime)
        changes = [word for change in (*_CHANGES, f"LABEL {_LABEL}={content}") for word in ("--change", change)]
        engine.docker("import", *changes, archive, IMAGE)
    _remove_the_last(engine)
    return True


def _content(python: Interpreter) -> str:
    """Names everything that the image is made of."""
    sources = [Path(__file__), Path(contents.__file__), RUNTIME_LOCK]
    parts = [str(python.executable), python.build, *(source.read_text() for source in sources)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _content_in(engine: Engine) -> str | None:
    form = f'{{{{index .Config.Labels "{_LABEL}"}}}}'
    answer = attempt(["docker", "image", "inspect", "--format", form, IMAGE], env=engine.environment())
    return answer.stdout.strip() if answer.returncode == 0 else None


def _remove_the_last(engine: Engine) -> None:
    """Remove the image of before, and what SAM built on it, which it would keep while the name stays the same."""
    reference = f"reference={IMAGE.partition(':')[0]}:rapid-*"
    if stale := engine.docker("images", "--quiet", "--filter", reference).split():
        engine.docker("image", "rm", "--force", *stale)
    engine.docker("image", "prune", "--force", "--filter", f"label={_LABEL}")
