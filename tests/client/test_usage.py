"""What is learned from the last runs about memory, and when it is worth saying."""

from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import pytest

from steprelay.client.relay import Unreachable
from steprelay.client.usage import OUTCOMES_IN_ALL, Peak, memory_hints, peaks
from steprelay_core.ports import Stored
from steprelay_core.spec import Flow
from steprelay_core.state.model import Failure, Group, Run, RunStatus, TaskKey
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import FakeRelay, failed_attempt, flow_of, run_of, won

LONG = 30.0


def training(**batch: Any) -> Flow:
    asked = {"cpu": 4, "memory": 16384, **batch}
    return flow_of({"start": {"next": "train"}, "train": {"batch": asked, "next": "end"}, "end": {}})


TRAINING = training()


@dataclass
class RelayWithHistory(FakeRelay):
    """Ended runs, newest first, and what their tasks used: MiB by run and task, or the whole outcome."""

    history: dict[str, Stored] = field(default_factory=dict)
    used: dict[tuple[str, str], Any] = field(default_factory=dict)
    read: list[tuple[str, str, int]] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def add(self, run: str, *groups: Group, status: RunStatus = RunStatus.SUCCEEDED, flow: str = "Flow") -> None:
        ended = run_of(status, id=run, flow=flow)
        self.history[run] = Stored(ended, {group.key: group for group in groups})

    def list_runs(self, limit: int) -> list[Run]:
        return [stored.run for stored in self.history.values()][:limit]

    def load(self, run: str) -> Stored | None:
        self.loaded.append(run)
        return self.history.get(run)

    def outcome(self, run: str, task: TaskKey, attempt: int) -> dict[str, Any] | None:
        self.read.append((run, str(task), attempt))
        known = self.used.get((run, str(task)))
        return {"usage": {"peak_memory_mib": known}} if isinstance(known, int | float) else known


def ran(*used: Any) -> RelayWithHistory:
    """Runs of TRAINING, newest first, each with the peak of `train`."""
    relay = RelayWithHistory()
    for number, peak in enumerate(used):
        relay.add(f"run-{number}", won("train"))
        relay.used[f"run-{number}", "train"] = peak
    return relay


def test_the_peak_of_a_step_is_the_most_that_its_last_three_finished_runs_used() -> None:
    relay = ran(500, 900, 700, 15000)

    assert peaks(relay, TRAINING, patience=LONG) == {"train": Peak(used=900, runs=3, read=3, tasks=3)}


def test_runs_of_other_flows_and_runs_under_way_are_not_looked_into() -> None:
    relay = RelayWithHistory()
    relay.add("other", won("train"), flow="Other")
    relay.add("live", won("train"), status=RunStatus.RUNNING)
    relay.add("failed", won("train"), status=RunStatus.FAILED)
    relay.used = {("other", "train"): 1, ("live", "train"): 2, ("failed", "train"): 3}

    assert peaks(relay, TRAINING, patience=LONG)["train"].used == 3
    assert relay.loaded == ["failed"]


def test_a_foreach_is_known_by_twenty_of_its_tasks_with_the_first_and_the_last_among_them() -> None:
    relay = RelayWithHistory()
    relay.add("run", won("train", members=Ranges.upto(10_000), path=(0,)))
    relay.used = {("run", f"train.{member}"): 100 + member / 1000 for member in range(10_000)}

    found = peaks(relay, TRAINING, patience=LONG)

    assert found == {"train": Peak(used=110, runs=1, read=20, tasks=10_000)}
    assert ("run", "train.0", 1) in relay.read


def test_a_foreach_in_three_runs_still_costs_twenty_requests_at_most() -> None:
    relay = RelayWithHistory()
    for run in ("new", "older", "oldest"):
        relay.add(run, won("train", members=Ranges.upto(500), path=(0,)))
        relay.used |= {(run, f"train.{member}"): 100 for member in range(500)}

    found = peaks(relay, TRAINING, patience=LONG)["train"]

    assert found.runs == 3
    assert len(set(relay.read)) == len(relay.read) == found.read <= 20


@pytest.mark.parametrize("size", [7, 100, 300])
def test_a_flow_of_many_steps_costs_a_bounded_number_of_requests(size: int) -> None:
    names = [f"s{number}" for number in range(size)]
    steps = {
        name: {"batch": {"memory": 8192}, "next": after} for name, after in zip(names, [*names[1:], "end"], strict=True)
    }
    relay = RelayWithHistory()
    for run in ("new", "older", "oldest"):
        relay.add(run, *(won(name, members=Ranges.upto(50)) for name in names))

    peaks(relay, flow_of({"start": {"next": "s0"}, **steps, "end": {}}), patience=LONG)

    assert min(size, OUTCOMES_IN_ALL) <= len(relay.read) <= OUTCOMES_IN_ALL


def test_the_attempt_that_won_is_the_one_that_counts() -> None:
    relay = ran(900)
    relay.history["run-0"] = Stored(
        run_of(RunStatus.SUCCEEDED, id="run-0"), {g.key: g for g in [won("train", attempt=3)]}
    )

    peaks(relay, TRAINING, patience=LONG)

    assert relay.read == [("run-0", "train", 3)]


@pytest.mark.parametrize(
    "batch",
    [
        {"memory": 4096},
        {"memory": 1024, "cpu": 0.25},
        {"num_parallel": 2},
        {"use_tmpfs": True},
        {"tmpfs_size": 100},
        {"shared_memory": 8192},
    ],
)
def test_steps_whose_peak_says_nothing_of_their_needs_cost_no_request(batch: dict[str, Any]) -> None:
    relay = ran(1)

    assert peaks(relay, training(**batch), patience=LONG) == {}
    assert relay.loaded == []


def test_a_flow_without_batch_steps_asks_the_relay_nothing() -> None:
    relay = ran(1)

    assert peaks(relay, flow_of({"start": {"next": "end"}, "end": {}}), patience=LONG) == {}
    assert relay.loaded == []


@pytest.mark.parametrize("class_", ["oom", "oom_suspected"])
def test_a_step_that_ran_out_of_memory_has_no_peak(class_: str) -> None:
    relay = ran(900, 900)
    died = failed_attempt(0, 1, Failure(class_, "Container killed due to memory usage", 137))
    group = replace(won("train", attempt=2), history=(died,))
    relay.history["run-1"] = Stored(run_of(RunStatus.SUCCEEDED, id="run-1"), {group.key: group})

    assert peaks(relay, TRAINING, patience=LONG) == {}


def test_a_step_that_failed_for_another_reason_has_one() -> None:
    relay = ran(900)
    group = replace(won("train", attempt=2), history=(failed_attempt(0, 1, Failure("program", "ValueError", 1)),))
    relay.history["run-0"] = Stored(run_of(RunStatus.SUCCEEDED, id="run-0"), {group.key: group})

    assert peaks(relay, TRAINING, patience=LONG)["train"].used == 900


@pytest.mark.parametrize("outcome", [None, {}, {"usage": {}}, {"usage": None}, {"usage": {"peak_memory_mib": None}}])
def test_outcomes_without_usage_are_passed_over(outcome: Any) -> None:
    relay = ran(outcome, 700)

    assert peaks(relay, TRAINING, patience=LONG) == {"train": Peak(used=700, runs=1, read=1, tasks=1)}


class DeniesRuns(RelayWithHistory):
    def list_runs(self, limit: int) -> list[Run]:
        raise Unreachable("AWS denies Query")


class DeniesOutcomes(RelayWithHistory):
    def outcome(self, run: str, task: TaskKey, attempt: int) -> dict[str, Any] | None:
        super().outcome(run, task, attempt)
        raise PermissionError


@pytest.mark.parametrize("denying", [DeniesRuns, DeniesOutcomes])
def test_a_relay_that_denies_a_look_is_no_failure(denying: type[RelayWithHistory]) -> None:
    relay = denying(history=ran(900, 900).history)

    assert peaks(relay, TRAINING, patience=LONG) == {}


def test_where_one_outcome_is_refused_no_other_is_asked_for() -> None:
    relay = DeniesOutcomes(history=ran(900, 900).history)

    peaks(relay, TRAINING, patience=LONG)

    assert len(relay.read) == 1


class LosesARun(RelayWithHistory):
    def load(self, run: str) -> Stored | None:
        if run == "run-0":
            raise ValueError("written by a newer relay")
        return super().load(run)


def test_a_run_that_cannot_be_read_leaves_the_others() -> None:
    known = ran(9000, 800)
    relay = LosesARun(history=known.history, used=known.used)

    assert peaks(relay, TRAINING, patience=LONG)["train"].used == 800


@dataclass
class AnswersLate(RelayWithHistory):
    """Its second outcome comes only once somebody lets it."""

    let: Event = field(default_factory=Event)
    asked: Event = field(default_factory=Event)

    def outcome(self, run: str, task: TaskKey, attempt: int) -> dict[str, Any] | None:
        if run != "run-0":
            self.asked.set()
            assert self.let.wait(LONG)
        return super().outcome(run, task, attempt)


def test_a_relay_that_does_not_answer_is_waited_for_no_longer_than_patience() -> None:
    known = ran(700, 900)
    relay = AnswersLate(history=known.history, used=known.used)
    try:
        found = peaks(relay, TRAINING, patience=0.5)
        assert found == {"train": Peak(used=700, runs=1, read=1, tasks=1)}
        assert relay.asked.is_set()
    finally:
        relay.let.set()


def test_a_step_that_asks_for_far_more_than_it_used_gets_a_sentence_and_advice() -> None:
    [hint] = memory_hints(TRAINING, {"train": Peak(used=900, runs=3, read=3, tasks=3)})

    assert (hint.step, hint.asked, hint.used, hint.runs) == ("train", 16384, 900, 3)
    assert hint.text == "step 'train': asks for 16384 MiB of memory; its last 3 runs used at most 900"
    assert hint.advice == "memory=8192 would be plenty"


def test_one_run_is_called_one_run() -> None:
    [hint] = memory_hints(TRAINING, {"train": Peak(used=900, runs=1, read=1, tasks=1)})

    assert hint.text == "step 'train': asks for 16384 MiB of memory; its last run used at most 900"


def test_a_hint_from_some_of_many_tasks_says_so() -> None:
    [hint] = memory_hints(TRAINING, {"train": Peak(used=900, runs=3, read=18, tasks=30_000)})

    assert hint.text == (
        "step 'train': asks for 16384 MiB of memory; 18 of the 30,000 tasks of its last 3 runs used at most 900"
    )


def test_a_step_that_has_not_asked_for_its_memory_gets_no_hint() -> None:
    bare = flow_of({"start": {"next": "train"}, "train": {"batch": {}, "next": "end"}, "end": {}})

    assert memory_hints(bare, {"train": Peak(used=10, runs=3, read=3, tasks=3)}) == []


@pytest.mark.parametrize(("used", "hinted"), [(4096, True), (4097, False), (1, True), (16000, False)])
def test_far_is_four_times_the_peak(used: int, hinted: bool) -> None:
    flow = training(cpu=1)

    assert bool(memory_hints(flow, {"train": Peak(used=used, runs=1, read=1, tasks=1)})) is hinted


@pytest.mark.parametrize(("cpu", "memory"), [(0.25, 1024), (1, 2048), (4, 8192), (16, 32768)])
def test_memory_that_comes_with_the_vcpus_anyway_is_no_waste(cpu: float, memory: int) -> None:
    flow = training(cpu=cpu, memory=memory)

    assert memory_hints(flow, {"train": Peak(used=10, runs=3, read=3, tasks=3)}) == []


@pytest.mark.parametrize(
    ("cpu", "used", "advice"), [(1, 10, 2048), (1, 1100, 3072), (4, 5000, 10240), (8, 9000, 20480), (16, 20000, 40960)]
)
def test_the_advice_is_twice_the_peak_in_a_size_that_fargate_has(cpu: int, used: int, advice: int) -> None:
    [hint] = memory_hints(training(cpu=cpu, memory=122880), {"train": Peak(used=used, runs=1, read=1, tasks=1)})

    assert hint.advice == f"memory={advice} would be plenty"


def test_steps_of_which_nothing_is_known_get_no_hint() -> None:
    assert memory_hints(TRAINING, {}) == []
    assert memory_hints(TRAINING, {"gone": Peak(used=1, runs=1, read=1, tasks=1)}) == []
