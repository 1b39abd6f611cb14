"""The brief: what a runner is told about the attempt it shall make, and where its objects lie. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steprelay.sdk.transition import Way

# 2: of a fallback attempt.
BRIEF_VERSIONS = (1, 2)

# What says where a task's inputs come from; see `steprelay.runner.parents`.
INPUT_KINDS = ("none", "same", "item", "gather", "branches")
JOINS = ("gather", "branches")

# What the job of a step ends with that raised an exception, for `exit_codes_no_retry`.
EXCEPTION_EXIT_CODE = 1


class BriefError(Exception):
    """The brief cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Spans:
    """A set of members as spans `(first, last)`, both included, in ascending order."""

    spans: tuple[tuple[int, int], ...]

    def __contains__(self, member: int) -> bool:
        return any(first <= member <= last for first, last in self.spans)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.spans:
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)

    def at(self, position: int) -> int:
        """The member at this position, from 0. Raises IndexError beyond the last."""
        for first, last in self.spans:
            if position <= last - first:
                return first + position
            position -= last - first + 1
        raise IndexError(position)


@dataclass(frozen=True, slots=True)
class ParentGroup:
    """A group this one starts from; `won` maps the attempt that won to the members it won for.

    `presumed`: it had not won yet when the brief was written (`steprelay.runner.presumption`).
    """

    step: str
    path: tuple[int, ...]
    won: tuple[tuple[int, Spans], ...]
    laps: tuple[int, ...] = ()
    presumed: bool = False


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """The file of the package and the class in it that hold the steps."""

    file: str
    class_name: str


@dataclass(frozen=True, slots=True)
class Catch:
    """`@catch`: the artifact for the exception, and whether to print it."""

    var: str | None
    print_exception: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """How the run of an exit hook has ended: SUCCEEDED, or FAILED for the `failure` that events tell."""

    status: str
    failure: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class LastFailure:
    """What the last attempt of some members failed of, for a fallback attempt to leave in the artifact of `@catch`.

    `attempt`: the one that failed; `told`: its own outcome tells more.
    """

    members: Spans
    attempt: int
    class_: str
    reason: str
    exit_code: int | None = None
    log_stream: str | None = None
    log_link: str | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Brief:
    """One submission: an attempt of some members of a group. Times in seconds.

    `first_attempt`: the one from which the budget of retries counts; attempts that cost none of it raise it.
    """

    run: str
    flow: str
    step: str
    path: tuple[int, ...]
    members: Spans
    attempt: int
    max_attempts: int
    origin: Mapping[str, Any]
    package: str | None
    entrypoint: Entrypoint | None
    command: tuple[str, ...] | None
    environment: Mapping[str, str]
    timeout_seconds: float | None
    catch: Catch | None
    parameters: Mapping[str, Any]
    ways: tuple[Way, ...]
    condition: str | None
    tempdir: str | None
    input_kind: str
    groups: tuple[ParentGroup, ...]
    # Of a join: who started those of its foreachs that had no items.
    empty: tuple[ParentGroup, ...] = ()
    laps: tuple[int, ...] = ()
    first_attempt: int = 1
    # Of an attempt that runs no user code: what it is made for.
    fallback: tuple[LastFailure, ...] = ()
    # Classes that alone are retried, None for all; and exit codes that are not.
    retried_classes: tuple[str, ...] | None = None
    final_exit_codes: tuple[int, ...] = ()
    # Of an exit hook, whose name stands for a step's.
    hook: Ended | None = None

    @property
    def retry_count(self) -> int:
        """Attempts of its budget before this one."""
        return self.attempt - self.first_attempt

    def is_last(self, class_: str, exit_code: int | None) -> bool:
        """Whether no attempt follows this one if it fails so; `exit_code` is None for an exception."""
        if self.fallback:
            return True
        if self.retried_classes is not None and class_ not in self.retried_classes:
            return True
        code = EXCEPTION_EXIT_CODE if exit_code is None else exit_code
        return self.attempt >= self.max_attempts or (class_ == "program" and code in self.final_exit_codes)


@dataclass(frozen=True, slots=True)
class Task:
    """One member of a brief: what a single container or light function runs."""

    brief: Brief
    member: int

    @property
    def split(self) -> str:
        """The whole split path, root first: `0`, `0.3`; behind its laps, where it has any: `2-0.3`."""
        return split_of(self.brief.path, self.member, self.brief.laps)

    @property
    def name(self) -> str:
        """As people see it: `train`, or `train.3` for the fourth split; `train@2` in the third lap."""
        name = ".".join([self.brief.step, *(str(index) for index in (*self.brief.path, self.member)[1:])])
        return f"{name}@{'-'.join(map(str, self.brief.laps))}" if self.brief.laps else name

    @property
    def last_failure(self) -> LastFailure | None:
        """What a fallback attempt of it is made for."""
        return next((cause for cause in self.brief.fallback if self.member in cause.members), None)

    def key(self, name: str) -> str:
        """The key of one of this attempt's objects: claim.json, outcome.json, items, log.txt."""
        return attempt_key(self.brief.run, self.brief.step, self.split, self.brief.attempt, name)


def split_of(path: tuple[int, ...], member: int, laps: tuple[int, ...]) -> str:
    """What tells the tasks of a step apart, in the names of their objects."""
    return "-".join([*map(str, laps), ".".join(str(index) for index in (*path, member))])


def attempt_key(run: str, step: str, split: str, attempt: int, name: str) -> str:
    """Where an attempt of a task keeps the object of this name."""
    return f"runs/{run}/{step}/{split}/{attempt}/{name}"


def read_brief(raw: bytes) -> Brief:
    """Decode a brief as it lies in the data bucket.

    Raises:
        BriefError: if it is no JSON, of another version, or lacks something it must have.
    """
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise BriefError(f"the brief cannot be read: {error}") from error
    return decode_brief(document)


def decode_brief(document: Any) -> Brief:
    """A brief from its JSON; keys this version does not know are left alone.

    Raises:
        BriefError: if it is of another version or something it must have is missing.
    """
    try:
        version = document["brief_version"]
        if version not in BRIEF_VERSIONS:
            known = " and ".join(map(str, BRIEF_VERSIONS))
            raise BriefError(f"the brief has version {version}, this runner reads {known}: update the relay")
        return _decode(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BriefError(f"the brief cannot be read: {type(error).__name__}: {error}") from error


def _decode(document: dict[str, Any]) -> Brief:
    entrypoint, catch, inputs = document.get("entrypoint"), document.get("catch"), document["inputs"]
    if inputs["kind"] not in INPUT_KINDS:
        raise BriefError(f"the brief has inputs of kind {inputs['kind']!r}, known are {', '.join(INPUT_KINDS)}")
    command, retry = document.get("command"), document.get("retry") or {}
    return Brief(
        run=document["run"],
        flow=document["flow"],
        step=document["step"],
        path=tuple(document["path"]),
        members=_spans(document["members"]),
        attempt=document["attempt"],
        max_attempts=document["max_attempts"],
        origin=document.get("origin") or {},
        package=document.get("package"),
        entrypoint=entrypoint and Entrypoint(entrypoint["file"], entrypoint["class_name"]),
        command=tuple(command) if command else None,
        environment=document.get("environment") or {},
        timeout_seconds=document.get("timeout_seconds"),
        catch=None if catch is None else Catch(catch.get("var"), catch.get("print_exception", True)),
        parameters=document.get("parameters") or {},
        ways=tuple(_way(way) for way in document.get("next") or ()),
        condition=document.get("condition"),
        tempdir=document.get("tempdir"),
        input_kind=inputs["kind"],
        groups=tuple(_group(group) for group in inputs.get("groups") or ()),
        empty=tuple(_group(group) for group in inputs.get("empty") or ()),
        laps=tuple(document.get("laps") or ()),
        first_attempt=document.get("first_attempt", 1),
        retried_classes=None if retry.get("on") is None else tuple(retry["on"]),
        final_exit_codes=tuple(retry.get("exit_codes_no_retry") or ()),
        hook=_ended(document.get("hook")),
        fallback=tuple(_last_failure(cause) for cause in document.get("fallback") or ()),
    )


def _last_failure(document: dict[str, Any]) -> LastFailure:
    optional = {name: document.get(name) for name in ("exit_code", "log_stream", "log_link")}
    told = bool(document.get("told"))
    members = _spans(document["members"])
    return LastFailure(members, document["attempt"], document["class"], document["reason"], **optional, told=told)


def _ended(document: dict[str, Any] | None) -> Ended | None:
    return None if document is None else Ended(document["status"], document.get("failure"))


def _way(document: dict[str, Any]) -> Way:
    empty = document.get("empty") or "join"
    return Way(tuple(document["to"]), document.get("foreach"), document.get("when"), empty)


def _group(document: dict[str, Any]) -> ParentGroup:
    won = tuple((int(attempt), _spans(members)) for attempt, members in document["won"].items())
    laps = tuple(document.get("laps") or ())
    return ParentGroup(document["step"], tuple(document["path"]), won, laps, bool(document.get("presumed")))


def _spans(pairs: list[list[int]]) -> Spans:
    return Spans(tuple((first, last) for first, last in pairs))


def task_of(brief: Brief, array_index: int | None) -> Task:
    """The task of an array child (`array_index` as Batch counts it, from 0) or of a single job.

    Raises:
        BriefError: if the index is beyond the members, or missing although there are several.
    """
    if array_index is None and len(brief.members) != 1:
        raise BriefError(f"the brief has {len(brief.members)} members, but this is not a child of an array job")
    try:
        return Task(brief, brief.members.at(array_index or 0))
    except IndexError:
        raise BriefError(f"array index {array_index} is beyond the {len(brief.members)} members") from None
