"""State survives being stored, and what an older relay stored is still read."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from steprelay_core.codec import (
    UnreadableState,
    decode,
    decode_commands,
    decode_outcome,
    encode,
    encode_commands,
)
from steprelay_core.commands import Command, InvokeLight, StartRunTimer, SubmitJob
from steprelay_core.ports import Deployment
from steprelay_core.state.model import Failure, Group, GroupKey, Origin, Resuming, Run, RunStatus, TaskSelection, Terms
from steprelay_core.state.ranges import Ranges
from tests.unit.state.strategies import any_value

STORED = Path(__file__).parent / "stored"


@settings(deadline=None)
@given(any_value(Run))
def test_a_run_is_read_back_as_it_was_stored(run: Run) -> None:
    assert decode(Run, encode(run)) == run


@settings(deadline=None)
@given(any_value(Group))
def test_a_group_is_read_back_as_it_was_stored(group: Group) -> None:
    assert decode(Group, encode(group)) == group


@settings(deadline=None)
@given(any_value(tuple[Command, ...]))
def test_commands_are_read_back_as_they_were_stored(commands: tuple[Command, ...]) -> None:
    assert decode_commands(encode_commands(commands)) == commands


@settings(deadline=None)
@given(any_value(Deployment))
def test_a_deployment_is_read_back_as_it_was_stored(deployment: Deployment) -> None:
    assert decode(Deployment, encode(deployment)) == deployment


def test_commands_with_the_same_fields_are_told_apart() -> None:
    given = (SubmitJob(group=GroupKey("a"), submission="1-0"), InvokeLight(group=GroupKey("a"), submission="1-0"))
    assert [type(command) for command in decode_commands(encode_commands(given))] == [SubmitJob, InvokeLight]


def test_what_the_first_schema_stored_is_read_by_this_code() -> None:
    run = decode(Run, (STORED / "run-1.json").read_text())
    group = decode(Group, (STORED / "group-1.json").read_text())
    commands = decode_commands((STORED / "outbox-1.json").read_text())
    assert (run.id, run.status, run.parameters) == ("Demo-5f2a", RunStatus.FAILED, {"alpha": 0.3})
    assert run.failure is not None
    assert run.failure.failure == Failure("program", "it broke", 1, "stream")
    assert group.key == GroupKey("train", (0,))
    assert group.submissions[0].members == Ranges(((0, 3), (7, 7)))
    assert group.winner(2) == 1
    assert [command.kind for command in commands] == [
        "submit_job",
        "invoke_light",
        "start_timer",
        "terminate_job",
        "fence_attempt",
        "announce",
    ]


def test_what_was_stored_before_runs_could_be_resumed_reads_as_never_resumed() -> None:
    run = decode(Run, (STORED / "run-1.json").read_text())
    group = decode(Group, (STORED / "group-1.json").read_text())
    assert (run.generation, run.requests, run.resuming, run.deadline) == (1, (), None, None)
    assert (group.tried, group.submissions[0].first, group.waits[0].first) == (0, 1, 1)
    assert (group.submissions[0].terms, group.waits[0].terms.spent, group.history[0].budget) == (Terms(), (), "")


def test_a_resumed_run_with_a_limit_is_read() -> None:
    run = decode(Run, (STORED / "run-resumed-1.json").read_text())
    commands = decode_commands((STORED / "outbox-resumed-1.json").read_text())
    assert (run.generation, run.requests, run.deadline) == (2, ("6f1d2c3b4a596877",), 1790003600.0)
    assert run.resuming == Resuming("6f1d2c3b4a596877", TaskSelection("train", (3,)))
    assert commands == (StartRunTimer(2, 1790003600.0),)


def test_a_run_whose_hooks_are_under_way_is_read_and_one_stored_without_them_has_none() -> None:
    run = decode(Run, (STORED / "run-hooked-1.json").read_text())
    (hook,) = run.hooks_running
    assert (hook.name, hook.attempt, hook.after, hook.cause) == ("tell", 2, RunStatus.FAILED, run.failure)
    assert not run.settled
    assert decode(Run, (STORED / "run-1.json").read_text()).hooks == ()


def test_a_group_of_a_later_lap_comes_back_and_one_stored_without_laps_is_of_the_first() -> None:
    later = Group(GroupKey("train", (0,), (0, 2)))
    assert decode(Group, encode(later)) == later
    assert decode(Group, '{"schema": 1, "key": {"step": "train", "path": [0]}}').key == GroupKey("train", (0,))


def test_keys_of_a_newer_relay_are_left_alone() -> None:
    document = json.loads(encode(Run("r", "f", "d", 1.0, Origin("upload")))) | {"colour": "blue"}
    assert decode(Run, json.dumps(document)).id == "r"


def test_fields_that_an_older_relay_did_not_write_take_their_defaults() -> None:
    stored = '{"schema": 1, "key": {"step": "train"}}'
    assert decode(Group, stored) == Group(GroupKey("train"))


def test_a_schema_of_the_future_is_refused_with_both_versions_named() -> None:
    with pytest.raises(UnreadableState, match="schema 2, this relay reads 1"):
        decode(Group, '{"schema": 2}')


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '"run"', '{"schema": 1}', '{"schema": 1, "key": 3}'])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(UnreadableState):
        decode(Group, text)


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(UnreadableState, match="commands"):
        decode_commands('{"schema": 1, "commands": [{"kind": "make_coffee"}]}')


def test_half_a_character_in_a_reason_does_not_spoil_the_state() -> None:
    """AWS cuts reasons at 255 UTF-16 units, which can leave half of an emoji."""
    cut: Any = json.loads('"it broke \\ud83d"')
    read = decode(Failure, encode(Failure("program", cut)))
    assert read.reason == "it broke ?"


def test_ten_thousand_members_with_every_second_one_failed_stay_far_below_an_items_limit() -> None:
    group = Group(GroupKey("train", (0,)), won={1: Ranges.collect(range(0, 10_000, 2))})
    assert len(encode(group)) < 100_000


def test_an_outcome_is_read() -> None:
    outcome = decode_outcome(b'{"outcome_version": 1, "status": "succeeded", "attempt": 2, "job_id": "j"}', 2)
    assert (outcome.status, outcome.attempt) == ("succeeded", 2)


def test_an_outcome_may_say_what_its_step_used() -> None:
    told = (
        b'{"outcome_version": 1, "status": "succeeded", "attempt": 1, "usage": {"peak_memory_mib": 123, "more": 0.5}}'
    )
    assert decode_outcome(told, 1).usage == {"peak_memory_mib": 123, "more": 0.5}
    assert decode_outcome(b'{"outcome_version": 1, "status": "succeeded", "attempt": 1}', 1).usage is None


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b'{"outcome_version": 9, "status": "succeeded"}', b"\xff"])
def test_nonsense_for_an_outcome_is_the_attempts_own_failure(body: bytes) -> None:
    outcome = decode_outcome(body, 3)
    assert (outcome.status, outcome.attempt) == ("failed", 3)
    assert outcome.failure is not None
    assert (outcome.failure.class_, outcome.failure.type) == ("program", "UnreadableOutcome")
    assert outcome.failure.message.startswith("outcome.json: ")
