"""Flows under test are written to a file, compiled, and their problems looked up by a mark in the source."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

import pytest

from steprelay.compile import Compiled, CompileError, CompileProblem, Options, compile_file, read_overrides
from steprelay.compile.options import NO_OPTIONS
from steprelay_core.spec import Batch, Spec, Step

HEAD = """\
from steprelay import *


class TestedFlow(FlowSpec):
"""


@dataclass(frozen=True)
class Bench:
    """Writes flows to one file and compiles them. Marks are comments like `# HERE`."""

    file: Path

    def write(self, source: str) -> None:
        self.file.write_text(dedent(source))

    def write_body(self, body: str) -> None:
        self.file.write_text(HEAD + indent(dedent(body), "    "))

    def compiled(self, body: str, options: Options = NO_OPTIONS) -> Compiled:
        self.write_body(body)
        return compile_file(self.file, options=options)

    def spec(self, body: str, options: Options = NO_OPTIONS) -> Spec:
        return self.compiled(body, options).flow.spec

    def start(self, decorators: str, *overrides: str) -> Step:
        """The step with these decorators, under these `--with`."""
        return self.spec(decorated(decorators), commanded(*overrides)).steps["start"]

    def batch(self, decorators: str, *overrides: str) -> Batch:
        batch = self.start(decorators, *overrides).batch
        assert batch is not None
        return batch

    def problems(self, body: str, options: Options = NO_OPTIONS) -> tuple[CompileProblem, ...]:
        self.write_body(body)
        return self.problems_of_file(options)

    def problems_of_file(self, options: Options = NO_OPTIONS) -> tuple[CompileProblem, ...]:
        with pytest.raises(CompileError) as caught:
            compile_file(self.file, options=options)
        return caught.value.problems

    def only_problem(self, body: str, options: Options = NO_OPTIONS) -> CompileProblem:
        found = self.problems(body, options)
        assert len(found) == 1, [str(problem) for problem in found]
        return found[0]

    def step_problem(self, decorators: str) -> CompileProblem:
        """The one problem of a flow whose only peculiarity are these decorators, on the line marked HERE."""
        problem = self.only_problem(decorated(decorators))
        assert (problem.file, problem.line) == (str(self.file), self.line("HERE"))
        return problem

    def line(self, mark: str = "HERE") -> int:
        lines = self.file.read_text().splitlines()
        found = [number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}")]
        assert len(found) == 1, f"{mark} marks {len(found)} lines"
        return found[0]

    def at(self, mark: str = "HERE") -> tuple[str, int]:
        return str(self.file), self.line(mark)


def decorated(decorators: str) -> str:
    """A flow of two steps, the first with these decorators."""
    return dedent(decorators) + dedent("""\
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass
        """)


def commanded(*overrides: str) -> Options:
    """As if each was typed behind a `--with`."""
    return Options(overrides=read_overrides(overrides))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path.resolve() / "tested.py")
