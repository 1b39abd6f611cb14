"""Settings come from the environment and from pyproject.toml, each with its origin; every mistake is told at once."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from steprelay.config import Configuration, ConfigurationError, Setting, read_configuration

NAMES = {
    "queue": "BATCH_JOB_QUEUE",
    "image": "BATCH_CONTAINER_IMAGE",
    "registry": "BATCH_CONTAINER_REGISTRY",
    "iam_role": "ECS_S3_ACCESS_IAM_ROLE",
    "execution_role": "ECS_FARGATE_EXECUTION_ROLE",
}
TABLE = "pyproject.toml [tool.steprelay]"
PROD = "pyproject.toml [tool.steprelay.profiles.prod]"
QUEUES = "a job queue's name (1 to 128 letters, digits, `-` and `_`) or ARN or a list of such"


def _write(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(dedent(text))


def _found(folder: Path, text: str, **env: str) -> Configuration:
    _write(folder, text)
    return read_configuration(env, folder)


def _problems(folder: Path, text: str | None = None, **env: str) -> list[tuple[str, str, str | None]]:
    if text is not None:
        _write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(env, folder)
    return [(problem.path, problem.message, problem.hint) for problem in caught.value.problems]


def _only_problem(folder: Path, text: str | None = None, **env: str) -> tuple[str, str, str | None]:
    (found,) = _problems(folder, text, **env)
    return found


def test_nothing_configured_is_nothing(tmp_path: Path) -> None:
    assert read_configuration({"PATH": "/bin", "METAFLOW_PROFILE": "x"}, tmp_path) == Configuration()


@pytest.mark.parametrize("field", NAMES)
def test_of_all_sources_the_closest_counts(tmp_path: Path, field: str) -> None:
    name = NAMES[field]
    key = name.lower()
    env = {f"STEPRELAY_{name}": "ours", f"METAFLOW_{name}": "metaflow-s", "STEPRELAY_PROFILE": "prod"}
    _write(
        tmp_path,
        f"""
        [tool.steprelay]
        {key} = "table"
        [tool.steprelay.profiles.prod]
        {key} = "profile"
        """,
    )
    expected = [
        ("ours", f"environment STEPRELAY_{name}", f"STEPRELAY_{name}"),
        ("metaflow-s", f"environment METAFLOW_{name}", f"METAFLOW_{name}"),
        ("profile", PROD, "STEPRELAY_PROFILE"),
        ("table", TABLE, None),
    ]
    for value, origin, closest in expected:
        assert getattr(read_configuration(env, tmp_path), field) == Setting(value, origin)
        env.pop(closest or "", None)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_counts_as_not_set(tmp_path: Path, empty: str) -> None:
    env = {"STEPRELAY_BATCH_JOB_QUEUE": empty, "METAFLOW_BATCH_JOB_QUEUE": "q", "STEPRELAY_PROFILE": empty}
    assert read_configuration(env, tmp_path).queue == Setting("q", "environment METAFLOW_BATCH_JOB_QUEUE")
    assert read_configuration({"STEPRELAY_BATCH_DEFAULT_TAGS": empty}, tmp_path) == Configuration()


def test_several_queues_are_separated_by_commas_in_the_environment(tmp_path: Path) -> None:
    queue = read_configuration({"STEPRELAY_BATCH_JOB_QUEUE": "spot, on-demand"}, tmp_path).queue
    assert queue is not None
    assert queue.value == ["spot", "on-demand"]


def test_several_queues_are_a_list_in_the_file(tmp_path: Path) -> None:
    found = _found(tmp_path, '[tool.steprelay]\nbatch_job_queue = ["spot", "on-demand"]')
    assert found.queue == Setting(["spot", "on-demand"], TABLE)


def test_tags_are_json_in_the_environment_and_a_table_in_the_file(tmp_path: Path) -> None:
    env = {"METAFLOW_BATCH_DEFAULT_TAGS": '{"Team": "a=b,c"}'}
    origin = "environment METAFLOW_BATCH_DEFAULT_TAGS"
    assert read_configuration(env, tmp_path).tags == Setting({"Team": "a=b,c"}, origin)
    found = _found(tmp_path, '[tool.steprelay]\nbatch_default_tags = {Team = "data"}')
    assert found.tags == Setting({"Team": "data"}, TABLE)


def test_the_stack_has_a_variable_of_ours_only(tmp_path: Path) -> None:
    found = _found(tmp_path, '[tool.steprelay]\nstack = "table"', METAFLOW_STACK="x")
    assert found.stack == Setting("table", TABLE)
    found = read_configuration({"STEPRELAY_STACK": "ours"}, tmp_path)
    assert found.stack == Setting("ours", "environment STEPRELAY_STACK")


PROFILES = """
    [tool.steprelay]
    batch_job_queue = "q"
    profile = "prod"
    [tool.steprelay.profiles.prod]
    stack = "prod-stack"
    [tool.steprelay.profiles.dev]
    batch_job_queue = "dev-q"
    """


def test_the_file_may_choose_a_profile_and_the_environment_another(tmp_path: Path) -> None:
    found = _found(tmp_path, PROFILES)
    assert (found.queue, found.stack) == (Setting("q", TABLE), Setting("prod-stack", PROD))
    found = read_configuration({"STEPRELAY_PROFILE": "dev"}, tmp_path)
    assert (found.queue, found.stack) == (Setting("dev-q", "pyproject.toml [tool.steprelay.profiles.dev]"), None)


def test_metaflow_s_profile_names_files_of_its_own(tmp_path: Path) -> None:
    found = _found(tmp_path, PROFILES, METAFLOW_PROFILE="dev")
    assert found.queue == Setting("q", TABLE)


def test_the_nearest_file_with_our_table_counts(tmp_path: Path) -> None:
    _write(tmp_path, '[tool.steprelay]\nbatch_job_queue = "outer"')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    _write(tmp_path / "a", '[project]\nname = "x"\n[tool.other]\ndepends = ["steprelay"]')
    found = read_configuration({}, inner).queue
    assert found == Setting("outer", TABLE)
    _write(inner, '[tool.steprelay]\nbatch_job_queue = "inner"')
    found = read_configuration({}, inner).queue
    assert found == Setting("inner", TABLE)


def test_a_file_without_a_word_of_ours_may_be_as_broken_as_it_likes(tmp_path: Path) -> None:
    assert _found(tmp_path, "not [ toml") == Configuration()


def test_a_broken_file_with_our_table_is_told(tmp_path: Path) -> None:
    path, message, _ = _only_problem(tmp_path, "[tool.steprelay]\nbatch_job_queue = q")
    assert path == str(tmp_path.resolve() / "pyproject.toml")
    assert message.startswith("cannot be read: ")
    assert "line 2" in message


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.steprelay]\n# \xff")
    _, message, _ = _only_problem(tmp_path)
    assert message.startswith("cannot be read: ")


QUEUE_HINT = "several queues: commas between them in the environment, a list in pyproject.toml"
TAGS_HINT = 'in the environment a JSON object, {"Team": "data"}; in pyproject.toml a table, {Team = "data"}'


@pytest.mark.parametrize(
    ("line", "place", "message", "hint"),
    [
        ("batch_job_queu = 'q'", "batch_job_queu", "there is no such setting", "did you mean 'batch_job_queue'?"),
        (
            "xyz = 1",
            "xyz",
            "there is no such setting",
            (
                "known: batch_job_queue, batch_container_image, batch_container_registry, ecs_s3_access_iam_role, "
                "ecs_fargate_execution_role, batch_default_tags, stack, profile, profiles"
            ),
        ),
        (
            "batch_job_queue = 7",
            "batch_job_queue",
            f"must be {QUEUES}, given 7",
            QUEUE_HINT,
        ),
        (
            "batch_job_queue = ''",
            "batch_job_queue",
            f"must be {QUEUES}, given ''",
            QUEUE_HINT,
        ),
        (
            "batch_container_image = ''",
            "batch_container_image",
            "must be text of 1 to 255 characters, given ''",
            None,
        ),
        (
            "batch_container_registry = 'https://a.io'",
            "batch_container_registry",
            "must be the host of a registry, without https://, given 'https://a.io'",
            "for example 123456789012.dkr.ecr.us-east-1.amazonaws.com",
        ),
        ("batch_default_tags = 'a'", "batch_default_tags", "must be a mapping, given 'a'", TAGS_HINT),
        (
            "batch_default_tags = {a = 1}",
            "batch_default_tags",
            "'a' must be text of 0 to 256 characters, given 1",
            TAGS_HINT,
        ),
        (
            "batch_default_tags = {'aws:a' = 'x'}",
            "batch_default_tags",
            "the name 'aws:a' must be 1 to 128 characters, not beginning with `aws:`",
            TAGS_HINT,
        ),
        ("stack = []", "stack", "must be text that is not empty, given []", None),
        ("profile = 1", "profile", "must be the name of a profile, given 1", None),
        (
            "profile = 'prod'",
            "profile",
            "there is no profile 'prod'",
            "write one: [tool.steprelay.profiles.prod]",
        ),
        (
            "profiles = 1",
            "profiles",
            "must be a table for each profile, [tool.steprelay.profiles.NAME]",
            None,
        ),
    ],
)
def test_what_the_table_may_not_say_is_told_with_its_place(
    tmp_path: Path, line: str, place: str, message: str, hint: str | None
) -> None:
    assert _only_problem(tmp_path, f"[tool.steprelay]\n{line}") == (f"{TABLE} {place}", message, hint)


def test_what_a_profile_may_not_say_is_told_though_it_is_not_chosen(tmp_path: Path) -> None:
    found = _only_problem(tmp_path, "[tool.steprelay.profiles.prod]\nprofile = 'x'\n")
    assert found[:2] == (f"{PROD} profile", "there is no such setting")


def test_a_table_that_is_none_is_told(tmp_path: Path) -> None:
    assert _only_problem(tmp_path, "[tool]\nsteprelay = 1")[:2] == (TABLE, "must be a table, given 1")


def test_a_profile_that_the_file_does_not_have_is_told_with_the_nearest(tmp_path: Path) -> None:
    assert _only_problem(tmp_path, PROFILES, STEPRELAY_PROFILE="prodd") == (
        "environment STEPRELAY_PROFILE",
        "there is no profile 'prodd'",
        "did you mean 'prod'?",
    )


def test_a_profile_without_any_file_is_told(tmp_path: Path) -> None:
    place, message, _ = _only_problem(tmp_path, STEPRELAY_PROFILE="prod")
    assert place == "environment STEPRELAY_PROFILE"
    assert message.startswith("there is no profile 'prod': no pyproject.toml from ")


@pytest.mark.parametrize("variable", ["STEPRELAY_BATCH_DEFAULT_TAGS", "METAFLOW_BATCH_DEFAULT_TAGS"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Team=data", "must be a mapping, given 'Team=data'"),
        ('{"Team": "data"', 'must be a mapping, given \'{"Team": "data"\''),
        ("[1]", "must be a mapping, given [1]"),
        ('{"Team": 1}', "'Team' must be text of 0 to 256 characters, given 1"),
    ],
)
def test_tags_that_are_no_object_of_text_are_told(tmp_path: Path, variable: str, text: str, message: str) -> None:
    assert _only_problem(tmp_path, **{variable: text}) == (f"environment {variable}", message, TAGS_HINT)


def test_a_misspelt_variable_of_ours_is_told_and_metaflow_s_others_are_left_alone(tmp_path: Path) -> None:
    env: dict[str, Any] = {"STEPRELAY_BATCH_JOB_QUEU": "q", "METAFLOW_BATCH_EMIT_TAGS": "1"}
    assert _only_problem(tmp_path, **env) == (
        "environment STEPRELAY_BATCH_JOB_QUEU",
        "there is no such setting",
        "did you mean 'STEPRELAY_BATCH_JOB_QUEUE'?",
    )


def _messy() -> Iterator[tuple[str, str]]:
    yield "environment STEPRELAY_BATCH_JOB", "there is no such setting"
    yield f"{TABLE} typo", "there is no such setting"
    yield "environment STEPRELAY_BATCH_JOB_QUEUE", f"must be {QUEUES}"
    yield "environment METAFLOW_BATCH_DEFAULT_TAGS", "must be a mapping"
    yield f"{PROD} batch_job_queue", f"must be {QUEUES}"
    yield f"{TABLE} batch_job_queue", f"must be {QUEUES}"


def test_all_problems_of_all_sources_are_told_at_once_also_of_those_that_lose(tmp_path: Path) -> None:
    found = _problems(
        tmp_path,
        """
        [tool.steprelay]
        batch_job_queue = 1
        typo = 2
        [tool.steprelay.profiles.prod]
        batch_job_queue = 3
        """,
        STEPRELAY_PROFILE="prod",
        STEPRELAY_BATCH_JOB_QUEUE=",",
        STEPRELAY_BATCH_JOB="q",
        METAFLOW_BATCH_DEFAULT_TAGS="x",
    )
    expected = list(_messy())
    assert [path for path, _, _ in found] == [path for path, _ in expected]
    assert all(message.startswith(said) for (_, message, _), (_, said) in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [("BATCH_JOB_QUEUE", "a b"), ("ECS_S3_ACCESS_IAM_ROLE", "my role"), ("ECS_FARGATE_EXECUTION_ROLE", "a\tb")],
)
def test_queues_and_roles_are_held_to_what_the_decorator_takes(tmp_path: Path, name: str, value: str) -> None:
    path, message, _ = _only_problem(tmp_path, **{f"METAFLOW_{name}": value})
    assert path == f"environment METAFLOW_{name}"
    assert f"given {value!r}" in message


def test_what_is_right_in_a_refused_configuration_is_kept_for_other_problems(tmp_path: Path) -> None:
    _write(tmp_path, '[tool.steprelay]\nbatch_job_queue = "table"\nbatch_container_image = "app"\ntypo = 1')
    with pytest.raises(ConfigurationError) as caught:
        read_configuration({"STEPRELAY_BATCH_JOB_QUEUE": "a b"}, tmp_path)
    # Nor does a source further away take the place of what is wrong.
    assert caught.value.configuration == Configuration(image=Setting("app", TABLE))
