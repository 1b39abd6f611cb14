"""From a flow, and the state of a run, to what is drawn. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from steprelay.client.progress import Jobs, child_of, step_progress
from steprelay.client.tasks import parse_task
from steprelay.graph.model import Edge, FlowGraph, Node, Tasks
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group, RunStatus, Submission

_AT_WORK = ("RUNNING", "STARTING")


def flow_graph(flow: Flow) -> FlowGraph:
    """Every step and every way on, in the order written."""
    return FlowGraph(flow.name, tuple(_node(flow, step) for step in flow.spec.steps), tuple(_edges(flow)))


def run_graph(flow: Flow, stored: Stored, jobs: Jobs) -> FlowGraph:
    """The flow with where its tasks are in a run; `jobs`: what is known of those of a run that goes on."""
    graph, run = flow_graph(flow), stored.run
    groups: dict[str, list[Group]] = {step: [] for step in flow.spec.steps}
    for group in stored.groups.values():
        groups[group.key.step].append(group)
    told = {progress.step: progress for progress in step_progress(flow, stored, jobs)}
    nodes = []
    for node in graph.nodes:
        own, progress = groups[node.step], told[node.step]
        running = sum(_at_work(submission, jobs) for group in own for submission in group.submissions)
        waiting = sum(len(wait.members) for group in own for wait in group.waits)
        left = progress.tasks - progress.done - progress.failed - waiting
        running = min(running, left)
        tasks = Tasks(progress.done, progress.failed, running, waiting, left - running)
        nodes.append(replace(node, tasks=tasks, reason=_reason(stored, node.step, own) if tasks.failed else None))
    edges = tuple(_taken(graph, groups, flow))
    return FlowGraph(flow.name, tuple(nodes), edges, run.id, run.status.value.lower())


def _node(flow: Flow, name: str) -> Node:
    step = flow.step(name)
    return Node(
        step=name,
        kind="light" if step.batch is None else "batch",
        join=step.join,
        each=tuple(_each(flow, name)),
        machines=1 if step.batch is None else step.batch.nodes,
    )


def _each(flow: Flow, name: str) -> Iterator[str]:
    for split in flow.graph.splits.get(name, ()):
        ways = flow.step(split.step).next
        if split.kind == "foreach":
            yield next(way.foreach for way in ways if way.foreach is not None and split.branch in way.to)


def _edges(flow: Flow) -> Iterator[Edge]:
    for name, step in flow.spec.steps.items():
        for position, way in enumerate(step.next):
            for following in way.to:
                yield Edge(
                    source=name,
                    target=following,
                    foreach=way.foreach,
                    max_workers=flow.max_workers(way),
                    condition=step.condition,
                    when=way.when,
                    chosen=len(step.next) > 1,
                    back=(name, position) in flow.graph.back,
                )


def _at_work(submission: Submission, jobs: Jobs) -> int:
    """How many of its tasks run, as far as anybody knows."""
    if submission.light:
        return len(submission.open)
    if submission.job_id is None:
        return 0
    array = jobs.get(submission.job_id)
    if array is not None and array.children:
        return sum(array.children.get(status, 0) for status in _AT_WORK)
    seen = (jobs.get(child_of(submission.job_id, submission, member)) for member in submission.open) if jobs else ()
    states = [job.status if job is not None else submission.status for job in seen]
    if jobs:
        return sum(status in _AT_WORK for status in states)
    return len(submission.open) if submission.status in _AT_WORK else 0


def _reason(stored: Stored, step: str, groups: list[Group]) -> str:
    """Why a step failed: the cause of the run's end where it is this step, else its latest failure."""
    cause = stored.run.failure
    lines = [line for group in groups for line in group.history if line.member in group.failed]
    if cause is not None and cause.task and parse_task(cause.task).step == step:
        failure = cause.failure
    elif lines:
        failure = max(lines, key=lambda line: line.at).failure
    else:
        cancelled = stored.run.status is RunStatus.CANCELLED
        return "stopped: the run was cancelled" if cancelled else "stopped with the run"
    return f"{failure.class_}: {failure.reason}" if failure.reason else failure.class_


def _taken(graph: FlowGraph, groups: dict[str, list[Group]], flow: Flow) -> Iterator[Edge]:
    edges = iter(graph.edges)
    for name, step in flow.spec.steps.items():
        for position, way in enumerate(step.next):
            taken = sum(len(group.chosen[position]) for group in groups[name] if position in group.chosen)
            for _ in way.to:
                yield replace(next(edges), taken=taken)
