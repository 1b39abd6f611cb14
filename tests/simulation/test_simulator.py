"""The simulator itself: that it plays a seed the same way each time, and that what it plays on behaves as AWS does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.actors import Actor
from tests.simulation.campaign import play
from tests.simulation.faults import Dice, Faults
from tests.simulation.invariants import SENTENCES, numbers_checked
from tests.simulation.mutants import MUTANTS
from tests.simulation.queues import Queue, Settings
from tests.simulation.scheduler import AnswerLost, Scheduler, Throttled
from tests.simulation.shrink import breaks, least, shrink, trace
from tests.simulation.simulation import Options

ROOT = Path(__file__).parents[2]


def calm() -> Scheduler:
    return Scheduler(1, Dice(1, Faults()))


def unkind(**faults: float) -> Scheduler:
    return Scheduler(1, Dice(1, Faults(**faults)))


def play_out(scheduler: Scheduler, steps: int = 1000) -> None:
    for _ in range(steps):
        if not scheduler.step():
            return


def test_every_promise_is_checked() -> None:
    # 19 is what the whole simulation is bounded by.
    assert numbers_checked() | {19} == set(SENTENCES) == set(range(1, 26))


def test_a_seed_is_played_the_same_way_twice() -> None:
    assert trace(Options(7)) == trace(Options(7))


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_played_the_same_way_in_any_process(hash_seed: str) -> None:
    code = "import sys; from tests.simulation.shrink import trace, Options; print('\\n'.join(trace(Options(7))))"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert told.stdout.decode().splitlines() == trace(Options(7))


def test_most_worlds_have_faults_and_most_kinds_of_faults_strike() -> None:
    struck = {what.split(" ", 1)[0] for seed in range(200) for what in _struck(seed)}
    assert struck == set(Faults.__dataclass_fields__)


def _struck(seed: int) -> list[str]:
    lines = trace(Options(seed, 1))
    return [line.split(": ", 1)[1] for line in lines if line.startswith("fault ")]


def test_runs_succeed_fail_and_are_cancelled() -> None:
    assert {status.value for status in play(range(60)).runs} == {"SUCCEEDED", "FAILED", "CANCELLED"}


def test_a_failing_seed_is_shrunk_to_faults_that_still_break_the_promise() -> None:
    parts = next(mutant.parts for mutant in MUTANTS if mutant.name.startswith("never looks"))
    failed = [failed.seed for failed in play(range(100), parts=parts).failed if failed.number == 7]
    small = [shrink(Options(seed), 7, parts) for seed in failed[:2]]
    assert [breaks(options, parts) for options in small] == [7, 7]
    # Some need more of them than others.
    assert min(len(options.only or ()) for options in small) in (1, 2, 3)


def test_shrinking_leaves_out_all_that_is_not_needed() -> None:
    assert sorted(least(list("abcdefghij"), lambda kept: {"c", "h"} <= set(kept))) == ["c", "h"]


def test_a_message_that_was_not_handled_comes_again_after_its_visibility_timeout() -> None:
    scheduler, times = calm(), []

    def respond(event: dict[str, object]) -> dict[str, object]:
        times.append(scheduler.now)
        return {"batchItemFailures": [{"itemIdentifier": "q-1"}] if len(times) < 3 else []}

    queue = Queue(scheduler, "q", respond, Settings(visibility=100))
    queue.put("hello")
    play_out(scheduler)
    assert [round(later - times[0]) for later in times] == [0, 100, 200]
    assert queue.is_empty


def test_a_message_that_is_received_too_often_goes_to_the_dead_letter_queue() -> None:
    scheduler = calm()
    refused = {"batchItemFailures": [{"itemIdentifier": "q-1"}]}
    queue = Queue(scheduler, "q", lambda event: refused, Settings(receives=3))
    queue.put("hello")
    play_out(scheduler)
    assert queue.dead == ["hello"]
    queue.redrive()
    assert not queue.is_empty


def test_a_function_that_takes_too_long_is_killed() -> None:
    scheduler, said = calm(), []

    def respond(event: dict[str, object]) -> dict[str, object]:
        scheduler.sleep(1000)
        said.append("done")
        return {"batchItemFailures": []}

    queue = Queue(scheduler, "q", respond, Settings(timeout=60, receives=1))
    queue.put("hello")
    play_out(scheduler)
    assert said == []
    assert queue.dead == ["hello"]


def test_a_call_whose_answer_is_lost_was_made() -> None:
    scheduler, made = unkind(answer_lost=1.0), []
    with pytest.raises(AnswerLost):
        scheduler.call("put", lambda: made.append(1))
    assert made == [1]


def test_a_throttled_call_was_not_made() -> None:
    scheduler, made = unkind(throttled=1.0), []
    with pytest.raises(Throttled):
        scheduler.call("put", lambda: made.append(1))
    assert made == []


def test_others_may_act_before_every_call() -> None:
    scheduler, order = calm(), []

    def act(name: str) -> None:
        for number in range(5):
            scheduler.call("say", lambda number=number: order.append(f"{name}{number}"))  # type: ignore[misc]

    scheduler.start(Actor("a", lambda: act("a")))
    scheduler.start(Actor("b", lambda: act("b")))
    play_out(scheduler)
    assert len(order) == 10
    assert order != sorted(order)


def test_a_killed_actor_does_nothing_more() -> None:
    scheduler, done = calm(), []

    def act() -> None:
        scheduler.call("one", lambda: done.append(1))
        scheduler.call("two", lambda: done.append(2))

    actor = Actor("a", act)
    scheduler.start(actor)
    scheduler.step()
    scheduler.step()
    scheduler.kill(actor)
    play_out(scheduler)
    assert done == [1]
    assert actor.ended
