"""`runs list|show|cancel`: the runs of a relay; `restart` has `resume` and `retry`."""

from steprelay.cli.commands.watch import watch
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, UserError
from steprelay.cli.render.ending import ending_lines
from steprelay.client.changes import as_json
from steprelay.client.target import Where

# Seconds that a cancelled run may take to stop before the command leaves it to itself.
CANCEL_PATIENCE = 120.0


def list_runs(context: Context, *, limit: int, on: Where | None, stack: str | None, json: bool) -> ExitCode:
    from steprelay.cli.render.runs import show_runs

    screen = context.screen(as_json=json)
    connection = context.relays.connect(on, stack, screen.remark)
    show_runs(screen, connection.client.list_runs(limit), connection.pace.now())
    return ExitCode.SUCCEEDED


def show_run(
    context: Context, run: str, *, follow_it: bool, on: Where | None, stack: str | None, json: bool
) -> ExitCode:
    screen = context.screen(as_json=json)
    connection = context.relays.connect(on, stack, screen.remark)
    from steprelay.client.follow import follow

    if follow_it:
        return watch(screen, run, follow(connection.client, run, connection.pace))
    from steprelay.cli.render.cost import cost_json, show_cost
    from steprelay.cli.render.runs import describe_run
    from steprelay.cli.render.runs import show_run as show
    from steprelay.client.queued import queued_jobs, queued_json
    from steprelay.client.view import look_at

    view = look_at(connection.client, run, connection.pace)
    result = {"cost": cost_json(view.cost), "result": as_json(view.ended) if view.ended else None}
    queued = queued_jobs(view.flow, view.stored, view.jobs)
    screen.emit(describe_run(view.flow, view.stored, view.steps) | {"queued": queued_json(queued)} | result)
    show(screen, view.flow, view.stored, view.steps, queued)
    show_cost(screen, view.cost)
    for line in ending_lines(view.ended) if view.ended else [f"it is running: steprelay runs show {run} -f follows it"]:
        screen.line(line)
    return ExitCode.SUCCEEDED


def cancel_run(context: Context, run: str, *, reason: str, on: Where | None, stack: str | None, json: bool) -> ExitCode:
    """Ask for it, then wait until the relay says that it has stopped."""
    screen = context.screen(as_json=json)
    connection = context.relays.connect(on, stack, screen.remark)
    from steprelay.client.follow import await_end, stored_run

    stored = stored_run(connection.client, run)
    if stored.run.status.terminal:
        raise UserError(f"{run} has ended already: {stored.run.status.value.lower()}")
    connection.client.cancel(run, reason)
    status = await_end(connection.client, run, connection.pace, CANCEL_PATIENCE)
    screen.emit({"kind": "cancelled", "run": run, "status": status})
    if status is None:
        screen.line(f"{run} was asked to stop and has not yet")
        return ExitCode.UNREACHABLE
    screen.line(f"{run} is {status.lower()}")
    return ExitCode.SUCCEEDED
