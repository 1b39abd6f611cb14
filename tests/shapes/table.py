"""What becomes of each flow in `flows`: the result, and how many tasks each step had; or why it fails."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLOWS = Path(__file__).parent / "flows"


@dataclass(frozen=True)
class Shape:
    """`tasks`: of each step that ran, how many; a step that is not named ran once if it is in `once`."""

    name: str
    result: Any = None
    fails: tuple[str, ...] = ()
    once: str = ""
    many: dict[str, int] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where the flow is written."""
        return next(file for file in FLOWS.glob("*.py") if f"class {self.name}(" in file.read_text())

    @property
    def tasks(self) -> dict[str, int]:
        return dict.fromkeys(self.once.split(), 1) | self.many


_STACK = [(1, 2), (1, "b"), (0, 1)]

SHAPES = (
    Shape("Linear", ["start", "middle", "end"], once="start middle end"),
    Shape("Single", ("only", None, None, []), once="only"),
    Shape("Branches", (23, 10), once="start light heavy join end"),
    Shape("NestedBranches", ((1, 2), 3), once="start left right up down inner outer end"),
    Shape(
        "Foreach",
        [(0, "a", False), (1, "b", False), (2, "c", False), "c", [0, 1]],
        once="start join end",
        many={"each": 3},
    ),
    Shape(
        "ThreeLevels",
        (
            [3, 2, 3, 2],
            _STACK,
            [[(0, "a", [2, 2, 3]), (1, "b", [2, 2, 2]), 1], [(0, "a", [2, 2, 3]), (1, "b", [2, 2, 2]), 2]],
        ),
        once="start first_join end",
        many={"first": 2, "second": 4, "third": 10, "third_join": 4, "second_join": 2},
    ),
    Shape(
        "BranchInForeach",
        [(1, 2, 1), (2, 4, 4), (3, 6, 9)],
        once="start gather end",
        many={"each": 3, "double": 3, "square": 3, "meet": 3},
    ),
    Shape("ForeachInBranch", (60, 5), once="start many gather one join end", many={"each": 3}),
    Shape("Condition", "two", once="start two end"),
    Shape("PlainIf", "odd", once="start odd end"),
    Shape(
        "NoItems",
        ([(0, 0, 0, "kept"), (1, 2, 2, "kept")], 0, []),
        once="start join last end",
        many={"row": 2, "cell": 2, "row_join": 2},
    ),
    Shape("OneItem", [(0, "only")], once="start each join end"),
    Shape("HugeItems", [(0, 9_000_000), (1, 9_000_000)], once="start join end", many={"each": 2}),
    Shape(
        "ConditionInForeach",
        [(1, "one", "both"), (2, "two", "both"), (3, "three"), (4, "one", "both"), (5, "two", "both")],
        once="start three join end",
        many={"sort": 5, "one": 2, "two": 2, "both": 4},
    ),
    Shape("JoinThatFansOut", [11, 31], once="start turn join end", many={"each": 3, "again": 2}),
    Shape("ConditionalJoin", [(101, True), (2, True)], once="start left longer right join end"),
    Shape("TwoForeachs", [11, 21, 31], once="start join end", many={"heavy": 3, "work": 3}),
    Shape("SideIsTheJoin", (1, 2), once="start other join end"),
    Shape("ManyLight", True, once="start join end", many={"each": 120}),
)

FAILING = (
    Shape(
        "NotIterable",
        fails=("step 'wrong': foreach needs something to iterate over, but self.items is 5",),
        once="start wrong sibling",
    ),
    Shape(
        "NoSuchCase",
        fails=("step 'start': self.color is 'RED', and self.next has no such case (cases: 'red', 'blue')",),
        once="start",
    ),
    Shape(
        "MustHaveItems",
        fails=("step 'start': self.items is [] and has no items, which empty=\"fail\" forbids",),
        once="start",
    ),
    Shape(
        "UnstorableItems",
        fails=("step 'start': item 1 of self.items is a function and cannot be stored",),
        once="start",
    ),
    Shape(
        "Unstorable",
        fails=("step 'start': self.first is a function", "step 'start': self.third is a generator"),
        once="start",
    ),
)
