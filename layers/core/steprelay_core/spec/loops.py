"""Loops: which ways on go back to an earlier step, and what is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping

from steprelay_core.spec.models import Spec
from steprelay_core.spec.problems import Problem
from steprelay_core.spec.splits import Split

# A step, the position of one of its ways on, and a step that it leads to.
Edge = tuple[str, int, str]


def edges_of(spec: Spec, step: str) -> Iterator[Edge]:
    """Where a step leads, in the order written."""
    for position, transition in enumerate(spec.steps[step].next):
        for following in transition.to:
            yield step, position, following


def edges_back(spec: Spec) -> frozenset[Edge]:
    """The edges that lead to a step on the way there, depth first from the start: one at least of every circle."""
    back: set[Edge] = set()
    on_the_way, seen = {spec.start: edges_of(spec, spec.start)}, {spec.start}
    while on_the_way:
        name = next(reversed(on_the_way))
        edge = next(on_the_way[name], None)
        if edge is None:
            del on_the_way[name]
        elif edge[2] in on_the_way:
            back.add(edge)
        elif edge[2] not in seen:
            seen.add(edge[2])
            on_the_way[edge[2]] = edges_of(spec, edge[2])
    return frozenset(back)


def circles(spec: Spec, back: Iterable[Edge], splits: Mapping[str, tuple[Split, ...]]) -> dict[str, str]:
    """For each step of a loop the first step, in the order written, of all loops that hang together with it.

    Those around a split are another matter than those within it: a step belongs to the ones at its own level.
    """
    found: dict[str, str] = {}
    for name, _, target in sorted(back):
        level = splits[name]
        inside = {step for step, around in splits.items() if around[: len(level)] == level}
        own = [step for step in _circle(spec, name, target, inside) if splits[step] == level]
        found |= dict.fromkeys(own, own[0])
    return found


def loop_problems(
    spec: Spec, back: Iterable[Edge], splits: Mapping[str, tuple[Split, ...]], closes: Mapping[str, Split]
) -> Iterator[Problem]:
    """What is wrong with ways back: what they lead into or out of, and loops that nobody can leave."""
    escaping = _escaping(spec)
    for edge in sorted(back):
        name, position, target = edge
        where = f"steps.{name}.next.{position}"
        for message, hint in _wrong(spec, edge, splits, closes):
            yield Problem(where, f"step {name!r} goes back to {target!r} {message}", hint, name)
        if name not in escaping:
            circle = _circle(spec, name, target, set(spec.steps))
            message = f"steps lead in a circle that nothing leaves: {', '.join(circle)}"
            yield Problem(where, message, "let one of them choose, by `if`, between going back and going on", name)


def _wrong(
    spec: Spec, edge: Edge, splits: Mapping[str, tuple[Split, ...]], closes: Mapping[str, Split]
) -> Iterator[tuple[str, str]]:
    name, position, target = edge
    way = spec.steps[name].next[position]
    if way.foreach is not None:
        yield "by a foreach", "go back to it alone, and let it start the foreach"
    elif len(way.to) > 1:
        yield "and to others at once", "go back to one step alone"
    elif spec.steps[target].join:
        split = f"{closes[target].step!r}, " if target in closes else ""
        yield "which is a join", f"go back to {split}the step that splits"
    else:
        out, into = _apart(splits[name], splits[target])
        ends = [f"out of the split of {split.step!r}" for split in out[:1]]
        ends += [f"into the split of {split.step!r}" for split in into[:1]]
        if ends:
            yield " and ".join(ends), "a loop begins and ends in the same split: join first, or go back further"


def _apart(own: tuple[Split, ...], others: tuple[Split, ...]) -> tuple[tuple[Split, ...], tuple[Split, ...]]:
    """The splits that enclose one of two steps but not the other."""
    common = 0
    while common < min(len(own), len(others)) and own[common] == others[common]:
        common += 1
    return own[common:], others[common:]


def _escaping(spec: Spec) -> set[str]:
    """The steps from which a step without a way on can be reached."""
    return _reached(_before(spec), [name for name, step in spec.steps.items() if not step.next])


def _circle(spec: Spec, name: str, target: str, inside: set[str]) -> list[str]:
    """The steps of all circles through this edge that stay inside, in the order written."""
    after = {step: {following for _, _, following in edges_of(spec, step)} & inside for step in inside}
    before = {step: origins & inside for step, origins in _before(spec).items()}
    both = _reached(after, [target]) & _reached(before, [name])
    return [step for step in spec.steps if step in both]


def _before(spec: Spec) -> dict[str, set[str]]:
    before: dict[str, set[str]] = {name: set() for name in spec.steps}
    for name in spec.steps:
        for _, _, following in edges_of(spec, name):
            before[following].add(name)
    return before


def _reached(onwards: Mapping[str, set[str]], begin: Iterable[str]) -> set[str]:
    reached, queue = set(begin), list(begin)
    while queue:
        new = onwards[queue.pop()] - reached
        reached |= new
        queue += new
    return reached
