"""What people read of the nodes of a step, of what its next attempt gets, and of memory that could have grown."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from steprelay.cli.context import Context
from steprelay.cli.relay_app import build_app
from steprelay_core.spec import Flow
from steprelay_core.state.model import Failure, RunStatus, Terms
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import FakeRelays, Shell
from tests.client.fake_relay import (
    RUN,
    SUCCEEDED,
    FakeRelay,
    failed_attempt,
    failed_run,
    flow_of,
    group,
    run_of,
    stored,
    waiting,
    won,
)

OOM = Failure("oom", "OutOfMemoryError", 137)
SPOT = Failure("spot", "Host EC2 (instance i-1) terminated.", 143)


def training(batch: dict[str, Any], **more: Any) -> Flow:
    return flow_of({"start": {"next": "train"}, "train": {"batch": batch, **more, "next": "end"}, "end": {}})


def parallel(nodes: int = 2, **more: Any) -> FakeRelay:
    """A run whose `train` has ended on several nodes, each of which printed a line in its first attempt."""
    return FakeRelay(
        [stored(won("start"), won("train"), won("end"), run=SUCCEEDED)],
        training({"num_parallel": nodes}),
        outcomes={("train", 1): {"job_id": "job"}},
        job_streams={f"job#{node}": f"stream {node}" for node in range(nodes)},
        pages={f"stream {node}": [[f"of node {node}"]] for node in range(nodes)},
        **more,
    )


def test_logs_show_the_lines_of_every_node_with_its_number(tmp_path: Path) -> None:
    assert Shell(tmp_path, parallel())("logs", RUN, "train").out.splitlines() == [
        "train node 0 | of node 0",
        "train node 1 | of node 1",
    ]


def test_logs_as_json_have_the_node(tmp_path: Path) -> None:
    lines = Shell(tmp_path, parallel())("logs", RUN, "train", "--json").json

    assert [(line["task"], line["node"], line["text"]) for line in lines] == [
        ("train", 0, "of node 0"),
        ("train", 1, "of node 1"),
    ]


def test_logs_of_a_step_name_all_its_nodes_and_those_of_a_whole_run_only_where_they_are_few(tmp_path: Path) -> None:
    relay = parallel(30)
    whole = Shell(tmp_path, relay)("logs", RUN)

    assert whole.out == "train node 0 | of node 0\n"
    assert f"of the 30 nodes of train the main one only; all of them: steprelay logs {RUN} train" in whole.err
    assert len(Shell(tmp_path, parallel(30))("logs", RUN, "train").out.splitlines()) == 30


def test_a_line_of_a_node_says_so_while_a_run_is_followed(tmp_path: Path) -> None:
    assert "          train node 1 | of node 1\n" in Shell(tmp_path, parallel())("runs", "show", RUN, "-f").out


def test_a_run_is_shown_with_the_last_lines_of_the_main_node_that_failed(tmp_path: Path) -> None:
    relay = parallel()
    failure = Failure("program", "ValueError", 1)
    ended = group("train", failed=Ranges.upto(1), history=(failed_attempt(0, 1, failure),))
    relay.states = [stored(won("start"), ended, run=failed_run("train", 1, failure))]

    out = Shell(tmp_path, relay)("runs", "show", RUN).out
    assert "    | of node 0\n" in out
    assert "of node 1" not in out
    assert f"steprelay logs {RUN} train" in out


def shown(tmp_path: Path, batch: dict[str, Any], failure: Failure, terms: Terms, seconds: float = 0) -> Any:
    """`runs show` of a run that waits for its second attempt."""
    wait = replace(waiting(2, 0, seconds=seconds), terms=terms)
    waits = group("train", waits=(wait,), history=(failed_attempt(0, 1, failure),))
    relay = FakeRelay([stored(won("start"), waits)], training(batch, retry={"times": 3}))
    return Shell(tmp_path, relay)


@pytest.mark.parametrize(
    ("batch", "failure", "terms", "seconds", "said"),
    [
        ({"memory": 4096, "max_memory": 9000}, OOM, Terms(growth=1), 0, " — retrying with 8192 MiB"),
        ({"memory": 4096, "max_memory": 9000}, OOM, Terms(growth=2), 120, " — retrying in 2 min with 9000 MiB"),
        ({"queue": ["spot", "on-demand"]}, SPOT, Terms(queue=1), 0, " — retrying on queue on-demand"),
        (
            {"queue": ["spot", "arn:aws:batch:us-east-1:123456789012:job-queue/on-demand"]},
            SPOT,
            Terms(queue=1),
            0,
            " — retrying on queue on-demand",
        ),
        ({}, SPOT, Terms(), 0, " — retrying"),
    ],
)
def test_a_failed_attempt_says_what_the_next_one_gets(
    tmp_path: Path, batch: dict[str, Any], failure: Failure, terms: Terms, seconds: float, said: str
) -> None:
    line = next(
        line for line in shown(tmp_path, batch, failure, terms, seconds)("runs", "show", RUN).out.splitlines()
        if "attempt 1 failed" in line
    )  # fmt: skip
    assert line.endswith(said)


def test_what_the_next_attempt_gets_is_in_the_json(tmp_path: Path) -> None:
    (told,) = shown(tmp_path, {"memory": 4096, "max_memory": 9000}, OOM, Terms(growth=1))(
        "runs", "show", RUN, "--json"
    ).json

    assert [(one["memory"], one["queue"]) for one in told["failed_attempts"]] == [(8192, None)]


@pytest.mark.parametrize(
    ("batch", "attempts", "advice"),
    [
        ({"memory": 4096}, 1, "give the step more memory: `@batch(memory=…)`"),
        (
            {"memory": 4096, "max_memory": 9000},
            1,
            "it had 4096 MiB, and may have up to 9000: start it with more, @batch(memory=…)",
        ),
        (
            {"memory": 1000, "max_memory": 9000},
            2,
            "it had 2000 MiB, and may have up to 9000: start it with more, @batch(memory=…)",
        ),
        (
            {"memory": 4096, "max_memory": 8192},
            2,
            "it had all that max_memory lets it have, 8192 MiB: raise max_memory",
        ),
    ],
)
def test_the_advice_after_want_of_memory_knows_whether_it_could_have_grown(
    tmp_path: Path, batch: dict[str, Any], attempts: int, advice: str
) -> None:
    history = tuple(failed_attempt(0, attempt, OOM) for attempt in range(1, attempts + 1))
    ended = group("train", failed=Ranges.upto(1), history=history)
    relay = FakeRelay([stored(ended, run=failed_run("train", attempts, OOM))], training(batch))

    assert f"next: {advice}\n" in Shell(tmp_path, relay)("runs", "show", RUN).out


@pytest.mark.parametrize("platform", ["EC2", "ec2", "Fargate", "FARGATE"])
def test_a_platform_may_be_written_as_aws_writes_it(tmp_path: Path, platform: str) -> None:
    shell = Shell(tmp_path, FakeRelay([stored(run=run_of(RunStatus.SUCCEEDED))]))
    steps = {"start": {"command": ["true"], "batch": {"cpu": 1, "memory": 2048}}}
    (plan,) = shell("plan", shell.write_spec(steps=steps), "--platform", platform, "--json").json

    assert plan["platform"] == platform.lower()


def test_the_platform_of_a_local_relay_may_be_too(tmp_path: Path) -> None:
    app = build_app(Context(FakeRelays(FakeRelay()), io.StringIO(), io.StringIO(), {}, tmp_path))
    _, bound, _ = app.parse_args(["local", "up", "--platform", "EC2"], exit_on_error=False, print_error=False)

    assert bound.arguments["platform"] == "ec2"


def test_a_platform_that_there_is_not_is_told_with_those_there_are(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for command in (("plan", shell.write_spec()), ("local", "up")):
        result = shell(*command, "--platform", "EKS")
        assert result.code == 2
        assert '"ec2", "fargate"' in result.err
