"""Whether an outcome can be believed: user code holds the role that writes it."""

from steprelay_core.spec import Flow
from steprelay_core.state.laps import LAPS_LIMIT, next_lap
from steprelay_core.state.model import Failure, GroupKey
from steprelay_core.state.outcome import Outcome, OutcomeFailure

# Ten array jobs. What comes from user code must have an end.
FOREACH_LIMIT = 100_000
# Each is a job of its own, and all jobs of a group are kept in one item and submitted by one function.
MULTI_NODE_LIMIT = 200


def judge(flow: Flow, key: GroupKey, outcome: Outcome) -> Outcome:
    """The outcome of a task of a group, or a failed one in place of a success that does not fit its step's ways on."""
    step = flow.step(key.step)
    if outcome.status == "failed":
        return outcome if outcome.failure is not None else _refuse(outcome, "it failed without saying why")
    if not step.next:
        return outcome if outcome.transition is None else _refuse(outcome, "the last step goes nowhere")
    if outcome.transition is None or not 0 <= outcome.transition < len(step.next):
        return _refuse(outcome, f"way {outcome.transition} is none of the step's {len(step.next)}")
    fans_out = step.next[outcome.transition].foreach is not None
    if fans_out != (outcome.foreach_count is not None and outcome.foreach_count >= 0):
        return _refuse(outcome, f"foreach_count {outcome.foreach_count} does not fit the way taken")
    if fans_out and not outcome.foreach_count and step.next[outcome.transition].empty == "fail":
        return _refuse(outcome, 'the foreach has no items, and the flow says empty="fail"')
    if _goes_back_too_often(flow, key, outcome.transition):
        return _too_many_laps(outcome, key, step.next[outcome.transition].to[0])
    limit = MULTI_NODE_LIMIT if _has_multi_node(flow, key.step) else FOREACH_LIMIT
    if (outcome.foreach_count or 0) > limit:
        what = "a foreach" if limit == FOREACH_LIMIT else "a foreach with multi-node steps"
        why = f"{what} takes at most {limit:,} items, this one has {_shown(outcome.foreach_count)}; nest two"
        return _refuse(outcome, why)
    return outcome


def _goes_back_too_often(flow: Flow, key: GroupKey, transition: int) -> bool:
    if (key.step, transition) not in flow.graph.back:
        return False
    return next_lap(key.laps, flow.graph.levels(key.step))[-1] >= LAPS_LIMIT


def _has_multi_node(flow: Flow, name: str) -> bool:
    """Whether this foreach is the innermost one around a step that runs on several nodes."""
    return any(
        step.batch is not None and step.batch.nodes > 1 and flow.graph.foreachs(inside)[-1:] == [name]
        for inside, step in flow.spec.steps.items()
    )


def _refuse(outcome: Outcome, why: str) -> Outcome:
    failure = OutcomeFailure(class_="program", type="UnreadableOutcome", message=f"outcome.json: {why}")
    return Outcome(outcome_version=1, status="failed", attempt=outcome.attempt, failure=failure)


def _too_many_laps(outcome: Outcome, key: GroupKey, target: str) -> Outcome:
    """Not of the program's class: another attempt would only want to go back again."""
    why = f"step {key.step!r} goes back to {target!r} once more, after {LAPS_LIMIT:,} laps; a loop has at most so many"
    failure = OutcomeFailure(class_="config", type="TooManyLaps", message=why)
    return Outcome(outcome_version=1, status="failed", attempt=outcome.attempt, failure=failure)


def _shown(count: int | None) -> str:
    return f"{count:,}" if count is not None and count < 10**15 else "far more"


def told(failure: OutcomeFailure, exit_code: int | None = None, log_stream: str | None = None) -> Failure:
    """The failure in the runner's own words."""
    reason = f"{failure.type}: {failure.message}" if failure.message else failure.type
    code = failure.exit_code if failure.exit_code is not None else exit_code
    return Failure(failure.class_, reason, code, log_stream)
