"""The decorators of a step become its needs; misuse is said with the line of the decorator."""

import pytest

from steprelay_core.spec import Batch
from tests.compile.conftest import Bench, decorated

TIMES = "known: seconds, minutes, hours, queue_seconds, queue_minutes, queue_hours"
QUEUES = "a job queue's name (1 to 128 letters, digits, `-` and `_`) or ARN or a list of such"


def test_batch_alone_means_its_defaults(bench: Bench) -> None:
    assert bench.batch("@batch\n") == Batch()
    assert bench.batch("@batch()\n") == Batch()


@pytest.mark.parametrize(
    ("argument", "value"),
    {
        "cpu": 4, "memory": 16384, "gpu": 2, "image": "my-registry.com/ml:latest", "queue": "gpus",
        "iam_role": "arn:aws:iam::1:role/job", "execution_role": "arn:aws:iam::1:role/exec",
        "shared_memory": 16384, "max_swap": 0, "swappiness": 100, "inferentia": 1, "efa": 1,
        "use_tmpfs": True, "tmpfs_tempdir": False, "tmpfs_size": 512, "tmpfs_path": "/scratch",
        "ephemeral_storage": 21, "aws_batch_tags": {"Project": "x"},
        "log_driver": "awslogs", "log_options": {"awslogs-group": "a"}, "privileged": True,
        "secrets": {"TOKEN": "arn:aws:ssm:us-east-1:123456789012:parameter/token"}, "architecture": "arm64",
        "share_identifier": "research", "num_parallel": 4, "max_memory": 65536, "round_up": True, "trainium": 2,
    }.items(),
)  # fmt: skip
def test_every_argument_of_batch_reaches_the_spec(bench: Bench, argument: str, value: object) -> None:
    assert getattr(bench.batch(f"@batch({argument}={value!r})\n"), argument) == value


def test_a_part_of_a_cpu_may_be_asked_for(bench: Bench) -> None:
    assert bench.batch("@batch(cpu=0.25, memory=512)\n").cpu == 0.25


def test_none_is_as_good_as_not_given(bench: Bench) -> None:
    assert bench.batch("@batch(cpu=None, gpu=None, image=None, trainium=None)\n") == Batch()


def test_several_queues_are_an_order_of_fallback(bench: Bench) -> None:
    assert bench.batch("@batch(queue=['spot', 'on-demand'])\n").queues == ("spot", "on-demand")
    assert bench.batch("@batch(queue=('spot', 'on-demand'))\n").queues == ("spot", "on-demand")


def test_log_options_may_be_a_list_of_key_and_value(bench: Bench) -> None:
    options = bench.batch('@batch(log_driver="awslogs", log_options=["awslogs-group:/a", "endpoint:http://x:1"])\n')
    assert options.log_options == {"awslogs-group": "/a", "endpoint": "http://x:1"}


def test_volumes_and_limits_may_be_written_short(bench: Bench) -> None:
    batch = bench.batch(
        "@batch(host_volumes='/data:/mnt:ro', efs_volumes=['fs-0123abcd'], ulimits={'nofile': [1024, 65536]})\n"
    )
    assert [(each.source, each.target, each.read_only) for each in batch.host_volumes] == [("/data", "/mnt", True)]
    assert [(each.filesystem, each.target) for each in batch.efs_volumes] == [("fs-0123abcd", "/mnt/fs-0123abcd")]
    assert (batch.ulimits["nofile"].soft, batch.ulimits["nofile"].hard) == (1024, 65536)


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("@batch(memroy=1)", "@batch has no argument 'memroy'", "did you mean 'memory'?"),
        ("@batch(cpu='four')", "@batch: 'cpu' must be a number above 0, given 'four'", None),
        ("@batch(memory=1.5)", "@batch: 'memory' must be a whole number of MiB, at least 4, given 1.5", None),
        ("@batch(gpu=True)", "@batch: 'gpu' must be a whole number, at least 0, given True", None),
        ("@batch(swappiness=101)", "@batch: 'swappiness' must be a whole number from 0 to 100, given 101", None),
        (
            "@batch(ephemeral_storage=20)",
            "@batch: 'ephemeral_storage' must be a whole number of GiB from 21 to 200, given 20",
            None,
        ),
        ("@batch(tmpfs_path='x')", "@batch: 'tmpfs_path' must be an absolute path, given 'x'", None),
        (
            "@batch(aws_batch_tags={'aws:x': 'y'})",
            "@batch: aws_batch_tags: the name 'aws:x' must be 1 to 128 characters, not beginning with `aws:`",
            None,
        ),
        (
            "@batch(log_options=['x'])",
            "@batch: 'log_options' holds 'x'",
            'write "key:value", for example "awslogs-group:aws/batch/job"',
        ),
        ("@batch(log_options='x:y')", "@batch: 'log_options' must be a list of text or a mapping, given 'x:y'", None),
        (
            "@batch(queue=[])",
            f"@batch: 'queue' must be {QUEUES}, given []",
            None,
        ),
        ("@batch(queue='a b')", f"@batch: 'queue' must be {QUEUES}, given 'a b'", None),
        ("@batch(queue='arn:queue')", f"@batch: 'queue' must be {QUEUES}, given 'arn:queue'", None),
        (
            "@batch(iam_role='my role')",
            "@batch: 'iam_role' must be a role's ARN, without white space, given 'my role'",
            None,
        ),
        (
            "@batch(execution_role='role\\n')",
            "@batch: 'execution_role' must be a role's ARN, without white space, given 'role\\n'",
            None,
        ),
        (
            "@batch(efs_volumes={'filesystem': 'fs-1', 'access_point': 'ap-1'})",
            (
                "@batch: efs_volumes: 'access_point' must be the id of an EFS access point, like fsap-0123abcd, "
                "given 'ap-1'"
            ),
            None,
        ),
        ("@batch(architecture='arm')", "@batch: 'architecture' must be one of 'x86_64', 'arm64', given 'arm'", None),
        (
            "@batch(host_volumes='data:/data')",
            "@batch: host_volumes: 'source' must be an absolute path, given 'data'",
            None,
        ),
        (
            "@batch(ulimits=['nofile=1', 7])",
            "@batch: 'ulimits' holds 7",
            'write "nofile=1024:4096", or a mapping of names to limits',
        ),
        (
            "@batch(inferentia=1, trainium=1)",
            "@batch: inferentia=1 and trainium=1 cannot go together",
            "they are two names for the same devices: keep one",
        ),
        (
            "@batch(trainium='1')",
            "@batch: 'trainium' must be a whole number, at least 0, given '1'",
            "write it without quotes: trainium=1",
        ),
        (
            "@batch(cpu='0.5')",
            "@batch: 'cpu' must be a number above 0, given '0.5'",
            "write it without quotes: cpu=0.5",
        ),
        (
            "@batch(scheduling_priority=1)",
            "@batch: scheduling_priority=1 means nothing without a share",
            "give share_identifier as well",
        ),
        (
            "@batch(max_memory=1024)",
            "@batch: max_memory=1024 MiB is less than what it starts with, memory=4096 MiB",
            "raise it, or lower memory",
        ),
        ("@batch(queue=['a', 'a'])", "@batch: queue names one twice: a, a", "name each once"),
        (
            "@batch(use_tmpfs=True, tmpfs_path='/x', host_volumes='/x')",
            "@batch: host_volumes: /x is the place of the tmpfs (tmpfs_path=/x) already",
            "mount it elsewhere",
        ),
        (
            "@batch(host_volumes=['/a:/x', '/b:/x'])",
            "@batch: host_volumes: /x is the place of another volume already",
            "mount it elsewhere",
        ),
        (
            "@batch(host_volumes='/x', efs_volumes='fs-1:/x')",
            "@batch: efs_volumes: /x is the place of another volume already",
            "mount it elsewhere",
        ),
        (
            "@batch(efs_volumes={'filesystem': 'fs-1', 'root': '/r', 'access_point': 'fsap-1'})",
            "@batch: efs_volumes: fs-1 has an access point and the root '/r'",
            "an access point brings its own root: leave `root` out",
        ),
        ("@retry(time=3)", "@retry has no argument 'time'", "did you mean 'times'?"),
        ("@retry(times=-1)", "@retry: 'times' must be a whole number from 0 to 99, given -1", None),
        ("@retry(backoff=0.5)", "@retry: 'backoff' must be a number, at least 1, given 0.5", None),
        (
            "@timeout(days=1)",
            "@timeout has no argument 'days'",
            TIMES,
        ),
        (
            "@timeout(hours='2')",
            "@timeout: 'hours' must be a number, at least 0, given '2'",
            "write it without quotes: hours=2",
        ),
        ("@timeout", "@timeout gives no time", "for example @timeout(hours=2)"),
        ("@catch(var='a b')", "@catch: 'var' must be the name of an artifact, given 'a b'", None),
        ("@catch(variable='x')", "@catch has no argument 'variable'", "known: var, print_exception"),
        (
            "@environment(vars={'AWS_BATCH_X': '1'})",
            (
                "@environment: vars: the name 'AWS_BATCH_X' must be letters, digits and `_`, no digit first, "
                "not beginning with AWS_BATCH (AWS Batch refuses that)"
            ),
            None,
        ),
        ("@environment(vars={'X': None})", "@environment: vars: 'X' must be text or a number, given None", None),
        ("@environment(X='1')", "@environment has no argument 'X'", "known: vars"),
        ("@resources(cpus=1)", "@resources has no argument 'cpus'", "did you mean 'cpu'?"),
        ("@resources(gpu=1)", "@resources asks for gpu=1, which a light step cannot have", "add @batch to the step"),
        (
            "@resources(memory=20480)",
            "@resources asks for 20480 MiB of memory, a light step has at most 10240",
            "add @batch to the step",
        ),
        (
            "@timeout(minutes=20)",
            "@timeout allows 1200 s, a light step may take at most 840 s",
            "add @batch to the step",
        ),
        (
            "@timeout(queue_minutes=20)",
            "@timeout limits the waiting in a queue, and a light step waits in none",
            "add @batch to the step",
        ),
    ],
)
def test_misuse_of_a_decorator_is_said_with_its_line(
    bench: Bench, written: str, message: str, hint: str | None
) -> None:
    problem = bench.step_problem(f"{written}  # HERE\n")
    assert (problem.message, problem.hint) == (message, hint)


@pytest.mark.parametrize("written", ["@batch(4)", "@batch(4, 8192)", "@timeout(60)"])
def test_positional_arguments_are_refused(bench: Bench, written: str) -> None:
    problem = bench.step_problem(f"{written}  # HERE\n")
    assert "takes named arguments only, given" in problem.message


def test_a_flow_s_decorator_on_a_step_is_refused(bench: Bench) -> None:
    problem = bench.step_problem("@schedule(daily=True)  # HERE\n")
    assert (problem.message, problem.hint) == (
        "@schedule stands on a step",
        "it starts whole flows: put it on the class",
    )


def test_a_step_s_decorator_on_the_class_is_refused(bench: Bench) -> None:
    bench.write(
        """
        from steprelay import *

        @batch(cpu=4)  # HERE
        class TestedFlow(FlowSpec):
            @batch(8)  # TOO
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    misplaced, by_position = bench.problems_of_file()
    assert (misplaced.line, misplaced.message) == (bench.line(), "@batch stands on the flow's class")
    assert (by_position.line, by_position.message) == (bench.line("TOO"), "@batch takes named arguments only, given 8")


def test_all_arguments_of_one_decorator_are_checked_at_once(bench: Bench) -> None:
    found = bench.problems(decorated("@batch(cpu=0, memory='x', imag='y')\n"))
    assert len(found) == 3


def test_a_decorator_given_twice_names_the_other_line(bench: Bench) -> None:
    problem = bench.only_problem(decorated("@batch(cpu=1)  # FIRST\n@retry\n@batch(cpu=2)  # HERE\n"))
    assert (problem.line, problem.message) == (bench.line(), "@batch is given twice")
    assert problem.hint == f"it stands in line {bench.line('FIRST')} too: keep one"


def test_resources_and_batch_give_the_larger_of_each_value(bench: Bench) -> None:
    batch = bench.batch("@resources(cpu=8, memory=2048, gpu=1, shared_memory=10)\n@batch(cpu=2, memory=16384)\n")
    assert (batch.cpu, batch.memory, batch.gpu, batch.shared_memory) == (8, 16384, 1, 10)


def test_the_defaults_of_resources_count_as_metaflow_has_it(bench: Bench) -> None:
    assert bench.batch("@resources\n@batch(memory=1000)\n").memory == 4096


def test_the_defaults_of_batch_do_not_count_as_metaflow_has_it(bench: Bench) -> None:
    assert bench.batch("@resources(memory=1000)\n@batch\n").memory == 1000


def test_resources_of_a_light_step_within_its_limits_are_accepted(bench: Bench) -> None:
    assert bench.start("@resources(cpu=2, memory=8192)\n").batch is None


def test_resources_raise_what_memory_may_grow_from(bench: Bench) -> None:
    problem = bench.only_problem(decorated("@resources(memory=9000)\n@batch(max_memory=8000)  # HERE\n"))
    assert (problem.line, problem.message) == (
        bench.line(),
        "@batch and @resources (tested.py:5): max_memory=8000 MiB is less than what it starts with, memory=9000 MiB",
    )


def test_a_secret_that_is_a_variable_too_is_told_at_batch(bench: Bench) -> None:
    secret = "arn:aws:ssm:us-east-1:123456789012:parameter/token"
    problem = bench.only_problem(
        decorated(f"@environment(vars={{'TOKEN': 'x'}})\n@batch(secrets={{'TOKEN': '{secret}'}})  # HERE\n")
    )
    assert (problem.line, problem.message) == (
        bench.line(),
        "@batch: secrets: 'TOKEN' is a secret and a variable of the environment",
    )


def test_problems_between_parameters_are_told_beside_those_of_the_graph(bench: Bench) -> None:
    found = bench.problems(
        """
        @batch(scheduling_priority=1)
        @step
        def start(self):
            self.next(self.edn)

        @step
        def end(self):
            pass
        """
    )
    assert any("scheduling_priority=1" in problem.message for problem in found)
    assert any("edn" in problem.message for problem in found)


def test_a_disk_that_batch_does_not_know_is_a_warning(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@resources(disk=1000)  # HERE\n@batch\n"))
    assert [warning.line for warning in compiled.warnings] == [bench.line()]
    assert "disk has no meaning on AWS Batch" in compiled.warnings[0].message


def test_numbers_in_the_environment_become_text(bench: Bench) -> None:
    assert bench.start("@environment(vars={'A': 1, 'B': 'x=y, z'})\n").environment == {"A": "1", "B": "x=y, z"}


def test_the_order_of_decorators_means_nothing(bench: Bench) -> None:
    above = bench.start("@batch(cpu=2)\n@retry(times=1)\n")
    below = bench.start("@retry(times=1)\n@batch(cpu=2)\n")
    assert above == below
