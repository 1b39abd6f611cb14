"""What a drawing of a flow shows, whatever it is drawn with: plain values, and the words for them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["light", "batch"]
State = Literal["failed", "running", "waiting", "queued", "succeeded", "idle"]

# How much of a reason fits below a step.
REASON_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Tasks:
    """How many tasks of a step are where, in a run.

    `waiting`: between two attempts; `queued`: handed over and not begun yet, or waiting for room (`max_workers`).
    """

    succeeded: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0
    queued: int = 0

    @property
    def total(self) -> int:
        return self.succeeded + self.failed + self.running + self.waiting + self.queued

    @property
    def state(self) -> State:
        """The one that says most."""
        counts: dict[State, int] = {
            "failed": self.failed,
            "running": self.running,
            "waiting": self.waiting,
            "queued": self.queued,
            "succeeded": self.succeeded,
        }
        return next((state for state, count in counts.items() if count), "idle")

    def __str__(self) -> str:
        """`12 succeeded, 1 failed`; of a single task without its number."""
        told = [(count, state) for state, count in asdict(self).items() if count]
        if self.total == 1:
            return told[0][1]
        return ", ".join(f"{count:,} {state}" for count, state in told) or "not started"


@dataclass(frozen=True, slots=True)
class Node:
    """A step. `each`: the artifacts whose items it runs for, outermost first; `machines`: of a multi-node job.

    `tasks` and `reason` (why it failed) are set in a drawing of a run.
    """

    step: str
    kind: Kind
    join: bool = False
    each: tuple[str, ...] = ()
    machines: int = 1
    tasks: Tasks | None = None
    reason: str | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What is written on it, the step's name first."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        yield self.step
        known = ["AWS Batch" if self.kind == "batch" else "light"]
        known += [f"{self.machines} nodes"] if self.machines > 1 else []
        yield ", ".join([*known, "join"] if self.join else known)
        if self.each:
            number = f"{self.tasks.total:,}" if self.tasks and self.tasks.total else "N"
            yield f"\N{MULTIPLICATION SIGN}{number}: " + ", ".join(f"each of {name}" for name in self.each)
        if self.tasks is not None:
            yield str(self.tasks)
        if self.reason is not None:
            yield shorten(self.reason)


@dataclass(frozen=True, slots=True)
class Edge:
    """A way on. `foreach`, `max_workers` and `when` (the value of the artifact `condition`) as in the spec.

    `chosen`: one of several ways, between which the step decides as it runs; `back`: to a step that came before;
    `taken`: how many tasks went this way, in a drawing of a run.
    """

    source: str
    target: str
    foreach: str | None = None
    max_workers: int | None = None
    condition: str | None = None
    when: str | None = None
    chosen: bool = False
    back: bool = False
    taken: int | None = None

    @property
    def label(self) -> str:
        """What is written on it; empty for the only way on."""
        told = []
        if self.when is not None:
            told.append(f"{self.condition} is {self.when}")
        elif self.chosen:
            told.append("if chosen")
        if self.foreach is not None:
            told.append(f"each of {self.foreach}")
        if self.max_workers is not None:
            told.append(f"at most {self.max_workers:,} at a time")
        return ", ".join([*told, "back"] if self.back else told)


@dataclass(frozen=True, slots=True)
class FlowGraph:
    """A whole flow; `run` and its `status` where it is drawn for one."""

    flow: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    run: str | None = None
    status: str | None = None

    @property
    def title(self) -> str:
        return self.flow if self.run is None else f"{self.run}: {self.status}"

    @property
    def description(self) -> str:
        """The drawing in words, for those who cannot see it."""
        return " ".join(f"{node.step}: {', '.join(node.lines[1:])}{self._ways(node)}." for node in self.nodes)

    def _ways(self, node: Node) -> str:
        ways = [f"{edge.target} ({edge.label})" if edge.label else edge.target for edge in self._from(node)]
        return f"; goes on to {', '.join(ways)}" if ways else ""

    def _from(self, node: Node) -> Iterator[Edge]:
        return (edge for edge in self.edges if edge.source == node.step)


def as_json(graph: FlowGraph) -> dict[str, Any]:
    """Nodes and edges with all that is known of them."""
    nodes = [asdict(node) | {"state": node.tasks.state if node.tasks else None} for node in graph.nodes]
    edges = [asdict(edge) | {"label": edge.label} for edge in graph.edges]
    return {"flow": graph.flow, "run": graph.run, "status": graph.status, "nodes": nodes, "edges": edges}


def shorten(text: str, limit: int = REASON_LENGTH) -> str:
    """The first line, cut at so many characters."""
    first = next(iter(text.splitlines()), "").strip()
    return first if len(first) <= limit else f"{first[: limit - 1].rstrip()}…"
