"""From a FlowSpec class to its spec: the graph from the source, every check, the needs of each step."""

from steprelay.compile.apply import apply_options, compile_spec
from steprelay.compile.flow import Compiled, compile_flow
from steprelay.compile.load import compile_file
from steprelay.compile.options import Options
from steprelay.compile.overrides import Override, OverrideError, read_overrides
from steprelay.compile.problems import CompileError, CompileProblem
from steprelay_core.spec import canonical_json

__all__ = [
    "CompileError",
    "CompileProblem",
    "Compiled",
    "Options",
    "Override",
    "OverrideError",
    "apply_options",
    "canonical_json",
    "compile_file",
    "compile_flow",
    "compile_spec",
    "read_overrides",
]
