"""A flow as a drawing, and where a run of it is."""

from steprelay.graph.build import flow_graph, run_graph
from steprelay.graph.mermaid import mermaid
from steprelay.graph.model import FlowGraph, as_json
from steprelay.graph.svg import svg

__all__ = ["FlowGraph", "as_json", "flow_graph", "mermaid", "run_graph", "svg"]
