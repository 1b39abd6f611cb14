"""The spec's models, validation, graph and digest."""

from steprelay_core.spec.batch import Batch
from steprelay_core.spec.canonical import canonical_json
from steprelay_core.spec.graph import Graph, build_graph
from steprelay_core.spec.memory import Memory
from steprelay_core.spec.models import SPEC_NAME, SPEC_VERSION, Spec, Step, Transition
from steprelay_core.spec.problems import Problem, SpecError, nearest
from steprelay_core.spec.retry import Retry
from steprelay_core.spec.schema import spec_schema
from steprelay_core.spec.splits import Split
from steprelay_core.spec.validate import LIGHT_STEP_SECONDS, Flow, parse_spec, validate_spec

__all__ = [
    "LIGHT_STEP_SECONDS",
    "SPEC_NAME",
    "SPEC_VERSION",
    "Batch",
    "Flow",
    "Graph",
    "Memory",
    "Problem",
    "Retry",
    "Spec",
    "SpecError",
    "Split",
    "Step",
    "Transition",
    "build_graph",
    "canonical_json",
    "nearest",
    "parse_spec",
    "spec_schema",
    "validate_spec",
]
