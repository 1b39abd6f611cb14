"""Finding the relay that a command is for: a stack in the cloud, or the embedded one of this project."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from steprelay.cli.context import Connection, Remark
from steprelay.cli.errors import ExitCode, UserError
from steprelay.cli.project import STATE, project_folder
from steprelay.client.target import STACK_VARIABLE, Target, Where

if TYPE_CHECKING:
    from steprelay.client.clients import TargetClients
    from steprelay.local.record import RelayInfo


class ConfiguredRelays:
    """Implements `steprelay.cli.context.Relays` from the environment, the configuration and the project's folder.

    `running` is the embedded relay of the project, where it is known to be up.
    """

    def __init__(self, env: Mapping[str, str], cwd: Path, running: "RelayInfo | None" = None) -> None:
        self._env = env
        self._cwd = cwd
        self._known = running

    def connect(
        self, on: Where | None, stack: str | None, remark: Remark, *, start: bool = False, folder: Path | None = None
    ) -> Connection:
        if on == "local" and stack:
            raise UserError("--stack names a relay in the cloud, --on local asks for the one here", hint="give one")
        named = None if on == "local" else stack or self._configured_stack(folder or self._cwd)
        if on == "local" or not (on or named):
            return _embedded(self._known or (self._started(remark) if start else self._running()))
        if not named:
            raise UserError(
                "no stack is named",
                hint=f"give --stack NAME, set {STACK_VARIABLE}, or write `stack = …` into [tool.steprelay] of "
                "pyproject.toml; `--on local` needs none",
            )
        # boto3 itself only knows AWS_DEFAULT_REGION; Lambda, the AWS CLI's newer kin and people say AWS_REGION.
        return _cloud(named, self._env.get("AWS_REGION"))

    def present(self, folder: Path) -> Connection | None:
        # Whatever is wrong is told by the commands that need a relay.
        with suppress(Exception):
            if self._known is not None or self._configured_stack(folder) or self._keeps_a_relay():
                return self.connect(None, None, lambda _: None, folder=folder)
        return None

    def _keeps_a_relay(self) -> bool:
        """Asked first, since the embedded relay's own modules take a while to import."""
        return Path(project_folder(str(self._cwd)), STATE).is_dir()

    def _configured_stack(self, folder: Path) -> str | None:
        """The stack that the environment names, else the configuration."""
        if self._env.get(STACK_VARIABLE):
            return self._env[STACK_VARIABLE]
        from steprelay.config import read_configuration

        stack = read_configuration(self._env, folder).stack
        return stack.value if stack else None

    def _started(self, remark: Remark) -> "RelayInfo":
        with needs_local():
            from steprelay.local.record import RelayFolder
            from steprelay.local.relay import LocalRelay
        project = Path(project_folder(str(self._cwd)))
        if RelayFolder(project).read() is None:
            remark("starting the local relay…")
        return LocalRelay.up(project, remark)

    def _running(self) -> "RelayInfo":
        with needs_local():
            from steprelay.local.health import answers
            from steprelay.local.record import RelayFolder
        info = RelayFolder(Path(project_folder(str(self._cwd)))).read()
        if info is None or info.state != "ready" or not answers(info):
            raise UserError(
                "the local relay is not up",
                hint="`steprelay local up` starts it, and so does `run`; a relay in the cloud is named with --stack",
                exit_code=ExitCode.UNREACHABLE,
            )
        return info


@contextmanager
def needs_local() -> Iterator[None]:
    """Say what to install where the embedded relay's own dependencies are missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(
            f"the local relay needs the package {error.name!r}, which is not installed",
            hint="pip install 'steprelay[local]'",
            exit_code=ExitCode.UNREACHABLE,
        ) from error


def _embedded(info: "RelayInfo") -> Connection:
    from steprelay.client.aws import AwsRelay
    from steprelay.client.pace import local_pace

    target = Target(where="local", stack="local", outputs=dict(info.outputs))
    return Connection(AwsRelay(target, _embedded_clients(info.port)), local_pace(), "local", "local")


@cache
def _embedded_clients(port: int) -> "TargetClients":
    """Kept, so that the warm process makes them once for all the commands it forks for."""
    from steprelay.client.clients import TargetClients
    from steprelay.local.environment import client_environment

    told = client_environment(port)
    keys = (told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"])
    return TargetClients(told["AWS_ENDPOINT_URL"], told["AWS_REGION"], keys)


def warm_up(info: "RelayInfo") -> None:
    """Make the clients and readers that a run needs, and leave no connection open that a fork would share."""
    from steprelay_core import codec

    codec.prepare()
    clients, outputs = _embedded_clients(info.port), info.outputs
    clients.dynamodb.describe_table(TableName=outputs["Table"])
    clients.s3.head_bucket(Bucket=outputs["PackageBucket"])
    clients.dynamodb.close()
    clients.s3.close()


def _cloud(stack: str, region: str | None) -> Connection:
    from steprelay.client.aws import AwsRelay
    from steprelay.client.clients import TargetClients
    from steprelay.client.pace import cloud_pace
    from steprelay.client.stacks import find_stack

    clients = TargetClients(region=region)
    target = find_stack(clients.cloudformation, stack)
    return Connection(AwsRelay(target, clients), cloud_pace(), "cloud", stack)
