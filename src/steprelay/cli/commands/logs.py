"""`logs`: what the tasks of a run printed, or print."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from steprelay.cli.commands.watch import say_detached
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, UserError
from steprelay.cli.render.lines import printed_by
from steprelay.cli.render.screen import Screen
from steprelay.client.changes import OutputLine, as_json
from steprelay.client.progress import TASK_BY_TASK
from steprelay.client.target import Where

if TYPE_CHECKING:
    from steprelay.client.nodes import Node
    from steprelay.client.relay import RelayClient
    from steprelay_core.ports import Stored
    from steprelay_core.spec import Flow
    from steprelay_core.state.model import TaskKey, TaskSelection


def show_logs(
    context: Context, run: str, step: str | None, *, follow_it: bool, on: Where | None, stack: str | None, json: bool
) -> ExitCode:
    """The lines of all attempts, in the order of the flow; `step` names a step, one of its tasks, or an exit hook."""
    screen = context.screen(as_json=json)
    connection = context.relays.connect(on, stack, screen.remark)
    from steprelay.client.follow import stored_run

    stored = stored_run(connection.client, run)
    flow = connection.client.flow(stored.run.digest)
    wanted = _tasks_meant(flow, step)
    lines = _past(screen, connection.client, flow, stored, wanted)
    if follow_it:
        from steprelay.client.follow import follow

        changes = follow(connection.client, run, connection.pace)
        lines = (one for one in changes if isinstance(one, OutputLine) and _is_meant(one.task, wanted))
    try:
        for line in lines:
            screen.emit(as_json(line))
            screen.line(f"{printed_by(line)}{_attempt(line)} | {line.text}")
    except KeyboardInterrupt:
        say_detached(screen, run)
        return ExitCode.DETACHED
    return ExitCode.SUCCEEDED


def _attempt(line: OutputLine) -> str:
    return f" (attempt {line.attempt})" if line.attempt > 1 else ""


def _tasks_meant(flow: "Flow", step: str | None) -> "TaskSelection | None":
    """`process` means `process.3.1` as well; None: all tasks."""
    from steprelay_core.spec import nearest
    from steprelay_core.state.model import TaskSelection

    if step is None:
        return None
    try:
        tasks = TaskSelection.parse(step)
    except ValueError as error:
        raise UserError(str(error), hint="`steprelay runs show RUN` names the tasks that failed") from None
    names = [*flow.spec.steps, *(hook.name for hook in flow.spec.hooks)]
    if tasks.step not in names:
        known = nearest(tasks.step, names) or f"steps: {', '.join(names)}"
        raise UserError(f"{flow.name} has no step {tasks.step!r}", hint=known)
    return tasks


def _is_meant(task: str, wanted: "TaskSelection | None") -> bool:
    from steprelay.client.tasks import is_meant, parse_task

    return is_meant(parse_task(task), wanted)


def _past(
    screen: Screen, client: "RelayClient", flow: "Flow", stored: "Stored", wanted: "TaskSelection | None"
) -> Iterator[OutputLine]:
    from steprelay.client.follow import attempts_of
    from steprelay.client.nodes import nodes_of
    from steprelay.client.output import OutputReader
    from steprelay.client.tasks import is_meant

    reader = OutputReader(client, flow, stored.run.id)
    tasks = [task for task in _tasks(flow, stored) if is_meant(task, wanted)]
    shown = tasks if wanted is not None and len(tasks) == 1 else _most_telling(stored, tasks)
    for task in shown:
        nodes = _nodes(flow, task, alone=len(shown) == 1)
        for attempt in attempts_of(stored, task):
            yield from reader.rest(stored, task, attempt, nodes)
    for name, task in {task.step: task for task in shown}.items():
        nodes = nodes_of(flow, name)
        if len(shown) > 1 and len(nodes) > TASK_BY_TASK:
            more = f"all of them: steprelay logs {stored.run.id} {task}"
            screen.remark(f"of the {len(nodes)} nodes of {name} the main one only; {more}")
    if len(shown) < len(tasks):
        left = len(tasks) - len(shown)
        screen.remark(f"{left:,} more tasks; name one: steprelay logs {stored.run.id} {tasks[-1]}")


def _nodes(flow: "Flow", task: "TaskKey", *, alone: bool) -> "Sequence[Node]":
    """All nodes of a task; of very many the main one, where other tasks are shown too."""
    from steprelay.client.nodes import main_node_of, nodes_of

    nodes = nodes_of(flow, task.step)
    return nodes if alone or len(nodes) <= TASK_BY_TASK else (main_node_of(flow, task.step),)


def _tasks(flow: "Flow", stored: "Stored") -> Iterator["TaskKey"]:
    from steprelay.client.hooks import hook_tasks
    from steprelay.client.progress import in_order

    for group in in_order(flow, stored):
        yield from (group.key.task(member) for member in group.members)
    yield from hook_tasks(stored)


def _most_telling(stored: "Stored", tasks: "list[TaskKey]") -> "list[TaskKey]":
    """At most so many tasks of each step: the failed ones first, then those that come first."""
    by_step: dict[str, list[TaskKey]] = {}
    for task in tasks:
        by_step.setdefault(task.step, []).append(task)
    kept: list[TaskKey] = []
    for of_step in by_step.values():
        failed = [task for task in of_step if _failed_once(stored, task)]
        chosen = set([*failed, *of_step][:TASK_BY_TASK])
        kept += [task for task in of_step if task in chosen]
    return kept


def _failed_once(stored: "Stored", task: "TaskKey") -> bool:
    group = stored.groups.get(task.group)
    return group is not None and any(failed.member == task.member for failed in group.history)
