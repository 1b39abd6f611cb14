"""`local up|down|status`: the embedded relay of this project."""

from pathlib import Path
from typing import TYPE_CHECKING

from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, UserError
from steprelay.cli.project import project_folder
from steprelay.cli.relays import needs_local
from steprelay.cli.render.screen import Screen

if TYPE_CHECKING:
    from steprelay.local.record import Platform, RelayInfo


def up(context: Context, *, platform: "Platform | None", chaos: str | None, as_json: bool) -> ExitCode:
    """Start it, or say that it runs."""
    screen = context.screen(as_json=as_json)
    with needs_local():
        from steprelay.local.relay import LocalRelay, NoSuchPlatform
    try:
        info = LocalRelay.up(Path(project_folder(str(context.cwd))), screen.remark, chaos, platform)
    except NoSuchPlatform:
        raise
    except ValueError as error:
        raise UserError(f"--chaos: {error}", hint="for example --chaos spot=0.2,duplicate=0.3,seed=7") from None
    _say(screen, "running", info)
    return ExitCode.SUCCEEDED


def down(context: Context, *, as_json: bool) -> ExitCode:
    screen = context.screen(as_json=as_json)
    with needs_local():
        from steprelay.local.relay import LocalRelay
    stopped = LocalRelay.down(Path(project_folder(str(context.cwd))))
    screen.emit({"kind": "local", "state": "stopped", "was_up": stopped})
    screen.line("the local relay is stopped, and all it kept is removed" if stopped else "there was no local relay")
    return ExitCode.SUCCEEDED


def status(context: Context, *, as_json: bool) -> ExitCode:
    """Exit code 0 if it runs, else 4."""
    screen = context.screen(as_json=as_json)
    with needs_local():
        from steprelay.local.relay import LocalRelay
    found = LocalRelay.status(Path(project_folder(str(context.cwd))))
    if found.state != "running" or found.info is None:
        screen.emit({"kind": "local", "state": found.state, "log": str(found.log)})
        screen.line(f"the local relay is {found.state}" + (f"; its log: {found.log}" if found.state == "gone" else ""))
        return ExitCode.UNREACHABLE
    _say(screen, found.state, found.info)
    for queue, messages in found.dead_letters.items():
        screen.line(f"  {queue}: {messages} dead letters; the log says why: {found.log}")
    return ExitCode.SUCCEEDED


def _say(screen: Screen, state: str, info: "RelayInfo") -> None:
    screen.emit(
        {
            "kind": "local",
            "state": state,
            "pid": info.pid,
            "endpoint_url": info.endpoint_url,
            "outputs": dict(info.outputs),
            "environment": info.environment,
            "platform": info.platform,
            "chaos": info.chaos,
        }
    )
    screen.line(f"the local relay is {state}: process {info.pid} at {info.endpoint_url}")
    if info.platform != "ec2":
        screen.line(f"  its job queue is one of {info.platform.capitalize()}")
    if info.chaos:
        screen.line(f"  it makes faults on purpose: {info.chaos}")
    for name, value in sorted(info.outputs.items()):
        screen.line(f"  {name:18} {value}")
    bucket = info.outputs.get("PackageBucket", "…")
    screen.line("any AWS client can use it, as in:")
    screen.line(f"  {' '.join(f'{name}={info.environment[name]}' for name in SHOWN)} \\")
    screen.line(f"    aws s3 cp package.tar.gz s3://{bucket}/run/")


SHOWN = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
