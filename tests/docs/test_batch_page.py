"""docs/batch.md says what `@batch` does: its table is written from the spec's fields, and every row of it is true."""

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from steprelay.compile import CompileError, compile_file
from steprelay.compile.batch_docs import COLUMNS, with_table
from steprelay.compile.options import Options
from steprelay.compile.overrides import read_overrides
from steprelay.config import Setting, read_configuration
from steprelay.config.names import SETTINGS
from steprelay_core.spec import Batch, SpecError
from steprelay_core.translate.fargate import FARGATE_PAIRS
from tests.docs.pages import blocks, cells, section
from tests.docs.planning import ROOT, Platform, Requests, container, plan_file, plan_step, refused_by_aws, sizes

PAGE = ROOT / "docs" / "batch.md"
TEXT = PAGE.read_text()
ROWS = {row[0].strip("`"): dict(zip(COLUMNS, row, strict=True)) for row in cells(section(TEXT, "Every parameter"))}

# The parameters of the reference documentation, and those beyond it.
REFERENCE = """cpu memory gpu image queue iam_role execution_role shared_memory max_swap swappiness inferentia trainium
    efa use_tmpfs tmpfs_tempdir tmpfs_size tmpfs_path ephemeral_storage aws_batch_tags log_driver log_options
    privileged"""
BEYOND = """host_volumes efs_volumes secrets architecture ulimits share_identifier scheduling_priority num_parallel
    max_memory round_up"""
# What must be given as well for a parameter to matter.
COMPANIONS: dict[str, dict[str, Any]] = {
    "swappiness": {"max_swap": 1024},
    "tmpfs_path": {"use_tmpfs": True},
    "tmpfs_tempdir": {"use_tmpfs": True},
    "scheduling_priority": {"share_identifier": "research"},
    "round_up": {"cpu": 1.5},
    "log_options": {"log_driver": "awslogs"},
}
# Valid beside all examples, whichever of the two is changed.
SIZES = {"ec2": {}, "fargate": {"cpu": 4, "memory": 16384}}
# Not in the first attempt's requests: the brief and later attempts have them.
ELSEWHERE = {"tmpfs_tempdir", "max_memory"}


def example(name: str) -> dict[str, Any]:
    """The example of a row, `{"cpu": 4}`."""
    return arguments(ROWS[name]["example"].strip("`"))


def arguments(written: str) -> dict[str, Any]:
    """Keyword arguments as the page writes them: `cpu=4, efa=1`."""
    call = ast.parse(f"dict({written})", mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}


def written_flow(folder: Path, decorators: list[str]) -> Path:
    """A flow whose first step has these decorators."""
    file = folder / "flow.py"
    lines = ["from steprelay import *", "", "class F(FlowSpec):"]
    lines += [f"    {line}" for line in (*decorators, "@step", "def start(self):", "    self.next(self.end)")]
    lines += [f"    {line}" for line in ("@step", "def end(self):", "    pass")]
    file.write_text("\n".join(lines))
    return file


def platforms(name: str) -> list[Platform]:
    known: dict[str, Platform] = {"EC2": "ec2", "Fargate": "fargate"}
    return [known[word] for word in ROWS[name]["platform"].split(", ")]


def planned(batch: dict[str, Any], platform: Platform) -> Requests:
    return plan_step({"batch": {**SIZES[platform], **batch}}, platform)


def at(requests: Requests, place: str) -> Any:
    """What a place of the table holds: `SubmitJob `containerOverrides.resourceRequirements[VCPU]``."""
    call, path = re.fullmatch(r"(\w+) `([^`]+)`", place).groups()  # type: ignore[union-attr]
    found = requests["register_job_definition" if call == "RegisterJobDefinition" else "submit_job"]
    for name, key in re.findall(r"(\w+)(?:\[(\w+)\])?", path):
        found = (found or {}).get(name)
        if key.isdigit():
            found = found[int(key)] if found else None
        elif key:
            found = next((entry["value"] for entry in found or [] if entry["type"] == key), None)
    return found


def test_the_table_is_up_to_date() -> None:
    assert with_table(TEXT) == TEXT, "write it anew: python -m steprelay.compile.batch_docs docs/batch.md"


def test_a_page_without_room_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="the page needs the lines"):
        with_table("# @batch")


def test_every_parameter_is_in_the_table() -> None:
    assert [*REFERENCE.split(), *BEYOND.split()] == list(ROWS) == list(Batch.model_fields)


def test_every_row_says_meaning_default_platform_place_and_example() -> None:
    empty = [(name, column) for name, row in ROWS.items() for column, cell in row.items() if not cell]
    assert {column for _, column in empty} <= {"unit"}
    sized = {name for name in ROWS if re.search("memory|swap$|size|storage", name)}
    assert {name for name in sized if ROWS[name]["unit"] not in ("MiB", "GiB")} == set()


@pytest.mark.parametrize("name", ROWS)
def test_an_example_is_taken_on_each_platform_that_its_row_names(name: str) -> None:
    for platform in platforms(name):
        assert list(refused_by_aws(planned(COMPANIONS.get(name, {}) | example(name), platform))) == []


@pytest.mark.parametrize("name", [name for name in ROWS if len(platforms(name)) == 1])
def test_a_parameter_is_refused_by_name_on_the_platform_that_its_row_leaves_out(name: str) -> None:
    other: Platform = "fargate" if platforms(name) == ["ec2"] else "ec2"
    with pytest.raises(SpecError) as raised:
        planned(COMPANIONS.get(name, {}) | example(name), other)
    culprits = {problem.path.rpartition(".")[2] for problem in raised.value.problems}
    # A tmpfs is refused as such, wherever it is mounted.
    assert culprits & {name, *COMPANIONS.get(name, {})}


@pytest.mark.parametrize("name", sorted(ROWS.keys() - ELSEWHERE))
def test_a_parameter_goes_where_its_row_says(name: str) -> None:
    platform = platforms(name)[0]
    without = COMPANIONS.get(name, {}) if name != "round_up" else {}
    place = ROWS[name]["in the request"]
    found = at(planned(COMPANIONS.get(name, {}) | example(name), platform), place)
    assert found is not None
    assert found != at(planned(without, platform), place)


@pytest.mark.parametrize("written", re.findall(r"^\s*@batch\((.*)\)$", "\n".join(blocks(TEXT, "python")), re.MULTILINE))
def test_what_the_page_writes_in_python_is_taken(written: str) -> None:
    assert list(refused_by_aws(plan_step({"batch": arguments(written)}, "ec2"))) == []


@pytest.mark.parametrize("row", cells(section(TEXT, "Files and memory")), ids=lambda row: row[0])
def test_a_volume_is_mounted_where_the_page_says(row: list[str]) -> None:
    requests = plan_step({"batch": arguments(row[0].strip("`"))}, "ec2")
    assert list(refused_by_aws(requests)) == []
    (mount,) = container(requests)["mountPoints"]
    (place,) = re.findall(r"at `([^`]+)`", row[1]) or ["/shared"]
    assert (mount["containerPath"], mount.get("readOnly", False)) == (place, "read-only" in row[1])


@pytest.mark.parametrize("row", cells(section(TEXT, "@resources")), ids=lambda row: row[0])
def test_resources_and_batch_together_ask_for_what_the_page_says(row: list[str], tmp_path: Path) -> None:
    decorators, said = re.findall("`(@[^`]+)`", row[0]), re.search(r"(\d+) vCPUs?, \**(\d+)\** MiB", row[1])
    flow = written_flow(tmp_path, decorators)
    if said:
        asked = compile_file(flow).flow.spec.steps["start"].batch
        assert asked
        assert (asked.cpu, asked.memory) == (int(said[1]), int(said[2]))
    else:
        with pytest.raises(CompileError, match="at most 10240"):
            compile_file(flow)
        assert sizes(plan_file(flow, "ec2", ["batch"])["steps"]["start"])["MEMORY"] == "16384"


def test_the_flow_at_the_top_of_the_page_compiles(tmp_path: Path) -> None:
    flow = tmp_path / "flow.py"
    flow.write_text(blocks(TEXT, "python")[0])
    assert sizes(plan_file(flow, "ec2")["steps"]["start"]) == {"VCPU": "4", "MEMORY": "16384"}


def test_every_override_on_the_page_can_be_read() -> None:
    typed = [
        quoted or plain
        for quoted, plain in re.findall(r"--with (?:'([^']+)'|([\w/:=,]+))", "\n".join(blocks(TEXT, "")))
    ]
    assert len(typed) > 5
    assert [override.text for override in read_overrides(typed)] == typed


def test_the_fargate_pairs_on_the_page_are_those_that_are_checked() -> None:
    rows = [row for row in cells(section(TEXT, "EC2 and Fargate")) if re.fullmatch(r"[\d.]+", row[0])]
    written = {float(vcpus): memory for vcpus, memory in rows}
    assert written == {vcpus: _in_words(sizes) for vcpus, sizes in FARGATE_PAIRS.items()}


def _in_words(pair_sizes: tuple[int, ...]) -> str:
    steps = {high - low for low, high in pairwise(pair_sizes)}
    if len(steps) > 1:
        return ", ".join(map(str, pair_sizes))
    return f"{pair_sizes[0]} to {pair_sizes[-1]} in steps of {steps.pop()}"


def test_rounding_up_does_what_the_page_says() -> None:
    assert sizes(plan_step({"batch": {"cpu": 3, "memory": 5000, "round_up": True}}, "fargate")) == {
        "VCPU": "4",
        "MEMORY": "8192",
    }


def test_every_setting_is_on_the_page_under_all_its_names() -> None:
    text = section(TEXT, "Where a value comes from")
    rows = {name: row for row in cells(text) for name in re.findall("^`(STEPRELAY_[A-Z0-9_]+)`", row[1])}
    assert rows.keys() == {f"STEPRELAY_{name}" for name in (*SETTINGS, "STACK", "PROFILE")}
    for name in SETTINGS:
        assert f"`METAFLOW_{name}`" in text
        assert f"`{name.lower()}`" in rows[f"STEPRELAY_{name}"][2]


def test_the_configuration_on_the_page_is_read_as_it_says(tmp_path: Path) -> None:
    (written,) = blocks(TEXT, "toml")
    (tmp_path / "pyproject.toml").write_text(written)
    configured = read_configuration({}, tmp_path)
    assert configured.queue == Setting(["spot", "on-demand"], "pyproject.toml [tool.steprelay]")
    chosen = read_configuration({"STEPRELAY_PROFILE": "prod"}, tmp_path)
    assert chosen.queue == Setting("prod", "pyproject.toml [tool.steprelay.profiles.prod]")
    assert chosen.stack == Setting("relay-prod", "pyproject.toml [tool.steprelay.profiles.prod]")
    assert chosen.tags == configured.tags == Setting({"Team": "research"}, "pyproject.toml [tool.steprelay]")


def test_an_hour_on_the_command_line_adds_to_what_the_decorator_says(tmp_path: Path) -> None:
    flow = written_flow(tmp_path, ["@timeout(minutes=30)", "@batch"])
    seconds = {
        given: compile_file(flow, options=Options(overrides=read_overrides([given]))).flow.step("start").timeout_seconds
        for given in ("timeout:hours=1", "timeout:hours=1,minutes=None")
    }
    assert seconds == {"timeout:hours=1": 90 * 60, "timeout:hours=1,minutes=None": 60 * 60}
