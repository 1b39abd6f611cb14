"""Splits: where a flow goes on in several tasks at once."""

from dataclasses import dataclass
from typing import Literal

SplitKind = Literal["foreach", "branch"]


@dataclass(frozen=True, slots=True)
class Split:
    """A split that encloses a step; `branch` is the first step of the side taken."""

    step: str
    kind: SplitKind
    branch: str
