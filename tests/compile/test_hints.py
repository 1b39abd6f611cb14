"""Good practice is hinted at, once for all steps concerned, and stops nobody."""

import pytest

from steprelay.compile import Compiled
from tests.compile.conftest import Bench, commanded, decorated

_CALM = "@timeout(hours=1)\n@retry\n"
_NEVER_RETRIES = (
    "@batch without @retry: a lost machine is made up for, but a failure of the program ends the run at once"
)


def _said(compiled: Compiled) -> list[tuple[str, str | None]]:
    return [(hint.message, hint.hint) for hint in compiled.hints]


def _line(*steps: str) -> str:
    """A flow of these steps one after the other, each on Batch, then a light end."""
    source = ""
    for step, following in zip(steps, [*steps[1:], "end"], strict=True):
        source += f"@batch  # {step.upper()}\n@step\ndef {step}(self):\n    self.next(self.{following})\n\n"
    return source + "@step\ndef end(self):\n    pass\n"


def test_a_job_with_timeout_and_retry_is_left_alone(bench: Bench) -> None:
    assert bench.compiled(decorated(f"{_CALM}@batch\n")).hints == ()


def test_light_steps_are_left_alone(bench: Bench) -> None:
    assert bench.compiled(decorated("")).hints == ()


def test_a_job_without_timeout_is_hinted_at_where_its_decorator_stands(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@retry\n@batch  # HERE\n"))
    assert _said(compiled) == [
        ("step 'start': @batch without @timeout: a hung job runs, and costs, for ever", "add @timeout(hours=…)")
    ]
    assert (compiled.hints[0].file, compiled.hints[0].line) == bench.at()


def test_a_flow_that_never_retries_is_told_so_once(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@timeout(hours=1)\n@batch  # HERE\n"))
    assert _said(compiled) == [(f"step 'start': {_NEVER_RETRIES}", "add @retry(times=3)")]


def test_one_step_with_retry_shows_that_it_was_thought_of(bench: Bench) -> None:
    source = _line("start", "train").replace("@batch  # TRAIN", "@batch\n@retry  # TRAIN")
    assert not any("@retry" in message for message, _ in _said(bench.compiled(source)))


@pytest.mark.parametrize(
    ("decorators", "message"),
    [
        ("@batch(queue=['a', 'b'])", "several queues: the next queue is"),
        ("@batch(max_memory=8192)", "memory that may grow: more is"),
    ],
)
def test_what_is_meant_for_a_second_attempt_needs_one(bench: Bench, decorators: str, message: str) -> None:
    assert _said(bench.compiled(decorated(f"@timeout(hours=1)\n@retry(times=0)\n{decorators}\n"))) == [
        (
            f"step 'start': {message} for the next attempt, and @retry(times=0) allows only one",
            "leave @retry(times=0) out: what it is for costs no retries",
        )
    ]


def test_memory_that_is_to_grow_is_hinted_at_where_it_cannot(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@retry(memory_factor=2)\n"))
    assert _said(compiled) == [
        (
            "step 'start': memory_factor, and the memory of a light step does not grow",
            "--with batch makes them jobs, whose memory does",
        )
    ]


@pytest.mark.parametrize(
    ("decorators", "message", "hint"),
    [
        ("@batch(swappiness=60)", "swappiness without max_swap: AWS ignores it", "add max_swap, in MiB"),
        (
            "@batch(tmpfs_path='/scratch')",
            "tmpfs_path or tmpfs_tempdir without a tmpfs: nothing is mounted",
            "add use_tmpfs=True, or tmpfs_size",
        ),
        (
            "@batch(tmpfs_size=4097)",
            "tmpfs_size is above memory: files in a tmpfs are in memory, and the job is killed before it is full",
            "lower tmpfs_size, or raise memory",
        ),
        (
            "@batch(tmpfs_tempdir=False)",
            "tmpfs_path or tmpfs_tempdir without a tmpfs: nothing is mounted",
            "add use_tmpfs=True, or tmpfs_size",
        ),
    ],
)
def test_parameters_that_do_nothing_alone_are_hinted_at(bench: Bench, decorators: str, message: str, hint: str) -> None:
    assert _said(bench.compiled(decorated(f"{_CALM}{decorators}\n"))) == [(f"step 'start': {message}", hint)]


@pytest.mark.parametrize(
    "decorators",
    [
        "@batch(swappiness=60, max_swap=0)",
        "@batch(tmpfs_path='/scratch', use_tmpfs=True)",
        "@batch(tmpfs_tempdir=False, tmpfs_size=64)",
        "@batch(max_memory=8192)",
        "@batch(tmpfs_size=4096)",
        "@batch(queue=['spot', 'on-demand'])",
    ],
)
def test_the_same_parameters_beside_their_others_are_left_alone(bench: Bench, decorators: str) -> None:
    assert bench.compiled(decorated(f"{_CALM}{decorators}\n")).hints == ()


def test_ten_jobs_are_hinted_at_in_as_few_lines_as_one(bench: Bench) -> None:
    compiled = bench.compiled(_line("start", *"abcdefghi"))
    assert [message for message, _ in _said(compiled)] == [
        f"steps 'start', 'a', 'b' and 7 more: {_NEVER_RETRIES}",
        "steps 'start', 'a', 'b' and 7 more: @batch without @timeout: a hung job runs, and costs, for ever",
    ]
    assert {hint.line for hint in compiled.hints} == {bench.line("START")}


def test_steps_made_jobs_by_the_command_line_are_hinted_at_where_they_stand(bench: Bench) -> None:
    body = decorated("").replace("def start(self):", "def start(self):  # HERE")
    compiled = bench.compiled(body, commanded("start/batch"))
    assert {hint.line for hint in compiled.hints} == {bench.line()}


def test_the_command_line_can_follow_the_advice(bench: Bench) -> None:
    assert bench.compiled(decorated(""), commanded("batch", "retry:times=4", "timeout:hours=1")).hints == ()


def test_light_steps_that_go_without_an_override_are_named(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@retry\n@batch\n"), commanded("timeout:hours=1"))
    assert _said(compiled) == [
        (
            "--with timeout:hours=1 leaves out the light step 'end': a Lambda function has less",
            "--with batch makes them jobs as well",
        )
    ]


def test_a_timeout_that_is_the_sum_of_both_sides_is_named(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@retry\n@timeout(hours=2)  # HERE\n@batch\n"), commanded("timeout:minutes=10"))
    assert _said(compiled) == [
        (
            "step 'start': --with adds to the time of @timeout, which makes 7800 s",
            "a null takes away what is there: --with timeout:minutes=30,hours=null,seconds=null",
        )
    ]
    assert compiled.hints[0].line == bench.line()


CAUGHT = """
@step
def start(self):
    self.items = [1]
    self.next(self.each{foreach})

@step
def each(self):
    self.next(self.end)

@step
def end(self{inputs}):
    pass
"""


@pytest.mark.parametrize(
    ("way", "is_said"), [({"foreach": ", foreach='items'", "inputs": ", inputs"}, True), ({}, False)]
)
def test_a_catch_that_cannot_know_what_follows_is_hinted_at(
    bench: Bench, way: dict[str, str], *, is_said: bool
) -> None:
    source = "@catch(var='problem')  # HERE" + CAUGHT.format(**{"foreach": "", "inputs": ""} | way)
    compiled = bench.compiled(source)
    message = (
        "step 'start': @catch cannot go on where a step fails before it has chosen what follows, "
        "or the items of its foreach; the run then fails"
    )
    said = [(message, "leave the choice, or the foreach, to the step after it")]
    assert _said(compiled) == (said if is_said else [])
    assert not is_said or compiled.hints[0].line == bench.line()


def test_a_limit_of_waiting_adds_nothing_to_the_time_of_an_attempt(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@retry\n@timeout(hours=1)\n@batch\n"), commanded("timeout:queue_hours=1"))
    assert compiled.hints == ()
