"""Pure decisions: start, job, light step, timer, cancel."""

from steprelay_core.decide.decide import decide, decide_start, outcomes_needed
from steprelay_core.decide.draft import Decision

__all__ = ["Decision", "decide", "decide_start", "outcomes_needed"]
