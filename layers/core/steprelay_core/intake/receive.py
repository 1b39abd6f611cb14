"""An upload in the package bucket: read, checked, copied, and then run or deployed; or rejected with every problem."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steprelay_core import keys
from steprelay_core.commands import Announce
from steprelay_core.inbound import Ignored, Upload
from steprelay_core.intake.deploy import Deployer
from steprelay_core.intake.identity import upload_digest, upload_run_id
from steprelay_core.intake.package import read_package
from steprelay_core.intake.parameters import read_parameters
from steprelay_core.ports import Bus, Objects, UploadHead, Uploads
from steprelay_core.spec import Flow, Problem, SpecError
from steprelay_core.state.events import RunStarted
from steprelay_core.state.model import Origin

# An event has at most 1 MB; a spec may have more faults than anybody reads, and quote more than anybody wrote.
PROBLEMS_TOLD = 100
_TEXT_TOLD = 500


@dataclass(frozen=True, slots=True)
class Accepted:
    """A package that was taken in; `run` is None where it was deployed. `note` says what of it was done before."""

    flow: str
    digest: str
    run: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A package that was refused; `id` is that of its Package Rejected event."""

    id: str
    problems: tuple[Problem, ...]


Received = Accepted | Rejected | Ignored


class Intake:
    """Takes packages in. Delivered twice, an upload is the same run, the same deployment, the same rejection."""

    def __init__(
        self,
        uploads: Uploads,
        objects: Objects,
        bus: Bus,
        deployer: Deployer,
        start: Callable[[RunStarted], str | None],
        check: Callable[[Flow], list[Problem]],
    ) -> None:
        """`start` hands a run to the engine and returns its note; `check` tells what AWS Batch would not take."""
        self._uploads = uploads
        self._objects = objects
        self._bus = bus
        self._deployer = deployer
        self._start = start
        self._check = check

    def receive(self, upload: Upload) -> Received:
        """Handle one upload to its end; what the upload holds never raises, only AWS does."""
        head = self._uploads.head(upload)
        if head is None:
            return Ignored(f"{upload} is gone, or was replaced before it was read")
        upload = replace(upload, version=upload.version or head.version)
        try:
            accepted = self._accept(upload, head)
        except SpecError as error:
            return self._reject(upload, head, error.problems)
        tags = {"steprelay": "accepted", "steprelay-flow": accepted.flow}
        self._uploads.tag(upload, tags | ({"steprelay-run": accepted.run} if accepted.run else {}))
        return accepted

    def _accept(self, upload: Upload, head: UploadHead) -> Accepted:
        package = read_package(lambda start, size: self._uploads.read(upload, start, size), head.size)
        problems, parameters = self._check(package.flow), {}
        try:
            if upload.purpose == "deploy":
                self._deployer.check(package.flow)
            else:
                parameters = read_parameters(package.flow.spec, _metadata_parameters(head.metadata))
        except SpecError as error:
            problems += error.problems
        if problems:
            raise SpecError(problems)
        digest = self._store(upload, head, package.spec)
        if upload.purpose == "run":
            return self._run(upload, package.flow, digest, parameters)
        note = self._deployer.deploy(package.flow, digest, upload, head.uploaded_at)
        return Accepted(package.flow.name, digest, None, note)

    def _store(self, upload: Upload, head: UploadHead, spec: bytes) -> str:
        digest = self._uploads.store(upload, head)
        self._objects.put_once(keys.spec(digest), spec)
        return digest

    def _run(self, upload: Upload, flow: Flow, digest: str, parameters: dict[str, Any]) -> Accepted:
        version = upload.told_apart_by
        run = upload_run_id(flow.name, upload.bucket, upload.key, version)
        origin = Origin("upload", {"bucket": upload.bucket, "key": upload.key, "version": version})
        note = self._start(RunStarted(run, flow.name, digest, origin, parameters))
        return Accepted(flow.name, digest, run, note)

    def _reject(self, upload: Upload, head: UploadHead, problems: Sequence[Problem]) -> Rejected:
        identity = upload_digest(upload.bucket, upload.key, upload.told_apart_by)
        rejection = f"rejected-{identity}"
        detail = {
            "id": rejection,
            "bucket": upload.bucket,
            "key": upload.key,
            "version": upload.told_apart_by,
            "uploaded_at": head.uploaded_at,
            "problems": describe_problems(problems),
            "problem_count": len(problems),
        }
        # For whoever uploaded it and does not listen to the bus; before the tag, which tells them to look.
        self._objects.put(keys.rejection(identity), json.dumps(detail).encode())
        self._bus.publish([Announce(rejection, "Package Rejected", detail)])
        self._uploads.tag(upload, {"steprelay": "rejected"})
        return Rejected(rejection, tuple(problems))


def describe_problems(problems: Sequence[Problem]) -> list[dict[str, str | None]]:
    """Problems as events carry them: `text` to show, the parts to work with."""
    return [
        {
            "text": _short(str(problem)),
            "path": _short(problem.path),
            "message": _short(problem.message),
            "hint": problem.hint and _short(problem.hint),
        }
        for problem in problems[:PROBLEMS_TOLD]
    ]


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_TOLD else f"{text[: _TEXT_TOLD - 1]}…"


def _metadata_parameters(metadata: Mapping[str, str]) -> dict[str, Any]:
    text = metadata.get("parameters")
    if not text:
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError([_not_an_object(f"is not JSON: {error}")]) from None
    if not isinstance(given, dict):
        raise SpecError([_not_an_object(f"is a JSON {type(given).__name__}, not an object")])
    return given


def _not_an_object(what: str) -> Problem:
    return Problem("parameters", f"object metadata `parameters` {what}", 'write an object, as in {"alpha": 0.3}')
