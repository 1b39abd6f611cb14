"""Flows of every shape, as small as they get."""

from typing import Any

from steprelay_core.spec import Flow
from steprelay_core.spec.graph import build_graph
from steprelay_core.spec.models import Spec

Steps = dict[str, dict[str, Any]]

LINE: Steps = {"start": {"next": "train"}, "train": {"batch": {}, "next": "end"}, "end": {}}
BRANCH: Steps = {
    "start": {"next": ["left", "right"]},
    "left": {"next": "join"},
    "right": {"batch": {}, "next": "join"},
    "join": {"join": True},
}
FOREACH: Steps = {
    "start": {"next": {"to": ["process"], "foreach": "shards", "max_workers": 1500}},
    "process": {"batch": {}, "next": "join"},
    "join": {"join": True},
}
NESTED: Steps = {
    "start": {"next": {"to": ["outer"], "foreach": "xs"}},
    "outer": {"next": {"to": ["inner"], "foreach": "ys"}},
    "inner": {"next": "inner_join"},
    "inner_join": {"join": True, "next": "join"},
    "join": {"join": True},
}
CHOICE: Steps = {
    "start": {"next": [{"to": ["a"]}, {"to": ["b"]}]},
    "a": {"next": "end"},
    "b": {"next": "end"},
    "end": {},
}
CONDITION: Steps = {
    "start": {
        "condition": "size",
        "next": [{"to": ["a"], "when": "big"}, {"to": ["end"], "when": 'say "hi" <#1; x|y>'}],
    },
    "a": {"next": "end"},
    "end": {},
}
LOOP: Steps = {
    "start": {"next": "train"},
    "train": {"batch": {}, "next": "evaluate"},
    "evaluate": {"next": [{"to": ["train"]}, {"to": ["evaluate"]}, {"to": ["end"]}]},
    "end": {},
}
NODES: Steps = {"start": {"next": "train"}, "train": {"batch": {"num_parallel": 4}}}

ALL: dict[str, Steps] = {
    "line": LINE,
    "branch": BRANCH,
    "foreach": FOREACH,
    "nested": NESTED,
    "choice": CHOICE,
    "condition": CONDITION,
    "loop": LOOP,
    "nodes": NODES,
}


def flow_of(steps: Steps, **more: Any) -> Flow:
    """The flow of these steps, drawn whether or not a relay would run it."""
    written = {name: {"command": ["true"], **step} for name, step in steps.items()}
    spec = Spec.model_validate({"spec_version": 1, "flow": "Flow", "steps": written, **more})
    return Flow(spec, build_graph(spec))
