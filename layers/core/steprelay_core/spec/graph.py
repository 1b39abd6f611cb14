"""The graph of a spec: which splits enclose a step, which split a join closes, which ways on go back to an earlier
step, and what is wrong with it.

Pure and derived only from the spec's transitions, so that a hand-written spec is checked exactly as a
compiled flow is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from steprelay_core.spec.loops import Edge, circles, edges_back, loop_problems
from steprelay_core.spec.models import Spec, Transition
from steprelay_core.spec.problems import Problem, nearest
from steprelay_core.spec.splits import Split


@dataclass(frozen=True, slots=True)
class Graph:
    """`splits[step]`: the enclosing splits, outermost first. `closes[join]`: the split that a join ends.

    `ends[split]`: the join in which that side of a split ends. `back`: the ways on, by step and position in its
    `next`, that lead to an earlier step. `circles`: for each step of a loop the first step of all loops at its level
    that hang together with it.
    """

    splits: dict[str, tuple[Split, ...]]
    closes: dict[str, Split]
    problems: tuple[Problem, ...]
    ends: dict[Split, str] = field(default_factory=dict)
    back: frozenset[tuple[str, int]] = frozenset()
    circles: dict[str, str] = field(default_factory=dict)

    def join_of(self, step: str, first: str) -> str:
        """The join of the foreach that `step` starts with `first`."""
        # Where the bodies of two foreachs of a step lead into each other, the walk has met the end by one of them.
        of_step = {
            split.branch: join for split, join in self.ends.items() if (split.step, split.kind) == (step, "foreach")
        }
        return of_step.get(first) or next(iter(of_step.values()))

    def depth(self, step: str) -> int:
        """How many foreach splits enclose the step: the length of its split path without the root."""
        return len(self.foreachs(step))

    def foreachs(self, step: str) -> list[str]:
        """The steps whose foreachs enclose this one, outermost first."""
        return [split.step for split in self.splits[step] if split.kind == "foreach"]

    def hang_together(self, step: str, other: str) -> bool:
        """Whether two steps of one level are in the same loop, or in loops that have steps in common."""
        return step in self.circles and self.circles[step] == self.circles.get(other)

    def levels(self, step: str) -> int:
        """How many counters its laps may have: one for each enclosing split, and one for the outermost level."""
        return 1 + len(self.splits[step])


def edges(spec: Spec) -> Iterator[tuple[str, Transition, str]]:
    """Every (step, transition, following step) of the flow, in the order written."""
    for name, step in spec.steps.items():
        for transition in step.next:
            for following in transition.to:
                yield name, transition, following


def build_graph(spec: Spec) -> Graph:
    """Walk the flow from its start and collect the graph together with every problem in its shape."""
    problems = [*_unknown_steps(spec), *_malformed_transitions(spec)]
    if problems:
        return Graph({}, {}, tuple(problems))
    back = edges_back(spec)
    walk = _Walk(spec, back)
    walk.run()
    found = [*walk.problems, *_unreachable(spec, walk.splits), *_incomplete_joins(spec, walk)]
    found += loop_problems(spec, back, walk.splits, walk.closes)
    ends = {split: joins[0] for split, joins in walk.ends.items()}
    ways_back = frozenset((step, position) for step, position, _ in back)
    together = {} if found else circles(spec, back, walk.splits)
    return Graph(walk.splits, walk.closes, (*found, *_ends_in_two_joins(walk)), ends, ways_back, together)


class _Walk:
    """Breadth first from the start, never back; each step gets the splits it is under from its first parent."""

    def __init__(self, spec: Spec, back: frozenset[Edge]) -> None:
        self.spec = spec
        self.back = back
        self.splits: dict[str, tuple[Split, ...]] = {spec.start: ()}
        self.closes: dict[str, Split] = {}
        self.arrivals: dict[str, set[str]] = {}
        self.ends: dict[Split, list[str]] = {}
        self.unjoined: set[str] = set()
        self.problems: list[Problem] = []

    def run(self) -> None:
        queue = [self.spec.start]
        while queue:
            name = queue.pop(0)
            for position, transition in enumerate(self.spec.steps[name].next):
                onwards = [step for step in transition.to if (name, position, step) not in self.back]
                queue += [following for following in onwards if self._enter(name, transition, following)]
            if not self.spec.steps[name].next:
                self._end(name)

    def _end(self, name: str) -> None:
        """Say that a split is still open, unless a missing join has been said of it already."""
        split = self.splits[name][-1].step if self.splits[name] else None
        if split is not None and split not in self.unjoined:
            self._say(
                name,
                f"step {name!r} ends the flow inside the split of {split!r}",
                "go on to a join step that takes `inputs`",
            )

    def _enter(self, name: str, transition: Transition, following: str) -> bool:
        """Record `following` as reached from `name`; true when it is met for the first time."""
        splits = self._after(name, transition, following)
        if self.spec.steps[following].join:
            if not splits:
                self._say(
                    following,
                    f"step {following!r} is a join, but {name!r} leads to it outside of any split",
                    "remove `inputs`, or split before it: a foreach, or several steps in one next",
                )
                return self._first(following, ())
            *outer, closed = splits
            self._close(following, closed)
            splits = tuple(outer)
        if self._first(following, splits):
            return True
        if _places(self.splits[following]) != _places(splits):
            self.unjoined.update(split.step for split in {*splits} ^ {*self.splits[following]})
            self._say(
                following,
                f"step {following!r} is reached from different branches but is not a join"
                if not self.spec.steps[following].join
                else f"join {following!r} is reached at different depths of splits",
                "add `inputs` to make it a join" if not self.spec.steps[following].join else None,
            )
        return False

    def _after(self, name: str, transition: Transition, following: str) -> tuple[Split, ...]:
        if transition.foreach is not None:
            return (*self.splits[name], Split(name, "foreach", following))
        if len(transition.to) > 1:
            return (*self.splits[name], Split(name, "branch", following))
        return self.splits[name]

    def _close(self, join: str, closed: Split) -> None:
        known = self.closes.setdefault(join, closed)
        self.arrivals.setdefault(join, set()).add(closed.branch)
        if join not in self.ends.setdefault(closed, []):
            self.ends[closed].append(join)
        if known.step != closed.step:
            self._say(
                join,
                f"join {join!r} closes both the split of {known.step!r} and that of {closed.step!r}",
                "give each split a join of its own",
            )
        elif known.kind != closed.kind:
            self._say(
                join,
                f"join {join!r} closes both a foreach and branches of {closed.step!r}",
                "give each of the two a join of its own",
            )

    def _first(self, name: str, splits: tuple[Split, ...]) -> bool:
        if name in self.splits:
            return False
        self.splits[name] = splits
        return True

    def _say(self, step: str, message: str, hint: str | None = None) -> None:
        problem = Problem(f"steps.{step}", message, hint, step)
        if problem not in self.problems:
            self.problems.append(problem)


def _places(splits: tuple[Split, ...]) -> list[tuple[str, ...]]:
    """What two ways to a step must have in common: of a foreach it does not matter which one of its step's it was."""
    return [(split.step, split.kind, *([split.branch] if split.kind == "branch" else [])) for split in splits]


def _unknown_steps(spec: Spec) -> Iterator[Problem]:
    if spec.start not in spec.steps:
        yield Problem("start", f"there is no step {spec.start!r} to start with", nearest(spec.start, spec.steps))
    for name, _, following in edges(spec):
        if following not in spec.steps:
            yield Problem(
                f"steps.{name}.next",
                f"step {name!r} goes on to {following!r}, which does not exist",
                nearest(following, spec.steps) or f"steps are {', '.join(spec.steps)}",
                name,
            )


def _is_join(spec: Spec, name: str) -> bool:
    return name in spec.steps and spec.steps[name].join


def _malformed_transitions(spec: Spec) -> Iterator[Problem]:
    if _is_join(spec, spec.start):
        hint = "remove `inputs`: there is nothing before it"
        yield Problem(f"steps.{spec.start}", f"the flow begins with a join, {spec.start!r}", hint, spec.start)
    for name, step in spec.steps.items():
        for transition in step.next:
            for message, hint_of_it in _faults(spec, transition):
                yield Problem(f"steps.{name}.next", message, hint_of_it, name)
        cases = [transition.when for transition in step.next]
        if step.condition is not None and None in cases:
            yield Problem(
                f"steps.{name}.next", "every way on needs `when`, since the step has a `condition`", None, name
            )
        if step.condition is None and any(case is not None for case in cases):
            yield Problem(
                f"steps.{name}.condition",
                "ways on have `when`, but the step has no `condition`",
                "name the artifact that decides",
                name,
            )


def _faults(spec: Spec, transition: Transition) -> Iterator[tuple[str, str | None]]:
    """What is wrong with one way on by itself: message and hint."""
    if transition.foreach is None and transition.empty != "join":
        yield "`empty` is for a foreach", "leave `empty` out, or name the items with `foreach`"
    if transition.foreach is not None and len(transition.to) != 1:
        yield "a foreach goes to exactly one step", f"it names {', '.join(transition.to)}"
    elif transition.foreach is not None and _is_join(spec, transition.to[0]):
        hint = "let it go to a step without `inputs`, which runs for each item"
        yield f"the foreach goes straight to join {transition.to[0]!r}", hint
    if len(set(transition.to)) != len(transition.to):
        yield "a branch names the same step twice", None


def _unreachable(spec: Spec, reached: dict[str, tuple[Split, ...]]) -> Iterator[Problem]:
    for name in spec.steps:
        if name not in reached:
            yield Problem(
                f"steps.{name}",
                f"step {name!r} is never reached from {spec.start!r}",
                "name it in the next of another step, or remove it",
                name,
            )


def _incomplete_joins(spec: Spec, walk: _Walk) -> Iterator[Problem]:
    """Each branch that a join closes must bring all its sides there; branches of other ways on may end elsewhere."""
    for join, split in walk.closes.items():
        for way in spec.steps[split.step].next:
            arrived = walk.arrivals[join].intersection(way.to)
            missing = [name for name in way.to if name not in arrived]
            if arrived and missing:
                yield Problem(
                    f"steps.{join}",
                    f"join {join!r} never receives the branch {missing[0]!r} of {split.step!r}",
                    "lead every branch of a split to the same join",
                    join,
                )


def _ends_in_two_joins(walk: _Walk) -> Iterator[Problem]:
    """Neither of the joins would ever get all that it waits for."""
    for split, joins in walk.ends.items():
        if len(joins) > 1:
            side = f"the foreach of {split.step!r}" if split.kind == "foreach" else f"branch {split.branch!r}"
            yield Problem(
                f"steps.{joins[1]}",
                f"{side} ends in join {joins[0]!r} or in join {joins[1]!r}",
                "lead every way to the same join, and choose after it",
                joins[1],
            )
