"""Multi-node parallel jobs: ranges of nodes, what Batch refuses of them, and what each node is made of. Pure.

Sources: NodeProperties, NodeRangeProperty, NodeOverrides and NodePropertyOverride in the service model; "Node groups"
and "Job lifecycle for MNP jobs" in the user guide.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steprelay.local.batch.rules import check_container, check_environment, check_resources, resources

Document = Mapping[str, Any]

TARGET = re.compile(r"(\d*):(\d*)")
MOST_GROUPS = 5
NOT_OFFERED = ("ecsProperties", "eksProperties", "consumableResourceProperties")
OVERRIDES_NOT_OFFERED = ("ecsPropertiesOverride", "eksPropertiesOverride", "consumableResourcePropertiesOverride")


@dataclass(frozen=True, slots=True)
class Range:
    """Nodes `first` to `last`; `is_open`: its end is not written, so that it grows with the job."""

    first: int
    last: int
    is_open: bool

    @classmethod
    def read(cls, text: str, nodes: int) -> "Range | None":
        """`0:3`, `:3`, `2:` or `:` in a job of so many nodes; None for anything else, and for nodes it lacks."""
        found = TARGET.fullmatch(text)
        if found is None:
            return None
        first, last = int(found[1] or 0), int(found[2]) if found[2] else nodes - 1
        return cls(first, last, not found[2]) if first <= last < nodes else None

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def holds(self, node: int) -> bool:
        return self.first <= node <= self.last

    def crosses(self, other: "Range") -> bool:
        """Whether the two overlap and neither lies within the other, so that neither overrides the other."""
        shared = min(self.last, other.last) - max(self.first, other.first) + 1
        return shared > 0 and (self.size == other.size or shared < min(self.size, other.size))


@dataclass(frozen=True, slots=True)
class Node:
    """A node's container and what the submission overrides of it."""

    container: Document
    overrides: Document


def check_multinode(request: Document) -> Iterator[str]:
    """What RegisterJobDefinition refuses of a multi-node parallel job, and of others that have parts of one."""
    if (request["type"] == "multinode") != ("nodeProperties" in request):
        yield "type multinode and nodeProperties belong together: give both or neither"
        return
    if "nodeProperties" not in request:
        return
    if "containerProperties" in request:
        yield "a multi-node parallel job has its containers in nodeProperties: leave containerProperties out"
    if "FARGATE" in request.get("platformCapabilities", ()):
        yield "type multinode isn't supported on Fargate"
    yield from _check_properties(request["nodeProperties"])


def _check_properties(properties: Document) -> Iterator[str]:
    count, main, groups = properties["numNodes"], properties["mainNode"], properties["nodeRangeProperties"]
    if count < 1:
        yield f"nodeProperties.numNodes is at least 1; given {count}"
        return
    if not 0 <= main < count:
        yield f"nodeProperties.mainNode is the index of one of the {count} nodes, 0 to {count - 1}; given {main}"
    if not 1 <= len(groups) <= MOST_GROUPS:
        yield f"nodeProperties.nodeRangeProperties has 1 to {MOST_GROUPS} ranges; given {len(groups)}"
    yield from _check_ranges("nodeProperties.nodeRangeProperties", groups, count)
    covered = [each for each in _ranges(groups, count) if each is not None]
    bare = [node for node in range(count) if not any(each.holds(node) for each in covered)]
    if bare:
        yield f"nodeProperties.nodeRangeProperties must account for all {count} nodes; without a range: {_listed(bare)}"
    for at, group in enumerate(groups):
        yield from _check_group(f"nodeProperties.nodeRangeProperties[{at}]", group)
    types = {group.get("container", {}).get("instanceType") for group in groups} - {None}
    if len(types) > 1:
        yield f"all node groups use the same instance type; given {', '.join(sorted(types))}"


def check_node_overrides(request: Document, definition: Document) -> Iterator[str]:
    """Problems of a submission of this multi-node definition."""
    for name in ("containerOverrides", "arrayProperties"):
        if request.get(name):
            yield f"{name} can't be used with a multi-node parallel job"
    overrides = request.get("nodeOverrides", {})
    properties = definition["nodeProperties"]
    count = overrides.get("numNodes", properties["numNodes"])
    if count != properties["numNodes"]:
        yield from _check_other_size(count, properties)
    given = overrides.get("nodePropertyOverrides", ())
    yield from _check_ranges("nodeOverrides.nodePropertyOverrides", given, count)
    for at, each in enumerate(given):
        where = f"nodeOverrides.nodePropertyOverrides[{at}]"
        yield from _not_offered(where, each, OVERRIDES_NOT_OFFERED)
        environment = each.get("containerOverrides", {}).get("environment", ())
        yield from check_environment(f"{where}.containerOverrides.environment", environment)


def check_node_sizes(nodes: Sequence[Node]) -> list[str]:
    """Problems of what nodes ask for, overrides merged; what several have in common is told once."""
    found = (check_resources({**resources(node.container), **resources(node.overrides)}, ("EC2",)) for node in nodes)
    return list(dict.fromkeys(problem for problems in found for problem in problems))


def nodes_of(request: Document, definition: Document) -> list[Node]:
    """The nodes of a submission that has passed the rules."""
    properties, overrides = definition["nodeProperties"], request.get("nodeOverrides", {})
    count = overrides.get("numNodes", properties["numNodes"])
    groups = _innermost(properties["nodeRangeProperties"], count)
    given = _innermost(overrides.get("nodePropertyOverrides", ()), count)
    return [Node(groups[node]["container"], given[node].get("containerOverrides", {})) for node in range(count)]


def _innermost(groups: Sequence[Document], count: int) -> list[Document]:
    """Of each node the group that counts: of nested ranges the inner one."""
    chosen: list[Document] = [{}] * count
    ranged = [(each, group) for each, group in zip(_ranges(groups, count), groups, strict=True) if each is not None]
    for each, group in sorted(ranged, key=lambda pair: -pair[0].size):
        chosen[each.first : each.last + 1] = [group] * each.size
    return chosen


def _ranges(groups: Sequence[Document], count: int) -> list[Range | None]:
    return [Range.read(group["targetNodes"], count) for group in groups]


def _check_ranges(where: str, groups: Sequence[Document], count: int) -> Iterator[str]:
    seen: list[tuple[str, Range]] = []
    for at, (group, found) in enumerate(zip(groups, _ranges(groups, count), strict=True)):
        text = group["targetNodes"]
        if found is None:
            yield (
                f"{where}[{at}].targetNodes is a range of the {count} nodes, like 0:{count - 1}, :{count - 1}, 0: or"
                f" :; given {text!r}"
            )
            continue
        crossed = [other for other, each in seen if found.crosses(each)]
        if crossed:
            yield f"{where}[{at}].targetNodes {text} and {crossed[0]} overlap, and neither lies within the other"
        seen.append((text, found))


def _check_group(where: str, group: Document) -> Iterator[str]:
    yield from _not_offered(where, group, NOT_OFFERED)
    if "container" not in group:
        yield f"{where}.container is required"
    else:
        yield from check_container(f"{where}.container", group["container"], ("EC2",))


def _not_offered(where: str, given: Document, names: Sequence[str]) -> list[str]:
    return [f"{where}.{name} is not offered by the local Batch" for name in names if name in given]


def _check_other_size(count: int, properties: Document) -> Iterator[str]:
    """The three conditions of NodeOverrides.numNodes."""
    if count < 1:
        yield f"nodeOverrides.numNodes is at least 1; given {count}"
        return
    ranges = [each for each in _ranges(properties["nodeRangeProperties"], properties["numNodes"]) if each is not None]
    if not any(each.is_open for each in ranges):
        yield "nodeOverrides.numNodes needs a node range with an open upper boundary (n:) in the job definition"
    if any(each.first >= count for each in ranges):
        yield f"nodeOverrides.numNodes must be above the lower boundary of every node range; given {count}"
    if properties["mainNode"] >= count:
        yield f"nodeOverrides.numNodes must be above the main node's index {properties['mainNode']}; given {count}"


def _listed(nodes: Sequence[int]) -> str:
    return ", ".join(map(str, nodes[:5])) + (", …" if len(nodes) > 5 else "")
