"""Who wins: command line, decorators, environment, profile, project; and what `plan` is told about it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from steprelay.compile import Compiled, Options, read_overrides
from steprelay.config import read_configuration
from steprelay_core.spec import Batch
from tests.compile.conftest import Bench, commanded, decorated

PYTHON = f"python:{sys.version_info.major}.{sys.version_info.minor}"

# Parameters that can be configured, with their names there.
CONFIGURED = {
    "queue": "BATCH_JOB_QUEUE",
    "image": "BATCH_CONTAINER_IMAGE",
    "iam_role": "ECS_S3_ACCESS_IAM_ROLE",
    "execution_role": "ECS_FARGATE_EXECUTION_ROLE",
}
# Highest first, each with how its origin reads.
SOURCES = {
    "with": "--with batch:{parameter}=from-with",
    "decorator": "@batch (tested.py:{line})",
    "steprelay": "environment STEPRELAY_{name}",
    "metaflow": "environment METAFLOW_{name}",
    "profile": "pyproject.toml [tool.steprelay.profiles.prod]",
    "table": "pyproject.toml [tool.steprelay]",
}
# Two values of each parameter: the decorator's and the command line's, as they stand in the spec.
VALUES: dict[str, tuple[Any, Any]] = {
    "cpu": (2, 0.5), "memory": (8192, 2048), "gpu": (1, 2), "image": ("a", "b"), "queue": ("a", ["b", "c"]),
    "iam_role": ("a", "b"), "execution_role": ("a", "b"), "shared_memory": (64, 32), "max_swap": (1, 0),
    "swappiness": (100, 0), "inferentia": (1, 2), "trainium": (1, 2), "efa": (1, 2), "use_tmpfs": (True, False),
    "tmpfs_tempdir": (False, True), "tmpfs_size": (64, 32), "tmpfs_path": ("/a", "/b"), "ephemeral_storage": (21, 200),
    "aws_batch_tags": ({"A": "1"}, {"A": "2"}), "log_driver": ("awslogs", "splunk"),
    "log_options": ({"a": "1"}, {"b": "2"}), "privileged": (True, False),
    "host_volumes": ([{"source": "/a", "target": "/b", "read_only": False}], []),
    "efs_volumes": ([{"filesystem": "fs-1", "target": "/b", "read_only": True}], []),
    "secrets": ({"A": "arn:aws:ssm:us-east-1:123456789012:parameter/a"}, {}), "architecture": ("arm64", "x86_64"),
    "ulimits": ({"nofile": {"soft": 1, "hard": 2}}, {"nproc": {"soft": 3, "hard": 3}}),
    "share_identifier": ("a", "b"), "scheduling_priority": (1, 2), "num_parallel": (2, 3),
    "max_memory": (8192, 16384), "round_up": (True, False),
}  # fmt: skip
# Parameters that mean nothing without others.
COMPANIONS = {"scheduling_priority": "share_identifier='s', "}


@dataclass(frozen=True)
class Surroundings:
    """The places where a value can be configured."""

    env: dict[str, str]
    table: dict[str, str]
    profile: dict[str, str]

    def options(self, folder: Path, *overrides: str) -> Options:
        lines = ["[tool.steprelay]", *_toml(self.table), "[tool.steprelay.profiles.prod]", *_toml(self.profile)]
        (folder / "pyproject.toml").write_text("\n".join(lines))
        env = {"STEPRELAY_PROFILE": "prod"} | self.env
        return Options(read_configuration(env, folder), read_overrides(overrides))


def _toml(values: dict[str, str]) -> list[str]:
    return [f'{name.lower()} = "{value}"' for name, value in values.items()]


def _configured(bench: Bench, decorators: str, *overrides: str, **env: str) -> Compiled:
    options = Surroundings(env, {}, {}).options(bench.file.parent, *overrides)
    return bench.compiled(decorated(decorators), options)


def _batch(compiled: Compiled) -> Batch:
    batch = compiled.flow.step("start").batch
    assert batch is not None
    return batch


@pytest.mark.parametrize("parameter", CONFIGURED)
@pytest.mark.parametrize("winner", SOURCES)
def test_the_closest_source_that_gives_a_value_wins(bench: Bench, parameter: str, winner: str) -> None:
    name = CONFIGURED[parameter]
    given = list(SOURCES)[list(SOURCES).index(winner) :]
    env = {f"{source.upper()}_{name}": f"from-{source}" for source in given if source in ("steprelay", "metaflow")}
    surroundings = Surroundings(
        env,
        {name: "from-table"} if "table" in given else {},
        {name: "from-profile"} if "profile" in given else {},
    )
    decorator = f"@batch({parameter}='from-decorator')  # HERE\n" if "decorator" in given else "@batch  # HERE\n"
    overrides = [f"batch:{parameter}=from-with"] if "with" in given else []
    compiled = bench.compiled(decorated(decorator), surroundings.options(bench.file.parent, *overrides))
    assert getattr(_batch(compiled), parameter) == f"from-{winner}"
    origin = SOURCES[winner].format(parameter=parameter, name=name, line=bench.line())
    assert compiled.provenance["start"][parameter] == origin


def test_the_tables_above_name_every_parameter() -> None:
    assert VALUES.keys() == Batch.model_fields.keys()
    assert CONFIGURED.keys() <= VALUES.keys()


@pytest.mark.parametrize("parameter", VALUES)
def test_the_command_line_wins_over_the_decorator_for_every_parameter(bench: Bench, parameter: str) -> None:
    written, typed = VALUES[parameter]
    decorator = f"@batch({COMPANIONS.get(parameter, '')}{parameter}={written!r})  # HERE\n"
    key = "aws_batch_tags.A" if parameter == "aws_batch_tags" else parameter

    alone = bench.compiled(decorated(decorator))
    assert _batch(alone).model_dump(exclude_unset=True)[parameter] == written
    assert alone.provenance["start"][key] == f"@batch (tested.py:{bench.line()})"

    override = f"start/batch:{parameter}={typed!r}"
    both = bench.compiled(decorated(decorator), commanded(override))
    assert _batch(both).model_dump()[parameter] == typed
    assert both.provenance["start"][key] == f"--with {override}"


def test_cpu_and_memory_have_an_origin_though_nobody_gave_them(bench: Bench) -> None:
    assert bench.compiled(decorated("@batch\n")).provenance == {"start": {"cpu": "default", "memory": "default"}}


def test_light_steps_have_no_provenance_and_no_configuration(bench: Bench) -> None:
    compiled = _configured(bench, "@retry\n", STEPRELAY_BATCH_JOB_QUEUE="q")
    assert compiled.provenance == {}
    assert compiled.flow.step("start").batch is None


def test_configuration_reaches_steps_that_the_command_line_makes_jobs(bench: Bench) -> None:
    compiled = _configured(bench, "", "start/batch", STEPRELAY_BATCH_JOB_QUEUE="q")
    assert _batch(compiled).queue == "q"
    assert compiled.flow.step("end").batch is None


def test_resources_are_named_with_their_line_and_their_defaults_as_such(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@batch(memory=1000)\n@resources(cpu=8)  # HERE\n"))
    assert compiled.provenance["start"] == {
        "cpu": f"@resources (tested.py:{bench.line()})",
        "memory": f"@resources (tested.py:{bench.line()}), its default",
    }


def test_between_equal_values_the_batch_decorator_is_named(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@batch(cpu=8)  # HERE\n@resources(cpu=8)\n"))
    assert compiled.provenance["start"]["cpu"] == f"@batch (tested.py:{bench.line()})"


def test_a_value_taken_away_falls_back_to_the_configuration(bench: Bench) -> None:
    compiled = _configured(bench, "@batch(queue='mine')\n", "batch:queue=null", STEPRELAY_BATCH_JOB_QUEUE="ours")
    assert _batch(compiled).queue == "ours"
    assert compiled.provenance["start"]["queue"] == "environment STEPRELAY_BATCH_JOB_QUEUE"


def test_other_decorators_are_named_with_everybody_who_has_a_part_in_them(bench: Bench) -> None:
    decorators = "@retry(times=1, backoff=2)  # HERE\n@batch\n@timeout(hours=1)  # TIME\n@environment(vars={'A': 1})\n"
    compiled = bench.compiled(decorated(decorators), commanded("retry:times=4", "timeout:hours=2", "catch:var=x"))
    origins = compiled.provenance["start"]
    assert origins["retry"] == f"--with retry:times=4, @retry (tested.py:{bench.line()})"
    assert origins["timeout"] == "--with timeout:hours=2"
    assert origins["catch"] == "--with catch:var=x"
    assert origins["environment"].startswith("@environment (tested.py:")


def test_tags_are_laid_over_each_other_name_by_name(bench: Bench) -> None:
    compiled = _configured(
        bench,
        "@batch(aws_batch_tags={'Team': 'mine', 'Step': 'x'})  # HERE\n",
        "batch:aws_batch_tags={Step:y}",
        STEPRELAY_BATCH_DEFAULT_TAGS='{"Team": "ours", "Cost": "1=2,3"}',
    )
    assert _batch(compiled).aws_batch_tags == {"Team": "mine", "Step": "y", "Cost": "1=2,3"}
    origins = compiled.provenance["start"]
    assert origins["aws_batch_tags.Team"] == f"@batch (tested.py:{bench.line()})"
    assert origins["aws_batch_tags.Step"] == "--with batch:aws_batch_tags={Step:y}"
    assert origins["aws_batch_tags.Cost"] == "environment STEPRELAY_BATCH_DEFAULT_TAGS"


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (None, f"registry.io/{PYTHON}"),
        ("team/app:1", "registry.io/team/app:1"),
        ("other.io/app", "other.io/app"),
        ("localhost/app", "localhost/app"),
    ],
)
def test_images_without_a_registry_come_from_the_configured_one(bench: Bench, image: str | None, found: str) -> None:
    compiled = _configured(bench, f"@batch(image={image!r})\n", STEPRELAY_BATCH_CONTAINER_REGISTRY="registry.io")
    assert _batch(compiled).image == found


def test_an_image_found_in_a_registry_has_both_origins(bench: Bench) -> None:
    registry = "environment METAFLOW_BATCH_CONTAINER_REGISTRY"
    env = {"METAFLOW_BATCH_CONTAINER_REGISTRY": "registry.io"}
    assert _configured(bench, "@batch\n", **env).provenance["start"]["image"] == registry
    named = _configured(bench, "@batch(image='app')  # HERE\n", **env)
    assert named.provenance["start"]["image"] == f"@batch (tested.py:{bench.line()}), {registry}"
    elsewhere = _configured(bench, "@batch(image='a.io/app')  # HERE\n", **env)
    assert elsewhere.provenance["start"]["image"] == f"@batch (tested.py:{bench.line()})"


def test_an_image_too_long_with_its_registry_is_told_at_the_decorator(bench: Bench) -> None:
    options = Surroundings({"STEPRELAY_BATCH_CONTAINER_REGISTRY": "r" * 200}, {}, {}).options(bench.file.parent)
    problem = bench.only_problem(decorated(f"@batch(image='{'i' * 100}')  # HERE\n"), options)
    assert (problem.line, problem.message.partition(",")[0]) == (
        bench.line(),
        "@batch",
    )
    told = "environment STEPRELAY_BATCH_CONTAINER_REGISTRY: 'image' must be text of 1 to 255 characters"
    assert told in problem.message


def test_a_registry_too_long_for_any_image_is_told_once_and_at_its_place(bench: Bench) -> None:
    options = Surroundings({"STEPRELAY_BATCH_CONTAINER_REGISTRY": "r" * 250}, {}, {}).options(
        bench.file.parent, "batch"
    )
    problem = bench.only_problem(decorated("@batch\n"), options)
    assert (problem.file, problem.line) == ("environment STEPRELAY_BATCH_CONTAINER_REGISTRY", 0)
    assert problem.message.startswith("'image' must be text of 1 to 255 characters")


@pytest.mark.parametrize(
    ("decorators", "env", "overrides", "message"),
    [
        ("@batch", {"STEPRELAY_BATCH_JOB_QUEUE": "a,a"}, (), "environment STEPRELAY_BATCH_JOB_QUEUE: queue names"),
        (
            "@batch",
            {"METAFLOW_BATCH_CONTAINER_IMAGE": "a b"},
            (),
            "environment METAFLOW_BATCH_CONTAINER_IMAGE: no image",
        ),
        (
            "@batch",
            {"STEPRELAY_BATCH_DEFAULT_TAGS": '{"k!": "v"}'},
            (),
            "environment STEPRELAY_BATCH_DEFAULT_TAGS: aws_batch_tags: a tag cannot hold !",
        ),
        ("@batch", {}, ("start/batch:gpu=1,cpu=0.5",), "--with start/batch:gpu=1,cpu=0.5: runs on neither"),
        ("@batch", {}, ("start/batch:max_memory=4095",), "--with start/batch:max_memory=4095: max_memory=4095 MiB is"),
    ],
)
def test_what_is_wrong_with_a_value_is_told_of_whoever_gave_it(
    bench: Bench, decorators: str, env: dict[str, str], overrides: tuple[str, ...], message: str
) -> None:
    options = Surroundings(env, {}, {}).options(bench.file.parent, *overrides)
    assert str(bench.only_problem(decorated(f"{decorators}\n"), options)).startswith(message)


def test_what_the_command_line_makes_wrong_of_a_decorator_is_told_of_both(bench: Bench) -> None:
    problem = bench.only_problem(decorated("@batch(cpu=0.5)  # HERE\n"), commanded("start/batch:gpu=1"))
    assert (problem.file, problem.line) == bench.at()
    assert problem.message.startswith("@batch and --with start/batch:gpu=1: runs on neither platform: on EC2 cpu (")


def test_round_up_is_set_on_every_job_and_said_so(bench: Bench) -> None:
    compiled = bench.compiled(decorated("@batch(round_up=False)\n"), Options(round_up=True))
    assert _batch(compiled).round_up
    assert compiled.provenance["start"]["round_up"] == "--round-up"
    assert compiled.flow.step("end").batch is None


def test_a_with_that_speaks_of_round_up_itself_wins_over_the_switch(bench: Bench) -> None:
    options = Options(overrides=read_overrides(["batch:round_up=false"]), round_up=True)
    assert not _batch(bench.compiled(decorated("@batch\n"), options)).round_up
