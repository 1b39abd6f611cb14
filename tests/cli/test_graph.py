"""`graph`: what can be drawn, how, and where to."""

import io
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from steprelay.cli.context import Context
from steprelay.cli.dispatch import run_command
from steprelay.cli.entry import Invocation
from steprelay_core.state.model import Failure
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import Shell
from tests.cli.test_commands import FLOW, WRONG
from tests.client.fake_relay import FOREACH, RUN, FakeRelay, failed_attempt, failed_run, group, stored, versions, won

SVG = "{http://www.w3.org/2000/svg}"


def failed() -> FakeRelay:
    why = Failure("program", "ValueError: no luck", 1)
    process = group("process", (0,), won={1: Ranges.of(0)}, failed=Ranges.of(1), history=(failed_attempt(1, 1, why),))
    state = stored(won("start"), process, run=failed_run("process.1", 1, why))
    return FakeRelay(spec=FOREACH, states=versions([state]))


def test_a_flows_file_is_drawn_as_mermaid(shell: Shell) -> None:
    result = shell("graph", shell.write_flow(FLOW))

    assert result.code == 0, result.err
    assert result.out.startswith("flowchart TD\n    accTitle: One\n")
    assert 'n2["end<br/>AWS Batch"]' in result.out


def test_with_batch_moves_light_steps_to_batch_in_the_drawing_too(shell: Shell) -> None:
    assert 'n1["start<br/>AWS Batch"]' in shell("graph", shell.write_flow(FLOW), "--with", "batch").out


def test_a_folder_and_a_package_are_drawn_alike(shell: Shell) -> None:
    shell.write_spec()
    shell("package", str(shell.folder), "-o", str(shell.folder / "p.tar.gz"))
    drawings = [shell("graph", named).out for named in (str(shell.folder), "p.tar.gz")]

    assert drawings[0] == drawings[1] != ""
    assert "accTitle: Flow" in drawings[0]


def test_an_output_named_so_is_svg(shell: Shell) -> None:
    result = shell("graph", shell.write_flow(FLOW), "-o", "flow.svg")

    assert (result.code, result.out) == (0, "flow.svg\n"), result.err
    root = ET.fromstring((shell.folder / "flow.svg").read_text())
    assert {"start", "end"} <= {text.text for text in root.iter(f"{SVG}text")}


@pytest.mark.parametrize(("format_", "begins"), [("mermaid", "flowchart"), ("svg", "<svg"), ("SVG", "<svg")])
def test_the_format_can_be_said(shell: Shell, format_: str, begins: str) -> None:
    path = shell.write_flow(FLOW)

    assert shell("graph", path, "--format", format_).out.startswith(begins)
    assert shell("graph", path, "--format", format_, "-o", "drawing").code == 0
    assert (shell.folder / "drawing").read_text().startswith(begins)


def test_a_run_is_drawn_with_where_it_is_and_why_it_failed(tmp_path: Path) -> None:
    result = Shell(tmp_path, failed())("graph", RUN)

    assert result.code == 0, result.err
    assert f"accTitle: {RUN}: failed" in result.out
    assert "1 succeeded, 1 failed<br/>program: ValueError: no luck" in result.out


def test_json_gives_nodes_and_edges(tmp_path: Path) -> None:
    (told,) = Shell(tmp_path, failed())("graph", RUN, "--json").json

    assert [(node["step"], node["state"]) for node in told["nodes"]] == [
        ("start", "succeeded"),
        ("process", "failed"),
        ("join", "idle"),
    ]
    assert [(edge["source"], edge["target"], edge["foreach"]) for edge in told["edges"]] == [
        ("start", "process", "shards"),
        ("process", "join", None),
    ]


def test_json_tells_of_the_file_that_was_written(shell: Shell) -> None:
    (told,) = shell("graph", shell.write_flow(FLOW), "-o", "flow.svg", "--json").json

    assert told["path"] == str(shell.folder / "flow.svg")
    assert Path(told["path"]).read_text().startswith("<svg")


def test_a_flow_draws_itself(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shell.folder)
    out = io.StringIO()
    context = Context(shell.relays, out, sys.stderr, {}, shell.folder)

    assert run_command(context, Invocation(("graph",), shell.write_flow(FLOW), "One")) == 0
    assert out.getvalue().startswith("flowchart TD")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("Flow-nothere", "there is no run 'Flow-nothere' on this relay"),
        ("nothere.py", "there is no file nothere.py"),
        ("nothere.tar.gz", "cannot be read: No such file or directory"),
    ],
)
def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path, named: str, said: str) -> None:
    result = Shell(tmp_path, FakeRelay(states=versions([None])))("graph", named)

    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err


def test_a_flow_with_problems_tells_them_instead(shell: Shell) -> None:
    result = shell("graph", shell.write_flow(WRONG))

    assert (result.code, result.out) == (2, "")
    assert "  flow.py:9: " in result.err


def test_a_file_that_cannot_be_written_is_named(shell: Shell) -> None:
    result = shell("graph", shell.write_flow(FLOW), "-o", "no/such/folder.svg")

    assert result.code == 2
    assert "cannot write no/such/folder.svg: No such file or directory" in result.err


def test_without_the_layout_library_svg_says_what_to_install_and_mermaid_needs_none(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "graphlay", None)
    path = shell.write_flow(FLOW)
    result = shell("graph", path, "-o", "flow.svg")

    assert result.code == 2
    assert "next: pip install 'steprelay[graph]', or take --format mermaid" in result.err
    assert not (shell.folder / "flow.svg").exists()
    assert shell("graph", path).code == 0
