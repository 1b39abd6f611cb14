"""What the nodes of multi-node parallel jobs print."""

from steprelay.client.changes import OutputLine, RunEnded, TaskChanged
from steprelay.client.follow import describe_end
from steprelay.client.relay import JobSeen
from steprelay_core.state.model import Failure
from steprelay_core.state.ranges import Ranges
from tests.client.fake_relay import (
    SUCCEEDED,
    FakeRelay,
    failed_attempt,
    failed_run,
    flow_of,
    followed,
    group,
    of_kind,
    stored,
    submitted,
    won,
)

PARALLEL = flow_of({"start": {"next": "train"}, "train": {"batch": {"num_parallel": 3}, "next": "end"}, "end": {}})
NODES = {f"job-1#{node}": f"stream {node}" for node in range(3)}
PAGES = {f"stream {node}": [[f"of node {node}"]] for node in range(3)}


def test_every_node_of_a_job_is_heard_while_it_runs() -> None:
    going = stored(group("train", submissions=(submitted(status="RUNNING"),)))
    relay = FakeRelay([going, stored(won("train"), run=SUCCEEDED)], PARALLEL, job_streams=NODES, pages=PAGES)

    changes = followed(relay)
    assert of_kind(changes, OutputLine) == [OutputLine("train", 1, f"of node {node}", node) for node in range(3)]
    ended = [place for place, one in enumerate(changes) if isinstance(one, TaskChanged) and one.state == "succeeded"]
    assert changes.index(OutputLine("train", 1, "of node 2", 2)) < ended[0]


def test_nodes_are_not_asked_for_once_they_have_ended() -> None:
    going = stored(group("train", submissions=(submitted(status="RUNNING"),)))
    over = {f"job-1#{node}": JobSeen("SUCCEEDED", f"stream {node}") for node in (1, 2)}
    relay = FakeRelay(
        [going, going, going, stored(run=SUCCEEDED)],
        PARALLEL,
        arrays=[over | {"job-1#0": JobSeen("RUNNING", "stream 0")}],
    )

    followed(relay, longest=0.5)
    assert relay.asked_for == [["job-1#0", "job-1#1", "job-1#2"], ["job-1#0"], ["job-1#0"]]


def test_of_a_job_with_very_many_nodes_the_main_one_is_followed() -> None:
    wide = flow_of({"start": {"next": "train"}, "train": {"batch": {"num_parallel": 64}, "next": "end"}, "end": {}})
    going = stored(group("train", submissions=(submitted(status="RUNNING"),)))
    relay = FakeRelay([going, stored(won("train"), run=SUCCEEDED)], wide, job_streams=NODES, pages=PAGES)

    assert of_kind(followed(relay), OutputLine) == [OutputLine("train", 1, "of node 0", 0)]
    assert set(map(tuple, relay.asked_for)) == {("job-1#0",)}


def test_the_nodes_of_a_job_that_ended_between_two_looks_are_heard_through_its_outcome() -> None:
    relay = FakeRelay(
        [stored(won("train"), run=SUCCEEDED)],
        PARALLEL,
        outcomes={("train", 1): {"job_id": "job-1", "artifacts": {}}},
        job_streams=NODES,
        pages=PAGES,
    )

    assert {line.node for line in of_kind(followed(relay), OutputLine)} == {0, 1, 2}


def test_the_nodes_of_a_job_that_left_no_outcome_are_found_by_its_claim() -> None:
    failure = Failure("oom", "OutOfMemoryError", 137, "stream 0")
    ended = group("train", failed=Ranges.upto(1), history=(failed_attempt(0, 1, failure),))
    relay = FakeRelay(
        [stored(ended, run=failed_run("train", 1, failure))],
        PARALLEL,
        claims={("train", 1): "job-1"},
        job_streams=NODES,
        pages=PAGES,
    )

    changes = followed(relay)
    assert {line.node for line in of_kind(changes, OutputLine)} == {0, 1, 2}
    end = changes[-1]
    assert isinstance(end, RunEnded)
    assert end.failure is not None
    assert end.failure.log_tail == ("of node 0",)


def test_the_end_of_a_run_has_the_lines_of_the_main_node_even_where_nobody_followed_it() -> None:
    failure = Failure("program", "ValueError: no luck", 1)
    ended = group("train", failed=Ranges.upto(1), history=(failed_attempt(0, 1, failure),))
    relay = FakeRelay(spec=PARALLEL, claims={("train", 1): "job-1"}, job_streams=NODES, pages=PAGES)

    end = describe_end(relay, PARALLEL, stored(ended, run=failed_run("train", 1, failure)))
    assert end.failure is not None
    assert end.failure.log_tail == ("of node 0",)
