"""Every example ends right where machines are reclaimed, memory is short, and events are doubled, late and lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.local.relay import LocalRelay
from tests.flows.chaos import FAULTS, Troubled
from tests.flows.conftest import Project
from tests.flows.examples import EXAMPLES, Example

# A relay each.
SEEDS = (7, 10)


@pytest.fixture(scope="module", params=SEEDS)
def troubled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    """A relay of its own that makes faults; all examples are started at once, and a test waits for its own."""
    relay = Troubled(tmp_path_factory.mktemp("chaos"), f"{FAULTS},seed={request.param}")
    try:
        yield relay
    finally:
        relay.down()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_ends_with_the_same_artifacts_whatever_happens_to_machines_and_events(
    troubled: Troubled, example: Example
) -> None:
    assert troubled.started.problems(example) == []


def test_each_kind_of_fault_was_made(troubled: Troubled) -> None:
    for example in EXAMPLES:
        troubled.started.end(example)
    assert {"spot", "host", "oom", "doubled", "lost", "late"} <= troubled.faults.keys()


def test_a_relay_asked_for_other_faults_is_started_anew_and_says_so(tmp_path: Path) -> None:
    LocalRelay.up(tmp_path, chaos="spot=0.1")
    try:
        told = Project(tmp_path).steprelay("local", "up", "--chaos", "")
    finally:
        LocalRelay.down(tmp_path)
    assert "The relay is to make other faults than it does" in told.stderr
    assert "on purpose" not in told.stdout


def test_faults_that_do_not_exist_are_refused(project: Project) -> None:
    told = project.steprelay("local", "up", "--chaos", "sopt=0.1")
    assert told.returncode == 2
    assert "there is no 'sopt'; known: spot" in told.stderr
