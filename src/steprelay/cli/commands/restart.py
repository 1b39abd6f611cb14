"""`runs resume|retry`: a person's word that a run is to go on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from steprelay.cli.commands.watch import watch
from steprelay.cli.context import Connection, Context
from steprelay.cli.errors import ExitCode, UserError
from steprelay.cli.render.screen import Screen
from steprelay.client.target import Where

if TYPE_CHECKING:
    from steprelay_core.ports import Stored

# Seconds that the relay may take to carry out a request before the command leaves it to itself.
PATIENCE = 60.0


def resume_run(
    context: Context, run: str, *, follow_it: bool, on: Where | None, stack: str | None, json: bool
) -> ExitCode:
    """Ask for it, then wait until the run says that it goes on."""
    screen = context.screen(as_json=json)
    connection = context.relays.connect(on, stack, screen.remark)
    from steprelay_core.decide.restart import why_not_resume

    def why_not(stored: "Stored") -> str | None:
        refusal = why_not_resume(stored.run)
        return f"{run} cannot be resumed: {refusal}" if refusal else None

    _check(_load(connection, run), why_not)
    request = connection.client.resume(run)
    return _see_through(screen, connection, run, request, why_not, "all that failed", follow_it=follow_it)


def retry_tasks(
    context: Context, run: str, named: str, *, follow_it: bool, on: Where | None, stack: str | None, json: bool
) -> ExitCode:
    """Ask for another attempt, then wait until the run says that it is on its way."""
    screen = context.screen(as_json=json)
    from steprelay_core.decide.restart import why_not_retry
    from steprelay_core.state.model import TaskSelection

    try:
        tasks = TaskSelection.parse(named)
    except ValueError as error:
        raise UserError(str(error), "`steprelay runs show RUN` names the tasks that failed") from None
    connection = context.relays.connect(on, stack, screen.remark)
    stored = _load(connection, run)
    flow = connection.client.flow(stored.run.digest)

    def why_not(stored: "Stored") -> str | None:
        refusal = why_not_retry(flow, stored.run, stored.groups, tasks)
        return f"{tasks} of {run} cannot be retried: {refusal}" if refusal else None

    _check(stored, why_not)
    request = connection.client.retry(run, tasks)
    return _see_through(screen, connection, run, request, why_not, str(tasks), follow_it=follow_it)


def _load(connection: Connection, run: str) -> "Stored":
    from steprelay.client.follow import stored_run

    return stored_run(connection.client, run)


def _check(stored: "Stored", why_not: Callable[["Stored"], str | None]) -> None:
    """Say so before the relay is asked, which would only write the reason into its log."""
    if (refusal := why_not(stored)) is not None:
        raise UserError(refusal)


def _see_through(
    screen: Screen,
    connection: Connection,
    run: str,
    request: str,
    why_not: Callable[["Stored"], str | None],
    what: str,
    *,
    follow_it: bool,
) -> ExitCode:
    from steprelay.client.follow import await_request, follow

    taken = await_request(connection.client, run, request, connection.pace, PATIENCE, why_not)
    generation = taken.run.generation if taken is not None else None
    screen.emit({"kind": "resumed", "run": run, "request": request, "generation": generation})
    if taken is None:
        screen.line(f"{run} was asked to go on and has not yet: steprelay runs show {run} tells when it does")
        return ExitCode.UNREACHABLE
    screen.line(f"{run} goes on with {what}")
    if follow_it:
        return watch(screen, run, follow(connection.client, run, connection.pace))
    screen.line(f"to follow it: steprelay runs show {run} -f")
    return ExitCode.SUCCEEDED
