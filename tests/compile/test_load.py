"""A flow file is imported; what is wrong with the file is said like what is wrong with the flow."""

from pathlib import Path

import pytest

from steprelay.compile import CompileError, CompileProblem, canonical_json, compile_file
from tests.compile.conftest import HEAD, Bench, decorated

TWO = (
    HEAD
    + "    @step\n    def start(self): self.next(self.end)\n    @step\n    def end(self): pass\n\n"
    + "class Other(TestedFlow): pass\n\nclass Third(TestedFlow): pass\n"
)


def _only(bench: Bench, class_name: str | None = None) -> CompileProblem:
    with pytest.raises(CompileError) as caught:
        compile_file(bench.file, class_name)
    (problem,) = caught.value.problems
    return problem


def test_a_missing_file_gets_the_nearest_name(bench: Bench) -> None:
    bench.write("")
    with pytest.raises(CompileError, match=r"there is no such file \(did you mean 'tested\.py'"):
        compile_file(bench.file.with_name("testd.py"))


def test_a_syntax_error_is_said_with_its_line(bench: Bench) -> None:
    bench.write("x = 1\nclass (  # HERE\n")
    problem = _only(bench)
    assert (problem.file, problem.line) == bench.at()
    assert problem.message.startswith("SyntaxError: ")


def test_a_failing_import_is_said_with_the_persons_own_line(bench: Bench) -> None:
    bench.write("import json\n\ndef read():\n    return json.loads('x')  # HERE\n\nread()\n")
    problem = _only(bench)
    assert (problem.file, problem.line) == bench.at()
    assert problem.message.startswith("JSONDecodeError: ")


def test_a_module_that_is_not_installed_comes_with_what_to_do(bench: Bench) -> None:
    bench.write("import surely_not_installed  # HERE\n")
    problem = _only(bench)
    assert problem.line == bench.line()
    assert problem.hint == "install it here, or import it inside the steps that use it"


def test_a_file_that_exits_when_imported_is_pointed_to_main(bench: Bench) -> None:
    bench.write("raise SystemExit(0)\n")
    assert _only(bench).hint == 'put what runs under `if __name__ == "__main__":`'


def test_a_file_without_a_flow_says_so(bench: Bench) -> None:
    bench.write("from steprelay import FlowSpec\n")
    assert _only(bench).message == "there is no flow in this file"


def test_several_flows_want_a_name(bench: Bench) -> None:
    bench.file.write_text(TWO)
    assert _only(bench).message == "there are several flows in this file: Other, Third"
    assert compile_file(bench.file, "TestedFlow").flow.name == "TestedFlow"


def test_an_unknown_class_gets_the_nearest_name(bench: Bench) -> None:
    bench.file.write_text(TWO)
    assert _only(bench, "Othr").hint == "did you mean 'Other'?"


def test_modules_beside_the_flow_can_be_imported(bench: Bench) -> None:
    bench.file.with_name("beside_the_tested_flow.py").write_text("SIZE = 2\n")
    bench.write("from beside_the_tested_flow import SIZE\n" + HEAD + _indented(decorated("@batch(cpu=SIZE)\n")))
    batch = compile_file(bench.file).flow.spec.steps["start"].batch
    assert batch is not None
    assert batch.cpu == 2


def test_the_entrypoint_is_named_from_the_root_of_the_package(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "flows" / "mine.py"
    file.parent.mkdir()
    file.write_text(HEAD + _indented(decorated("")))
    entrypoint = compile_file(file, root=tmp_path).flow.spec.entrypoint
    assert entrypoint is not None
    assert (entrypoint.file, entrypoint.class_name) == ("flows/mine.py", "TestedFlow")


def test_a_flow_outside_of_the_root_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.write(HEAD + _indented(decorated("")))
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(CompileError, match="the flow is not in the folder that is packed"):
        compile_file(bench.file, root=tmp_path / "elsewhere")


def test_docstrings_travel_with_the_spec(bench: Bench) -> None:
    spec = bench.spec('"""What it\n    is for."""\n' + decorated("").replace("pass", '"""The last."""'))
    assert (spec.doc, spec.steps["end"].doc, spec.steps["start"].doc) == ("What it\nis for.", "The last.", None)


def test_the_same_code_gives_the_same_spec_to_the_byte(bench: Bench) -> None:
    body = decorated("@environment(vars={'B': 1, 'A': 2})\n@batch(aws_batch_tags={'z': 'y', 'a': 'b'})\n")
    assert canonical_json(bench.spec(body)) == canonical_json(bench.spec(body))


def test_problems_can_be_named_from_the_working_folder(bench: Bench) -> None:
    bench.write_body("")
    with pytest.raises(CompileError) as caught:
        compile_file(bench.file)
    assert {problem.file for problem in caught.value.relative_to(bench.file.parent).problems} == {"tested.py"}


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
