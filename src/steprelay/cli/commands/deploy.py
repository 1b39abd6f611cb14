"""`deploy`: make the relay start a flow by its schedules, by events, and on request."""

from steprelay.cli.advice import Advice
from steprelay.cli.changes import Changes, load_flow
from steprelay.cli.commands.run import send
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, UserError
from steprelay.cli.render.oddities import say_oddities
from steprelay.cli.source import Source
from steprelay.client.target import Where

# Seconds that a relay may take to read a package before something must be wrong with it.
PATIENCE = 300.0


def deploy_flow(
    context: Context, source: Source, changes: Changes, *, on: Where | None, stack: str | None, as_json: bool
) -> ExitCode:
    """Upload under `deploy/` and wait for the relay to take it."""
    screen = context.screen(as_json=as_json)
    loaded = load_flow(context, source, changes)
    say_oddities(screen, loaded)
    connection = context.relays.connect(on, stack, screen.remark, start=True, folder=source.root)
    advice = Advice(lambda: connection, loaded.flow)
    upload = send(screen, connection, source, loaded.flow, "deploy", {})
    from steprelay.client.follow import await_verdict

    if not await_verdict(connection.client, upload, connection.pace, PATIENCE):
        raise UserError(
            f"the relay has not read s3://{upload.bucket}/{upload.key} within {PATIENCE:.0f} s",
            hint="look at the log of PackageUploadedFunction and at the queue behind it",
            exit_code=ExitCode.UNREACHABLE,
        )
    spec = loaded.flow.spec
    schedules = [f"{schedule.expression} ({schedule.timezone})" for schedule in spec.schedules]
    triggers = [trigger.event for trigger in spec.triggers]
    screen.emit({"kind": "deployed", "flow": spec.flow, "schedules": schedules, "triggers": triggers})
    screen.line(f"{spec.flow} is deployed on the {connection.where} relay")
    for schedule in schedules:
        screen.line(f"  starts {schedule}")
    for trigger in triggers:
        screen.line(f"  starts on event {trigger!r}")
    if not schedules and not triggers:
        screen.line("  starts on request: it has neither @schedule nor @trigger")
    advice.say(screen)
    return ExitCode.SUCCEEDED
