"""A hand-written spec follows the configuration and the command line as a flow class does."""

import json
import sys
from typing import Any

import pytest

from steprelay.compile import Compiled, Options, apply_options, canonical_json, compile_file, compile_spec
from steprelay.config import Configuration, Setting
from steprelay_core.spec import SpecError, validate_spec
from tests.compile.conftest import Bench, commanded, decorated

_FILE = "folder/steprelay.json"


def _document(**start: Any) -> dict[str, Any]:
    command = {"command": ["./run"]}
    return {
        "spec_version": 1,
        "flow": "Shell",
        "steps": {"start": command | {"next": "end"} | start, "end": command},
    }


def _applied(options: Options, **start: Any) -> Compiled:
    return apply_options(validate_spec(_document(**start)), options, _FILE)


def _problems(options: Options, **start: Any) -> list[tuple[str, str, str | None]]:
    with pytest.raises(SpecError) as caught:
        _applied(options, **start)
    return [(problem.path, problem.message, problem.hint) for problem in caught.value.problems]


_WHOLE: dict[str, Any] = {
    "batch": {
        "cpu": 1,
        "memory": 8192,
        "queue": ["a", "b"],
        "host_volumes": "/data:/mnt:ro",
        "log_options": ["a:b"],
        "ulimits": {"nofile": [1, 2]},
        "aws_batch_tags": {"A": "1"},
    },
    "retry": {"times": 2, "backoff": 2},
    "timeout_seconds": 7200,
    "queue_timeout_seconds": 1800,
    "catch": {"var": "problem"},
    "environment": {"X": "1"},
}


@pytest.mark.parametrize("start", [{}, {"batch": {}}, {"batch": None}, _WHOLE, {"timeout_seconds": 100, "retry": {}}])
def test_without_options_a_spec_stays_as_it_is(start: dict[str, Any]) -> None:
    flow = validate_spec(_document(**start))
    assert canonical_json(apply_options(flow, Options(), _FILE).flow.spec) == canonical_json(flow.spec)


def test_what_the_spec_gives_comes_from_the_spec() -> None:
    origins = _applied(Options(), **_WHOLE).provenance
    assert origins == {
        "start": dict.fromkeys(
            (
                "cpu", "memory", "queue", "host_volumes", "log_options", "ulimits", "aws_batch_tags.A", "retry",
                "timeout", "catch", "environment",
            ),
            "steprelay.json",
        )
    }  # fmt: skip


def test_only_what_the_spec_gives_comes_from_the_spec() -> None:
    origins = _applied(Options(), batch={"memory": 8192}).provenance
    assert origins == {"start": {"cpu": "default", "memory": "steprelay.json"}}


def test_an_override_wins_over_the_spec_and_leaves_its_other_names() -> None:
    applied = _applied(commanded("start/batch:cpu=8", "retry:times=4"), **_WHOLE)
    start = applied.flow.step("start")
    assert start.batch is not None
    assert start.retry is not None
    assert (start.batch.cpu, start.batch.memory, start.retry.times, start.retry.backoff) == (8, 8192, 4, 2)
    assert applied.provenance["start"]["cpu"] == "--with start/batch:cpu=8"
    assert applied.provenance["start"]["memory"] == "steprelay.json"
    assert applied.provenance["start"]["retry"] == "--with retry:times=4, steprelay.json"
    assert applied.flow.step("end").retry is not None


def test_batch_on_the_command_line_makes_light_steps_jobs() -> None:
    applied = _applied(commanded("batch:cpu=2"), timeout_seconds=100)
    assert [step.batch is not None for step in applied.flow.spec.steps.values()] == [True, True]
    assert applied.provenance["start"] == {
        "cpu": "--with batch:cpu=2",
        "memory": "default",
        "timeout": "steprelay.json",
    }


def test_a_light_step_made_a_job_is_checked_as_one() -> None:
    raw = json.dumps(_document(timeout_seconds=7200))
    start = compile_spec(raw, commanded("start/batch:cpu=2"), _FILE).flow.step("start")
    assert start.batch is not None
    assert (start.batch.cpu, start.timeout_seconds) == (2, 7200)
    for others in (commanded("end/batch"), commanded("start/batch:cpu=null"), Options()):
        with pytest.raises(SpecError, match="a light step may take 840 s"):
            compile_spec(raw, others, _FILE)


@pytest.mark.parametrize("raw", ["{", "[]", '{"steps": 1}', '{"steps": {"a": 1}}', "[" * 100_000])
def test_what_is_no_spec_is_told_as_such_under_any_options(raw: str) -> None:
    with pytest.raises(SpecError):
        compile_spec(raw, commanded("batch"), _FILE)


def test_resources_join_the_rule_of_the_larger_value() -> None:
    batch = _applied(commanded("resources:cpu=4,memory=4096"), batch={"memory": 8192}).flow.step("start").batch
    assert batch is not None
    assert (batch.cpu, batch.memory) == (4, 8192)


def test_a_time_limit_is_one_of_seconds_that_an_override_adds_to_or_replaces() -> None:
    job: dict[str, Any] = {"batch": {}, "timeout_seconds": 7200}
    assert _applied(commanded("timeout:minutes=1"), **job).flow.step("start").timeout_seconds == 7260
    assert _applied(commanded("timeout:seconds=60"), **job).flow.step("start").timeout_seconds == 60
    assert _applied(commanded("timeout:seconds=null"), **job).flow.step("start").timeout_seconds is None


def test_configuration_fills_in_what_the_spec_leaves_open() -> None:
    configuration = Configuration(
        queue=Setting("ours", "environment STEPRELAY_BATCH_JOB_QUEUE"),
        registry=Setting("registry.io", "pyproject.toml [tool.steprelay]"),
        tags=Setting({"A": "2", "B": "2"}, "pyproject.toml [tool.steprelay]"),
    )
    applied = _applied(Options(configuration), batch={"aws_batch_tags": {"A": "1"}})
    batch = applied.flow.step("start").batch
    assert batch is not None
    assert batch.queue == "ours"
    assert batch.image == f"registry.io/python:{sys.version_info.major}.{sys.version_info.minor}"
    assert batch.aws_batch_tags == {"A": "1", "B": "2"}
    assert applied.provenance["start"]["queue"] == "environment STEPRELAY_BATCH_JOB_QUEUE"
    assert applied.flow.step("end").batch is None


def test_the_python_of_a_packed_flow_stays_that_of_its_entrypoint() -> None:
    document = _document(batch={}) | {"entrypoint": {"file": "f.py", "class_name": "F", "python": "3.99"}}
    registry = Configuration(registry=Setting("registry.io", "environment"))
    applied = apply_options(validate_spec(document), Options(registry), _FILE)
    batch = applied.flow.step("start").batch
    assert batch is not None
    assert batch.image == "registry.io/python:3.99"


def test_a_step_that_the_spec_does_not_have_is_told_with_the_nearest() -> None:
    assert _problems(commanded("strat/batch:cpu=8")) == [
        ("--with strat/batch:cpu=8", "the flow has no step 'strat'", "did you mean 'start'?")
    ]


def test_everything_wrong_with_the_outcome_is_told_at_once() -> None:
    found = _problems(commanded("start/batch:trainium=1", "end/timeout:hours=1", "x/retry"), batch={"inferentia": 1})
    assert [(path, message) for path, message, _ in found] == [
        ("--with x/retry", "the flow has no step 'x'"),
        ("steps.start", "batch and --with start/batch:trainium=1: inferentia=1 and trainium=1 cannot go together"),
        ("steps.end", "--with end/timeout:hours=1 allows 3600 s, a light step may take at most 840 s"),
    ]


def test_what_no_platform_takes_is_told_of_a_spec_as_of_a_class() -> None:
    found = _problems(Options(), batch={"log_driver": "papyrus", "cpu": 0.5, "gpu": 1})
    assert [(path, message) for path, message, _ in found] == [
        ("steps.start", "batch: log_driver: Batch knows no log driver 'papyrus'"),
        (
            "steps.start",
            (
                "batch: runs on neither platform: on EC2 cpu (EC2 jobs take whole vCPUs, given 0.5); "
                "on Fargate gpu (Fargate has no `gpu`, given 1)"
            ),
        ),
    ]


def test_what_no_platform_takes_beside_batch_is_told_with_its_path() -> None:
    found = _problems(Options(), command=["x", "Ref::a"], package=False, timeout_seconds=30, batch={"image": "a"})
    assert [path for path, _, _ in found] == [
        "steps.start.command",
        "steps.start.timeout_seconds",
    ]


def test_what_the_configuration_gives_a_spec_wrongly_is_told_once_and_at_its_place() -> None:
    queues = Configuration(queue=Setting(["a", "a"], "environment STEPRELAY_BATCH_JOB_QUEUE"))
    options = Options(queues, commanded("batch").overrides)
    assert _problems(options) == [
        ("environment STEPRELAY_BATCH_JOB_QUEUE", "queue names one twice: a, a", "name each once")
    ]


def test_problems_of_a_spec_s_own_are_told_beside_lost_overrides_and_steps_for_no_platform() -> None:
    raw = json.dumps(_document(next="edn", batch={"image": "bad image"}))
    with pytest.raises(SpecError) as caught:
        compile_spec(raw, commanded("strat/retry"), _FILE)
    assert [problem.path for problem in caught.value.problems] == [
        "steps.start.next",
        "--with strat/retry",
        "steps.start.batch.image",
    ]


def test_hints_speak_of_the_spec_s_own_names() -> None:
    applied = _applied(Options(), batch={"tmpfs_path": "/x"})
    assert [(hint.file, hint.line, hint.message, hint.hint) for hint in applied.hints] == [
        (
            _FILE,
            0,
            (
                "step 'start': batch without retry: a lost machine is made up for, but "
                "a failure of the program ends the run at once"
            ),
            'give it "retry": {"times": 3}',
        ),
        (
            _FILE,
            0,
            "step 'start': batch without timeout_seconds: a hung job runs, and costs, for ever",
            'give it "timeout_seconds"',
        ),
        (
            _FILE,
            0,
            "step 'start': tmpfs_path or tmpfs_tempdir without a tmpfs: nothing is mounted",
            'add "use_tmpfs": true, or "tmpfs_size"',
        ),
    ]


def test_a_flow_class_and_its_spec_give_the_same_under_the_same_options(bench: Bench) -> None:
    options = commanded(
        "batch:cpu=8,aws_batch_tags={B:2}", "retry:times=4", "resources:memory=10000", "timeout:hours=1"
    )
    bench.write_body(decorated("@batch(cpu=2, aws_batch_tags={'A': '1'})\n@timeout(seconds=60)\n@retry(backoff=2)\n"))
    plain = compile_file(bench.file).flow
    applied = apply_options(plain, options, _FILE).flow
    assert canonical_json(applied.spec) == canonical_json(compile_file(bench.file, options=options).flow.spec)


def test_the_limits_of_a_spec_are_laid_over_one_by_one() -> None:
    limits = {"timeout_seconds": 100, "queue_timeout_seconds": 30}
    start = _applied(commanded("timeout:queue_seconds=60"), batch={}, **limits).flow.step("start")
    assert (start.timeout_seconds, start.queue_timeout_seconds) == (100, 60)
    start = _applied(commanded("timeout:seconds=50,queue_seconds=null"), batch={}, **limits).flow.step("start")
    assert (start.timeout_seconds, start.queue_timeout_seconds) == (50, None)
