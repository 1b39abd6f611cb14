"""What a foreach takes in requests, as numbers: promises about cost, and about what ten thousand tasks hold up."""

from collections.abc import Iterator

import pytest

from benchmarks.arrays.foreach import Counts, count
from benchmarks.arrays.prices import per_thousand_tasks
from steprelay.relay.telemetry import logger, metrics
from steprelay_core.aws.transaction import ITEM_LIMIT

GREEN, FEW, ALL = 0.0, 0.01, 1.0


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    level = logger.log_level
    logger.setLevel("CRITICAL")
    yield
    logger.setLevel(level)
    metrics.clear_metrics()


_kept: dict[tuple[int, float], Counts] = {}


def counted(tasks: int, failing: float) -> Counts:
    if (tasks, failing) not in _kept:
        _kept[tasks, failing] = count(tasks, failing)
    return _kept[tasks, failing]


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("tasks", [10, 1_000, 10_000])
def test_tasks_that_succeed_are_one_submission_and_one_event(tasks: int) -> None:
    calls = counted(tasks, GREEN).calls
    # The other events are the ends of the light steps before and after.
    assert (calls["SubmitJob"], calls["events"], calls["invocations"], calls["writes"]) == (1, 3, 3, 21)


def test_ten_thousand_successes_are_told_by_twenty_listings_and_no_reading() -> None:
    calls = counted(10_000, GREEN).calls
    # Three objects of the light steps: two outcomes, and the spec.
    assert (calls["S3 LIST"], calls["S3 GET"], calls["S3 PUT"], calls["ListJobs"]) == (20, 3, 1, 0)


@pytest.mark.parametrize(("tasks", "submissions"), [(10, 2), (1_000, 2), (10_000, 11)])
@pytest.mark.parametrize("failing", [FEW, ALL])
def test_failures_go_on_as_a_handful_of_arrays(tasks: int, failing: float, submissions: int) -> None:
    # A thousand run at a time for a minute: each such wave is a crowd.
    assert counted(tasks, failing).calls["SubmitJob"] == submissions


@pytest.mark.parametrize(("tasks", "writes"), [(10, 27), (1_000, 27), (10_000, 135)])
def test_writes_go_with_the_crowds_and_not_with_the_failures(tasks: int, writes: int) -> None:
    assert [counted(tasks, failing).calls["writes"] for failing in (FEW, ALL)] == [writes, writes]


def test_each_failure_is_one_message_and_one_outcome_to_read() -> None:
    calls = counted(10_000, ALL).calls
    assert (calls["events"], calls["invocations"], calls["S3 GET"]) == (10_022, 32, 10_003)


@pytest.mark.parametrize("failing", [GREEN, FEW, ALL])
def test_state_stays_far_below_what_dynamodb_keeps_in_an_item(failing: float) -> None:
    assert counted(10_000, failing).largest < ITEM_LIMIT / 20


@pytest.mark.parametrize("tasks", [1_000, 10_000])
@pytest.mark.parametrize("failing", [GREEN, FEW, ALL])
def test_a_thousand_attempts_cost_less_than_two_cents(tasks: int, failing: float) -> None:
    assert per_thousand_tasks(counted(tasks, failing)) <= 0.02 * (1 + failing)
