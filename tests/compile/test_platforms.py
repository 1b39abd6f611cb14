"""What AWS Batch takes on no platform is refused by the compiler; what one of them takes is fine."""

import pytest

from steprelay.compile import Options
from tests.compile.conftest import Bench, decorated


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            "aws_batch_tags={'k!': 'v'}",
            "aws_batch_tags: a tag cannot hold !, given 'k!'",
            "letters, digits, space and _ . : / = + - @ , are allowed",
        ),
        (
            "aws_batch_tags={'AWS:x': 'v'}",
            "aws_batch_tags: the prefix 'AWS:' of a tag is reserved, given 'AWS:x'",
            "rename the tag",
        ),
        (
            "aws_batch_tags={f'k{n}': 'v' for n in range(60)}",
            "aws_batch_tags: a job has room for 47 tags beside ours, given 60",
            "drop some, or join them",
        ),
        (
            "log_driver='nonsense'",
            "log_driver: Batch knows no log driver 'nonsense'",
            "known: awsfirelens, awslogs, fluentd, gelf, journald, json-file, splunk, syslog",
        ),
        ("image='bad image'", "no image is called 'bad image'", "letters, digits and - _ . : / # @ are allowed"),
    ],
)
def test_what_both_platforms_refuse_is_told_once_as_it_is(
    bench: Bench, arguments: str, message: str, hint: str
) -> None:
    problem = bench.step_problem(f"@batch({arguments})  # HERE\n")
    assert (problem.message, problem.hint) == (f"@batch: {message}", hint)


@pytest.mark.parametrize(
    ("arguments", "ec2", "fargate"),
    [
        (
            "ephemeral_storage=30, gpu=1",
            "ephemeral_storage (EC2 jobs have no `ephemeral_storage`, given 30)",
            "gpu (Fargate has no `gpu`, given 1)",
        ),
        ("cpu=0.5, gpu=1", "cpu (EC2 jobs take whole vCPUs, given 0.5)", "gpu (Fargate has no `gpu`, given 1)"),
        (
            "architecture='arm64', privileged=True",
            "architecture (EC2 jobs have no `architecture`, given 'arm64')",
            "privileged (Fargate has no `privileged`, given True)",
        ),
        (
            "ulimits={'nofile': [5, 1]}",
            "ulimits (the soft limit of 'nofile' is above the hard one: 5 and 1)",
            "ulimits (Fargate has no `ulimits`, given nofile)",
        ),
        (
            "cpu=0.25, memory=4096",
            "cpu (EC2 jobs take whole vCPUs, given 0.25)",
            "memory (Fargate has no pair of 0.25 vCPU and 4096 MiB)",
        ),
    ],
)
def test_what_each_platform_refuses_for_its_own_reasons_is_told_as_one_problem(
    bench: Bench, arguments: str, ec2: str, fargate: str
) -> None:
    problem = bench.step_problem(f"@batch({arguments})  # HERE\n")
    assert problem.message == f"@batch: runs on neither platform: on EC2 {ec2}; on Fargate {fargate}"

    assert problem.hint is not None


def test_what_to_do_is_told_for_each_platform(bench: Bench) -> None:
    sizes = bench.step_problem("@batch(cpu=0.1, memory=512)  # HERE\n").hint
    assert sizes is not None
    assert sizes.startswith(
        "for EC2: say cpu=1, or round up: round_up=True, --round-up; for Fargate: nearest: cpu=0.25"
    )
    several = bench.step_problem("@batch(architecture='arm64', gpu=1, privileged=True)  # HERE\n").hint
    assert several == (
        "for EC2: architecture: leave it out: the instances decide, so choose a queue with arm64 instances; "
        "for Fargate: leave `gpu` out; leave `privileged` out"
    )


@pytest.mark.parametrize("wish", ["cpu=0.5", "ephemeral_storage=30", "architecture='arm64'"])
@pytest.mark.parametrize(
    "other", ["gpu=1", "num_parallel=2", "log_driver='gelf'", "memory=5", "memory=999999", "ulimits={'core': [2, 1]}"]
)
def test_no_platform_sends_to_the_other_where_neither_will_do(bench: Bench, wish: str, other: str) -> None:
    hint = bench.step_problem(f"@batch({wish}, {other})  # HERE\n").hint
    assert hint is not None
    assert "Fargate queue" not in hint
    assert "queue with EC2" not in hint


@pytest.mark.parametrize(
    "arguments",
    [
        "gpu=1, ulimits={'nofile': [1, 5]}, privileged=True",
        "cpu=3, memory=5000",
        "cpu=0.5, memory=1024, ephemeral_storage=30, architecture='arm64'",
        "cpu=0.5, memory=5000, round_up=True",
        "cpu=0.5, gpu=1, round_up=True",
        "cpu=1.5, memory=500000, round_up=True",
        "log_driver='fluentd'",
        "log_driver='splunk', ephemeral_storage=30",
        "queue=['on-demand', 'serverless'], gpu=1",
        "num_parallel=4",
        "secrets={'A': 'arn:aws:ssm:us-east-1:123456789012:parameter/a'}",
        "aws_batch_tags={'Teäm': 'a,b=c'}",
    ],
)
def test_what_one_platform_takes_is_fine(bench: Bench, arguments: str) -> None:
    assert bench.batch(f"@batch({arguments})\n")


def test_a_switch_that_makes_a_step_fit_is_heeded(bench: Bench) -> None:
    source = decorated("@batch(cpu=0.5, gpu=1)\n")
    assert bench.compiled(source, Options(round_up=True)).flow.step("start").batch
    assert "neither platform" in bench.only_problem(source).message


def test_what_both_refuse_hides_nothing_else(bench: Bench) -> None:
    found = bench.problems(decorated("@batch(log_driver='nonsense', cpu=0.5, gpu=1)\n"))
    assert [problem.message.partition("(")[0].strip() for problem in found] == [
        "@batch: log_driver: Batch knows no log driver 'nonsense'",
        "@batch: runs on neither platform: on EC2 cpu",
    ]


def test_steps_for_no_platform_are_told_beside_a_broken_graph(bench: Bench) -> None:
    source = decorated("@batch(image='bad image')  # HERE\n").replace("self.end", "self.edn")
    found = bench.problems(source)
    assert ("@batch: no image is called 'bad image'", bench.line()) in [(one.message, one.line) for one in found]
    assert len(found) == 2


def test_light_steps_are_left_alone(bench: Bench) -> None:
    assert bench.start("@environment(vars={'X': 'x' * 100_000})\n").batch is None
