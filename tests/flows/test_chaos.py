"""Flows end right where machines are reclaimed and events are doubled and late."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.local.relay import LocalRelay
from tests.flows.conftest import Project


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Project]:
    """A project with a relay of its own that makes faults."""
    LocalRelay.up(tmp_path, chaos="spot=0.3,duplicate=0.4,delay=0.4,seed=3")
    yield Project(tmp_path)
    LocalRelay.down(tmp_path)


def test_robust_ends_right_under_reclaims_and_disorderly_events(troubled: Project) -> None:
    troubled.add_example("robust.py")
    ended = troubled.run("robust.py")
    assert ended.code == 0, ended.errors
    assert ended.artifacts == {"result": "3160"}


def test_a_relay_asked_for_other_faults_is_started_anew_and_says_so(troubled: Project) -> None:
    told = troubled.steprelay("local", "up", "--chaos", "")
    assert "The relay is to make other faults than it does" in told.stderr
    assert "on purpose" not in told.stdout


def test_faults_that_do_not_exist_are_refused(project: Project) -> None:
    told = project.steprelay("local", "up", "--chaos", "sopt=0.1")
    assert told.returncode == 2
    assert "there is no 'sopt'; known: spot" in told.stderr
