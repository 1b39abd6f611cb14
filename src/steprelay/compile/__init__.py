"""From a FlowSpec class to its spec: the graph from the source, every check, the needs of each step."""

from steprelay.compile.flow import Compiled, compile_flow
from steprelay.compile.load import compile_file
from steprelay.compile.problems import CompileError, CompileProblem
from steprelay_core.spec import canonical_json

__all__ = ["CompileError", "CompileProblem", "Compiled", "canonical_json", "compile_file", "compile_flow"]
