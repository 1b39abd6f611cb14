"""Jobs of several nodes: each node is a job of its own to AWS Batch, `job#node`, and has a log of its own."""

from collections.abc import Sequence

from steprelay.client.progress import TASK_BY_TASK
from steprelay_core.spec import Flow
from steprelay_core.state.model import Group

# Which node of a task: None for an ordinary job, which has none.
Node = int | None

# The relay makes the first node the main one (steprelay_core.translate).
MAIN_NODE = 0


def nodes_of(flow: Flow, step: str) -> Sequence[Node]:
    """All nodes of a task of the step; of an ordinary one, as of an exit hook, None alone."""
    known = flow.spec.steps.get(step)
    batch = known.batch if known is not None else None
    return range(batch.nodes) if batch is not None and batch.nodes > 1 else (None,)


def main_node_of(flow: Flow, step: str) -> Node:
    """The node whose end is the task's end."""
    return None if nodes_of(flow, step) == (None,) else MAIN_NODE


def followed_nodes(flow: Flow, group: Group) -> Sequence[Node]:
    """The nodes of each task to follow: the main one only, where a group has too many to tell one by one."""
    nodes = nodes_of(flow, group.key.step)
    few = len(group.members) * len(nodes) <= TASK_BY_TASK
    return nodes if few else (main_node_of(flow, group.key.step),)


def job_of(task_job: str, node: Node) -> str:
    """The id by which AWS Batch knows the node."""
    return task_job if node is None else f"{task_job}#{node}"
