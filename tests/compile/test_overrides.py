"""`--with`: what is typed becomes what steps ask for, over their decorators."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay.compile import Options, OverrideError, read_overrides
from tests.compile.conftest import Bench, commanded, decorated

TIMES = "known: seconds, minutes, hours, queue_seconds, queue_minutes, queue_hours"
_TWO_JOBS = """
    @batch(cpu=2, memory=8192)
    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self):
        self.next(self.end)

    @step
    def end(self):
        pass
    """


def _problems(*texts: str) -> list[tuple[str, str, str | None]]:
    with pytest.raises(OverrideError) as caught:
        read_overrides(texts)
    return [(problem.path, problem.message, problem.hint) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("typed", "decorator", "step", "arguments"),
    [
        ("batch", "batch", None, {}),
        ("batch:", "batch", None, {}),
        ("batch:cpu=8,memory=32768,gpu=1", "batch", None, {"cpu": 8, "memory": 32768, "gpu": 1}),
        ("retry:times=4", "retry", None, {"times": 4}),
        ("retry:on=program", "retry", None, {"on": "program"}),
        (
            "retry:on=[program,timeout],jitter=0.2,exit_codes_no_retry=[2,3],memory_factor=1.5",
            *("retry", None),
            {"on": ["program", "timeout"], "jitter": 0.2, "exit_codes_no_retry": [2, 3], "memory_factor": 1.5},
        ),
        ("timeout:hours=1", "timeout", None, {"hours": 1}),
        ("resources:cpu=0.5", "resources", None, {"cpu": 0.5}),
        ("catch:var=problem,print_exception=false", "catch", None, {"var": "problem", "print_exception": False}),
        ("environment:vars={A:1,B:x y}", "environment", None, {"vars": {"A": 1, "B": "x y"}}),
        ("train/batch:cpu=8", "batch", "train", {"cpu": 8}),
        ("schön-1/batch:image=a/b:c", "batch", "schön-1", {"image": "a/b:c"}),
        ("batch:image=3.11", "batch", None, {"image": "3.11"}),
        ("batch:image=a,b", "batch", None, {"image": "a,b"}),
        ('batch:aws_batch_tags={"a":"b,c=d"}', "batch", None, {"aws_batch_tags": {"a": "b,c=d"}}),
        ('batch:queue=["spot","on-demand"]', "batch", None, {"queue": ["spot", "on-demand"]}),
        ("batch:queue=[spot,on-demand]", "batch", None, {"queue": ["spot", "on-demand"]}),
        ("batch:use_tmpfs=True", "batch", None, {"use_tmpfs": True}),
        ("batch:use_tmpfs=true", "batch", None, {"use_tmpfs": True}),
        ("batch:image=None,cpu=null", "batch", None, {"image": None, "cpu": None}),
        ("batch:iam_role=arn:aws:iam::1:role/x", "batch", None, {"iam_role": "arn:aws:iam::1:role/x"}),
        ("batch:log_options=[awslogs-group:/a]", "batch", None, {"log_options": ["awslogs-group:/a"]}),
        ("batch:ulimits={nofile:[1024,65536]}", "batch", None, {"ulimits": {"nofile": [1024, 65536]}}),
    ],
)
def test_values_get_the_type_that_their_parameter_takes(
    typed: str, decorator: str, step: str | None, arguments: dict[str, object]
) -> None:
    (override,) = read_overrides([typed])
    assert (override.decorator, override.step, override.arguments) == (decorator, step, arguments)
    assert override.text == typed


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(lambda name: not name.lower().startswith("aws:")),
        st.text(max_size=40),
        min_size=1,
    ),
    st.lists(st.text(), min_size=2),
)
def test_tags_and_lists_of_any_letters_survive(tags: dict[str, str], options: list[str]) -> None:
    given = [f"a{number}:{option}" for number, option in enumerate(options)]
    (override,) = read_overrides([f"batch:aws_batch_tags={json.dumps(tags)},log_options={json.dumps(given)}"])
    assert override.arguments == {"aws_batch_tags": tags, "log_options": given}


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        (
            "bath:cpu=1",
            "there is no decorator 'bath' to give by --with",
            "did you mean 'batch'? If 'bath' is a step: --with bath/batch:cpu=1",
        ),
        ("start/bath:cpu=1", "there is no decorator 'bath' to give by --with", "did you mean 'batch'?"),
        ("@batch:cpu=1", "there is no decorator '@batch' to give by --with", "did you mean 'batch'?"),
        (
            "kubernetes",
            "there is no decorator 'kubernetes' to give by --with",
            (
                "known: batch, resources, retry, timeout, catch, environment. "
                "If 'kubernetes' is a step: --with kubernetes/batch"
            ),
        ),
        (
            "process:cpu=2",
            "there is no decorator 'process' to give by --with",
            "did you mean 'resources'? If 'process' is a step: --with process/batch:cpu=2",
        ),
        (
            "process:times=2",
            "there is no decorator 'process' to give by --with",
            "did you mean 'resources'? If 'process' is a step: --with process/retry:times=2",
        ),
        ("a/batch:cpu=8,", "has a comma left over behind 'cpu'", "take it out"),
        ("batch:image=x , ", "has a comma left over behind 'image'", "take it out"),
        ("batch:cpu=8,,gpu=1", "has a comma left over behind 'cpu'", "take it out"),
        ("batch:,cpu=8", "has a comma left over", "take it out"),
        ("batch:cpus=1", "@batch has no argument 'cpus'", "did you mean 'cpu'?"),
        ("timeout:days=1", "@timeout has no argument 'days'", TIMES),
        ("batch:memory=x", "'memory' must be a whole number of MiB, at least 4, given 'x'", None),
        ("batch:cpu=\"8\"", "'cpu' must be a number above 0, given '8'", None),
        ("batch:privileged=yes", "'privileged' must be true or false, given 'yes'", None),
        (
            "batch:aws_batch_tags=a:b",
            "'aws_batch_tags' must be a mapping, given 'a:b'",
            'for example aws_batch_tags={"Project":"DataPipeline"}, and put the whole option in single quotes',
        ),
        (
            "batch:queue=[]",
            (
                "'queue' must be a job queue's name (1 to 128 letters, digits, `-` and `_`) or ARN "
                "or a list of such, given []"
            ),
            'for example queue=["spot","on-demand"], and put the whole option in single quotes',
        ),
        (
            "batch:queue=[spot",
            "'queue' begins with a bracket or quote that does not end with it: [spot",
            "close it, and put the whole option in single quotes",
        ),
        ("batch:cpu", "gives 'cpu' no value", "write cpu=<value>"),
        ("batch:cpu=1,cpu=2", "gives 'cpu' twice", "keep one"),
        ("timeout", "gives no time", "for example --with timeout:hours=2"),
        ("timeout:hours=0", "gives no time", "for example --with timeout:hours=2"),
        (
            "/batch",
            "names no step in front of the /",
            "write --with DECORATOR:name=value,… or --with STEP/DECORATOR:name=value,…",
        ),
        (
            "",
            "names no decorator",
            "write --with DECORATOR:name=value,… or --with STEP/DECORATOR:name=value,…",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_what_can(typed: str, message: str, hint: str | None) -> None:
    assert _problems(typed) == [(f"--with {typed}", message, hint)]


def test_all_problems_of_all_overrides_are_told_at_once() -> None:
    found = _problems("batch:cpus=1,memory=x,gpu=1", "bath", "retry:times=3")
    assert [(path, message.partition(",")[0]) for path, message, _ in found] == [
        ("--with batch:cpus=1,memory=x,gpu=1", "@batch has no argument 'cpus'"),
        ("--with batch:cpus=1,memory=x,gpu=1", "'memory' must be a whole number of MiB"),
        ("--with bath", "there is no decorator 'bath' to give by --with"),
    ]


def test_the_names_given_win_and_others_stay(bench: Bench) -> None:
    batch = bench.batch("@batch(cpu=2, memory=16384, image='x')\n", "batch:cpu=8,gpu=1")
    assert (batch.cpu, batch.memory, batch.gpu, batch.image) == (8, 16384, 1, "x")


def test_steps_without_the_decorator_get_it(bench: Bench) -> None:
    step = bench.start("", "batch:cpu=8", "retry:times=4", "timeout:hours=1", "catch:var=problem")
    assert step.batch is not None
    assert step.retry is not None
    assert step.catch is not None
    assert (step.batch.cpu, step.retry.times, step.timeout_seconds, step.catch.var) == (8, 4, 3600, "problem")


def test_an_override_without_arguments_is_a_bare_decorator(bench: Bench) -> None:
    assert bench.batch("", "batch").memory == 4096
    assert bench.batch("@batch(memory=1000)\n", "batch").memory == 1000


def test_several_add_up_and_the_later_one_wins(bench: Bench) -> None:
    batch = bench.batch("", "batch:cpu=2,gpu=1", "batch:cpu=8")
    assert (batch.cpu, batch.gpu) == (8, 1)


def test_an_override_may_aim_at_one_step(bench: Bench) -> None:
    steps = bench.spec(_TWO_JOBS, commanded("train/batch:cpu=8", "start/retry:times=1")).steps
    assert steps["start"].batch is not None
    assert steps["train"].batch is not None
    assert (steps["start"].batch.cpu, steps["train"].batch.cpu) == (2, 8)
    assert (steps["end"].batch, steps["end"].retry, steps["train"].retry) == (None, None, None)


def test_a_step_that_the_flow_does_not_have_is_told_with_the_nearest(bench: Bench) -> None:
    problem = bench.only_problem(_TWO_JOBS, commanded("trian/batch:cpu=8"))
    assert problem.message == "--with trian/batch:cpu=8: the flow has no step 'trian'"
    assert problem.hint == "did you mean 'train'?"


def test_resources_of_the_command_line_join_the_rule_of_the_larger_value(bench: Bench) -> None:
    batch = bench.batch("@batch(cpu=16, memory=1000)\n", "resources:cpu=8,gpu=1")
    assert (batch.cpu, batch.memory, batch.gpu) == (16, 4096, 1)


def test_batch_on_the_command_line_wins_over_resources_of_the_decorators(bench: Bench) -> None:
    assert bench.batch("@resources(memory=16384)\n", "batch:memory=8192").memory == 8192
    assert bench.batch("@resources(memory=16384)\n", "batch:cpu=2").memory == 16384


def test_between_both_on_the_command_line_the_larger_value_counts(bench: Bench) -> None:
    assert bench.batch("", "batch:memory=8192", "resources:memory=10000").memory == 10000
    assert bench.batch("", "batch:memory=8192", "resources:memory=5000").memory == 8192


@pytest.mark.parametrize("nothing", ["null", "None"])
def test_null_takes_away_what_the_decorator_says(bench: Bench, nothing: str) -> None:
    batch = bench.batch("@batch(cpu=2, queue='q', memory=1000)\n", f"batch:queue={nothing},memory={nothing}")
    assert (batch.cpu, batch.queue, batch.memory) == (2, None, 4096)


def test_null_for_a_step_without_the_decorator_does_not_give_it_one(bench: Bench) -> None:
    step = bench.start("", "batch:queue=null", "timeout:hours=null")
    assert (step.batch, step.timeout_seconds) == (None, None)


def test_a_timeout_may_be_taken_away_whole(bench: Bench) -> None:
    assert bench.start("@batch\n@timeout(hours=2)\n", "timeout:hours=null").timeout_seconds is None


def test_parts_of_a_timeout_are_names_like_others_and_add_up(bench: Bench) -> None:
    assert bench.start("@batch\n@timeout(hours=2)\n", "timeout:hours=1").timeout_seconds == 3600
    assert bench.start("@batch\n@timeout(hours=2)\n", "timeout:minutes=10").timeout_seconds == 7800
    assert bench.start("@batch\n@timeout(hours=2)\n", "timeout:minutes=10,hours=null").timeout_seconds == 600


def test_the_time_in_the_queue_is_given_beside_what_the_step_says(bench: Bench) -> None:
    step = bench.start("@batch\n@timeout(hours=2, queue_hours=1)\n", "timeout:queue_minutes=5,queue_hours=null")
    assert (step.timeout_seconds, step.queue_timeout_seconds) == (7200, 300)


def test_light_steps_go_without_a_limit_of_waiting_that_is_meant_for_all(bench: Bench) -> None:
    steps = bench.spec(_TWO_JOBS, commanded("timeout:minutes=5,queue_minutes=30")).steps
    assert (steps["start"].timeout_seconds, steps["start"].queue_timeout_seconds) == (300, 1800)
    assert (steps["train"].timeout_seconds, steps["train"].queue_timeout_seconds) == (300, None)


def test_a_limit_of_waiting_that_is_meant_for_a_light_step_is_a_problem(bench: Bench) -> None:
    problem = bench.only_problem(_TWO_JOBS, commanded("train/timeout:queue_minutes=30"))
    waits_in_none = "limits the waiting in a queue, and a light step waits in none"
    assert problem.message == f"--with train/timeout:queue_minutes=30 {waits_in_none}"


def test_tags_and_variables_are_laid_over_name_by_name(bench: Bench) -> None:
    step = bench.start(
        "@batch(aws_batch_tags={'A': '1', 'B': '2'})\n@environment(vars={'X': '1', 'Y': '2'})\n",
        "batch:aws_batch_tags={B:3,C:4}",
        "environment:vars={Y:3}",
    )
    assert step.batch is not None
    assert step.batch.aws_batch_tags == {"A": "1", "B": "3", "C": "4"}
    assert step.environment == {"X": "1", "Y": "3"}


def test_light_steps_made_jobs_have_no_limits_of_light_steps(bench: Bench) -> None:
    step = bench.start("@resources(memory=20480, gpu=1)\n@timeout(hours=2)\n", "batch")
    assert step.batch is not None
    assert (step.batch.memory, step.batch.gpu, step.timeout_seconds) == (20480, 1, 7200)


def test_light_steps_go_without_what_is_meant_for_all_and_too_much_for_them(bench: Bench) -> None:
    steps = bench.spec(_TWO_JOBS, commanded("timeout:hours=1", "resources:gpu=1,memory=32768")).steps
    assert steps["start"].batch is not None
    assert (steps["start"].timeout_seconds, steps["start"].batch.gpu, steps["start"].batch.memory) == (3600, 1, 32768)
    assert (steps["train"].timeout_seconds, steps["train"].batch) == (None, None)


def test_what_is_meant_for_a_light_step_alone_must_fit_it(bench: Bench) -> None:
    problem = bench.only_problem(_TWO_JOBS, commanded("train/timeout:hours=1"))
    assert problem.message == "--with train/timeout:hours=1 allows 3600 s, a light step may take at most 840 s"
    assert problem.hint == "add @batch to the step"


def test_problems_between_parameters_name_the_override_where_no_decorator_stands(bench: Bench) -> None:
    problem = bench.only_problem(decorated(""), commanded("start/batch:inferentia=1,trainium=1"))
    assert (problem.file, problem.line, problem.message) == (
        "--with start/batch:inferentia=1,trainium=1",
        0,
        "inferentia=1 and trainium=1 cannot go together",
    )


def test_what_is_right_in_refused_overrides_is_kept_for_the_flow_s_own_problems() -> None:
    with pytest.raises(OverrideError) as caught:
        read_overrides(["batch:cpus=1,gpu=2", "retry:times=2", "timeout:hours=0", "x/bach"])
    assert [(one.decorator, one.step, one.arguments) for one in caught.value.overrides] == [
        ("batch", None, {"gpu": 2}),
        ("retry", None, {"times": 2}),
        ("timeout", None, {}),
        ("bach", "x", {}),
    ]


def test_refused_overrides_make_no_problems_that_the_flow_does_not_have(bench: Bench) -> None:
    with pytest.raises(OverrideError) as caught:
        read_overrides(["batch:cpus=1", "timeout:hours=0", "bach", "start/retri", ""])
    light = bench.spec(decorated("@timeout(hours=2)\n"), Options(overrides=caught.value.overrides)).steps["start"]
    assert light.batch is not None
    assert light.timeout_seconds == 7200
