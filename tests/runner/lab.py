"""A data bucket in a folder, packages from source text, briefs, and attempts run for real."""

import hashlib
import io
import json
import pickle
import tarfile
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steprelay.runner.artifacts import ArtifactReader
from steprelay.runner.attempt import Ended, explain_batch, make_attempt
from steprelay.runner.brief import Task, read_brief
from steprelay.runner.outcome import Attempt, Outcome, decode_outcome, write_outcome
from steprelay.runner.package import unpack_package
from steprelay.runner.perform import Job
from steprelay.runner.supervise import Limits
from tests.runner.folder_store import FolderStore

DEADLINE_SECONDS = 30.0
HEADER = "from steprelay import FlowSpec, Parameter, JSONType, Reclaimed, TimeoutException, current, step\n"


def wait_until(predicate: Callable[[], Any], what: str) -> Any:
    """Poll until the predicate is true; its value. Fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if value := predicate():
            return value
        time.sleep(0.005)
    raise AssertionError(f"not within {DEADLINE_SECONDS:.0f} s: {what}")


def runs(pid: int) -> bool:
    """Whether the process still does something; a zombie waits only for its parent to look."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pack(files: Mapping[str, str | bytes], extra: Callable[[tarfile.TarFile], None] | None = None) -> bytes:
    """A `.tar.gz` of these files; names ending in `.sh` are executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            body = content if isinstance(content, bytes) else textwrap.dedent(content).encode()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(body), 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(info, io.BytesIO(body))
        if extra:
            extra(archive)
    return buffer.getvalue()


def flow(body: str, name: str = "TheFlow", before: str = "") -> str:
    """The source of a flow file with this class body."""
    return (
        f"{HEADER}{textwrap.dedent(before)}\nclass {name}(FlowSpec):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
    )


def to(*steps: str, foreach: str | None = None, when: str | None = None) -> dict[str, Any]:
    return {"to": list(steps), "foreach": foreach, "when": when}


def group(step: str, path: tuple[int, ...] = (), members: Any = ((0, 0),), attempt: int = 1) -> dict[str, Any]:
    return {"step": step, "path": list(path), "won": {str(attempt): [list(span) for span in members]}}


def inputs(kind: str, *groups: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "groups": list(groups)}


def same(step: str, path: tuple[int, ...] = ()) -> dict[str, Any]:
    return inputs("same", group(step, path, ((0, 9),)))


def item(step: str) -> dict[str, Any]:
    return inputs("item", group(step))


class Lab:
    """One run of one package. `output` is what the steps printed."""

    def __init__(self, folder: Path, files: Mapping[str, str | bytes] | str = "") -> None:
        self.folder = folder
        self.store = FolderStore(folder / "bucket")
        self.package = self.add_package({"flow.py": files} if isinstance(files, str) else files)
        self.output = ""
        self._jobs = 0

    def add_package(self, files: Mapping[str, str | bytes]) -> str:
        return self.add_archive(pack(files))

    def add_archive(self, body: bytes) -> str:
        key = f"packages/{hashlib.sha256(body).hexdigest()}.tar.gz"
        self.store.put(key, body)
        return key

    def brief(self, step: str, *ways: dict[str, Any] | str, **changes: Any) -> dict[str, Any]:
        """A brief for the step with these ways on."""
        return {
            "brief_version": 1, "run": "TheFlow-1", "flow": "TheFlow", "step": step, "path": [],
            "members": [[0, 0]], "attempt": 1, "max_attempts": 1, "created_at": 1.0,
            "origin": {"kind": "upload", "detail": {"key": "run/x.tar.gz"}},
            "package": self.package,
            "entrypoint": {"file": "flow.py", "class_name": "TheFlow", "python": "3.11"},
            "command": None, "environment": {}, "timeout_seconds": None, "catch": None, "parameters": {},
            "next": [to(way) if isinstance(way, str) else way for way in ways],
            "condition": None, "tempdir": None, "inputs": {"kind": "none", "groups": []},
            **changes,
        }  # fmt: skip

    def put_brief(self, step: str, *ways: dict[str, Any] | str, **changes: Any) -> str:
        """Store a brief; its key."""
        document = self.brief(step, *ways, **changes)
        key = f"runs/TheFlow-1/{step}/{'.'.join(map(str, document['path'])) or '_'}/brief-{document['attempt']}-0.json"
        self.store.put(key, json.dumps(document).encode())
        return key

    def task(self, step: str, *ways: dict[str, Any] | str, member: int = 0, **changes: Any) -> Task:
        return Task(read_brief(json.dumps(self.brief(step, *ways, **changes)).encode()), member)

    def attempt(
        self, step: str, *ways: dict[str, Any] | str, member: int = 0, limits: Limits | None = None, **changes: Any
    ) -> Ended:
        """Run an attempt in a child, as a container does after its claim."""
        task = self.task(step, *ways, member=member, **changes)
        self._jobs += 1
        scratch = self.folder / f"job-{self._jobs}"
        package = scratch / "package"
        unpack_package(self.store, self.package, package)
        job = Job(task, Attempt("job", 1, time.time()), self.store, package, folder=package, scratch=scratch)
        with (scratch / "log").open("w+b") as log:
            ended = make_attempt(
                job, limits or Limits(), output=log.fileno(), explain=lambda ending: explain_batch(job, ending)
            )
            log.seek(0)
            self.output = log.read().decode()
        return ended

    def run(self, step: str, *ways: dict[str, Any] | str, member: int = 0, **changes: Any) -> Outcome:
        """Run an attempt and read the outcome it left."""
        self.attempt(step, *ways, member=member, **changes)
        return self.outcome(step, member=member, path=changes.get("path", ()), attempt=changes.get("attempt", 1))

    def outcome(self, step: str, member: int = 0, path: Any = (), attempt: int = 1) -> Outcome:
        split = ".".join(str(index) for index in (*path, member))
        return decode_outcome(self.store.get(f"runs/TheFlow-1/{step}/{split}/{attempt}/outcome.json"))

    def succeed(self, step: str, *ways: dict[str, Any] | str, member: int = 0, **changes: Any) -> dict[str, Any]:
        """Run an attempt that must succeed; its artifacts."""
        outcome = self.run(step, *ways, member=member, **changes)
        assert outcome.succeeded, f"{outcome.failure}\n{self.output}"
        return self.artifacts(outcome)

    def fail(self, step: str, *ways: dict[str, Any] | str, member: int = 0, **changes: Any) -> str:
        """Run an attempt that must fail; the message of its failure."""
        outcome = self.run(step, *ways, member=member, **changes)
        assert outcome.failure is not None, self.output
        return outcome.failure.message

    def put_outcome(self, step: str, outcome: Outcome, member: int = 0, path: tuple[int, ...] = ()) -> None:
        """Leave an outcome as if an attempt had."""
        task = self.task(step, member=member, path=list(path), members=[[member, member]])
        write_outcome(self.store, task, Attempt("job", 1, 1.0), outcome, 2.0)

    def artifacts(self, outcome: Outcome) -> dict[str, Any]:
        return {
            name: pickle.loads(ArtifactReader(self.store, "TheFlow").fetch(ref))
            for name, ref in outcome.artifacts.items()
        }
