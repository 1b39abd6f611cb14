"""Mistakes told to people: what is wrong, where, and what to do next; and the exit code that goes with it."""

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """What a command's exit code says; docs/cli.md lists them."""

    SUCCEEDED = 0
    RUN_FAILED = 1
    USER_ERROR = 2
    CANCELLED = 3
    UNREACHABLE = 4
    BUG = 70  # EX_SOFTWARE of sysexits.h
    DETACHED = 130  # 128 + SIGINT, as shells expect after Ctrl-C


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: `where` is a place inside what was given (`steps.train.batch.cpu`, `--alpha`)."""

    message: str
    where: str | None = None
    step: str | None = None
    file: str | None = None
    line: int | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """An error as it is shown, and as `--json` writes it."""

    message: str
    exit_code: ExitCode = ExitCode.USER_ERROR
    faults: tuple[Fault, ...] = ()
    hint: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"kind": "error"} | asdict(self) | {"exit_code": int(self.exit_code)}


class UserError(Exception):
    """Something that whoever typed the command can put right."""

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        faults: Iterable[Fault] = (),
        exit_code: ExitCode = ExitCode.USER_ERROR,
    ) -> None:
        super().__init__(message)
        self.report = Report(message, exit_code, tuple(faults), hint)


def explain(error: BaseException) -> Report | None:
    """What an expected error says; None for one that nobody expected.

    The classes are looked up among the loaded modules: an error of a library that was never imported cannot have
    been raised, and importing boto3 to find that out would cost more than the whole command.
    """
    if isinstance(error, UserError):
        return error.report
    for module, name, explained in _KNOWN:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(error, getattr(loaded, name)):
            report: Report = explained(error)
            return report
    return None


def _usage(error: Any) -> Report:
    message, hint = str(error).strip(), "`--help` lists what can be given"
    if message.startswith('Unknown command "-'):
        hint = "options follow the command, as in `run --with batch:cpu=8`"
    if type(error).__name__ == "UnusedCliTokensError":
        message = f"nothing takes {' '.join(error.unused_tokens)!r} here"
        if "=" in message:
            hint = "what steps shall have stands behind --with, without spaces: --with batch:cpu=8,gpu=1"
    return Report(message, hint=hint)


def _spec(error: Any) -> Report:
    faults = tuple(faults_of(error.problems))
    return Report(f"the spec has {count(len(faults), 'problem')}", faults=faults)


def _compile(error: Any) -> Report:
    faults = tuple(faults_of(error.problems))
    return Report(f"the flow has {count(len(faults), 'problem')}", faults=faults)


def _configuration(error: Any) -> Report:
    faults = tuple(faults_of(error.problems))
    return Report(f"{count(len(faults), 'problem')} in the configuration", faults=faults)


def _overrides(error: Any) -> Report:
    faults = tuple(faults_of(error.problems))
    return Report(f"{count(len(faults), 'problem')} in --with", faults=faults)


def _package(error: Any) -> Report:
    faults = tuple(faults_of(error.problems))
    return Report(f"the package has {count(len(faults), 'problem')}", faults=faults)


def _rejected(error: Any) -> Report:
    hint = None if error.problems else "its tags and the log of PackageUploadedFunction may say more"
    return Report(str(error), faults=tuple(faults_of(error.problems)), hint=hint)


def _no_such_run(error: Any) -> Report:
    return Report(f"there is no run {str(error)!r} on this relay", hint="`steprelay runs list` shows what there is")


def _unreachable(error: Any) -> Report:
    return Report(str(error), ExitCode.UNREACHABLE, hint=error.hint)


def _as_it_says(error: Any) -> Report:
    return Report(str(error))


def _relay_failed(error: Any) -> Report:
    log = getattr(error, "log", "")
    faults = tuple(Fault(line) for line in log.splitlines())
    return Report(str(error), ExitCode.UNREACHABLE, faults, "`steprelay local down` clears what is left of it")


def _no_credentials(error: Any) -> Report:
    return Report(
        f"no AWS credentials: {error}",
        ExitCode.UNREACHABLE,
        hint="`aws configure` or `aws sso login` gives you some; `--on local` needs none",
    )


def _no_region(error: Any) -> Report:
    return Report(f"no AWS region: {error}", ExitCode.UNREACHABLE, hint="set AWS_REGION, or `aws configure`")


def _no_answer(error: Any) -> Report:
    return Report(
        f"the relay does not answer: {error}",
        ExitCode.UNREACHABLE,
        hint="`steprelay local status` tells of the local relay; for the cloud check the region and your network",
    )


_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def _refused(error: Any) -> Report | None:
    code, operation = error.response.get("Error", {}).get("Code", ""), error.operation_name
    if code in _EXPIRED:
        return Report(f"AWS does not take your credentials: {error}", ExitCode.UNREACHABLE, hint="log in again")
    if code in _DENIED:
        hint = f"ask for the permission to call {operation}; docs/cli.md lists what each command needs"
        return Report(f"AWS denies {operation}: {error}", ExitCode.UNREACHABLE, hint=hint)
    return Report(f"AWS refuses {operation}: {error}", ExitCode.UNREACHABLE)


_KNOWN: tuple[tuple[str, str, Any], ...] = (
    ("cyclopts.exceptions", "CycloptsError", _usage),
    ("steprelay_core.spec.problems", "SpecError", _spec),
    ("steprelay.compile.problems", "CompileError", _compile),
    ("steprelay.compile.overrides", "OverrideError", _overrides),
    ("steprelay.config.values", "ConfigurationError", _configuration),
    ("steprelay.package.problems", "PackageError", _package),
    ("steprelay.client.follow", "Rejected", _rejected),
    ("steprelay.client.follow", "NoSuchRun", _no_such_run),
    ("steprelay.client.follow", "Refused", _as_it_says),
    ("steprelay.client.relay", "Unreachable", _unreachable),
    ("steprelay.client.parameters", "TooLarge", _as_it_says),
    ("steprelay.local.relay", "RelayFailed", _relay_failed),
    ("steprelay.local.relay", "NoSuchPlatform", _as_it_says),
    ("steprelay.local.sources", "NoSources", _relay_failed),
    ("botocore.exceptions", "NoCredentialsError", _no_credentials),
    ("botocore.exceptions", "PartialCredentialsError", _no_credentials),
    ("botocore.exceptions", "NoRegionError", _no_region),
    ("botocore.exceptions", "ProfileNotFound", _no_credentials),
    ("botocore.exceptions", "CredentialRetrievalError", _no_credentials),
    ("botocore.exceptions", "SSOError", _no_credentials),
    ("botocore.exceptions", "TokenRetrievalError", _no_credentials),
    ("botocore.exceptions", "ConnectionError", _no_answer),
    ("botocore.exceptions", "HTTPClientError", _no_answer),
    ("botocore.exceptions", "ClientError", _refused),
)


def faults_of(problems: Iterable[Any]) -> Iterable[Fault]:
    """Problems of a spec (`path`) or of a flow's source (`file` and `line`) as faults.

    What has no line in the source is in no file of it: `file` names a variable or an option then.
    """
    for problem in problems:
        line = getattr(problem, "line", None) or None
        file = getattr(problem, "file", None)
        yield Fault(
            message=problem.message,
            where=(getattr(problem, "path", None) or None) if line or not file else file,
            step=getattr(problem, "step", None),
            file=file if line else None,
            line=line,
            hint=problem.hint,
        )


def count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
