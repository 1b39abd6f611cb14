"""A flow as SVG: well-formed, complete, plain, and legible without colours."""

from dataclasses import replace
from random import Random
from xml.etree import ElementTree as ET

import pytest

from steprelay.graph import FlowGraph, flow_graph, svg
from steprelay.graph.model import Node, Tasks
from steprelay_core.spec import validate_spec
from tests.graph.shapes import ALL, BRANCH, FOREACH, LINE, LOOP, Steps, flow_of
from tests.simulation.flows import FlowMaker

SVG = "{http://www.w3.org/2000/svg}"


def drawn(steps: Steps) -> ET.Element:
    return ET.fromstring(svg(flow_graph(flow_of(steps))))


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def box_of(root: ET.Element, step: str) -> list[ET.Element]:
    """The rectangles of a step, the frontmost last."""
    for group in root.iter(f"{SVG}g"):
        if step in [text.text for text in group.iter(f"{SVG}text")]:
            return list(group.iter(f"{SVG}rect"))
    raise AssertionError(step)


@pytest.mark.parametrize("shape", ALL)
def test_each_shape_is_well_formed_and_has_every_step_and_every_way_on(shape: str) -> None:
    graph = flow_graph(flow_of(ALL[shape]))
    root = drawn(ALL[shape])
    assert {node.step for node in graph.nodes} <= set(texts(root))
    assert {edge.label for edge in graph.edges} - {""} <= set(texts(root))
    assert sum("marker-end" in path.attrib for path in root.iter(f"{SVG}path")) == len(graph.edges)


@pytest.mark.parametrize("seed", range(20))
def test_any_flow_is_drawn_without_one_box_on_another(seed: int) -> None:
    document = FlowMaker(Random(seed), 2).make("Flow")
    root = ET.fromstring(svg(flow_graph(validate_spec(document))))
    boxes = [box_of(root, step)[-1].attrib for step in document["steps"]]
    corners = [tuple(float(box[name]) for name in ("x", "y", "width", "height")) for box in boxes]
    for place, (x, y, width, height) in enumerate(corners):
        for other_x, other_y, other_width, other_height in corners[:place]:
            apart = x >= other_x + other_width or other_x >= x + width
            assert apart or y >= other_y + other_height or other_y >= y + height


def test_the_same_flow_is_always_drawn_the_same() -> None:
    assert svg(flow_graph(flow_of(LOOP))) == svg(flow_graph(flow_of(LOOP)))


def test_a_flow_goes_down_and_only_what_goes_back_goes_up() -> None:
    root = drawn(LOOP)
    tops = [float(box_of(root, step)[0].attrib["y"]) for step in LOOP]
    assert tops == sorted(tops)
    assert "if chosen, back" in texts(root)


def test_it_is_called_something_and_told_in_words() -> None:
    root = drawn(FOREACH)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], description.attrib["id"]]
    assert title.text == "Flow"
    assert description.text == (
        "start: light; goes on to process (each of shards, at most 1,500 at a time). "
        "process: AWS Batch, \N{MULTIPLICATION SIGN}N: each of shards; goes on to join. join: light, join."
    )


def test_light_steps_and_jobs_differ_in_words_and_in_form() -> None:
    root = drawn(BRANCH)
    (light,), (job,) = box_of(root, "left"), box_of(root, "right")
    assert "stroke-dasharray" in light.attrib
    assert "stroke-dasharray" not in job.attrib
    assert {"light", "AWS Batch"} <= set(texts(root))


def test_many_tasks_of_a_step_are_a_stack() -> None:
    root = drawn(FOREACH)
    assert [len(box_of(root, step)) for step in FOREACH] == [1, 3, 1]


def test_dark_pages_have_colours_of_their_own_and_nothing_runs_or_is_loaded() -> None:
    root = drawn(LINE)
    style = root.find(f"{SVG}style")
    assert style is not None
    assert (style.text or "").startswith("@media (prefers-color-scheme:dark)")
    names = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert names <= {"svg", "title", "desc", "style", "rect", "defs", "marker", "path", "g", "text"}
    assert not [name for element in root.iter() for name in element.attrib if "href" in name or name.startswith("on")]


def test_text_is_escaped_and_what_xml_cannot_hold_is_replaced() -> None:
    reason = "program: </text><script>alert('&')</script> \x00\x1b[31m\ud83d"
    node = Node("start", "light", tasks=Tasks(failed=1), reason=reason)
    root = ET.fromstring(svg(FlowGraph("Flow", (node,), (), "Flow-1", "failed")))
    assert "program: </text><script>alert('&')</script> \ufffd\ufffd[31m\ufffd" in texts(root)
    assert root.find(f".//{SVG}script") is None


@pytest.mark.parametrize(
    "tasks", [Tasks(), Tasks(1), Tasks(failed=1), Tasks(running=2), Tasks(waiting=1), Tasks(queued=3)]
)
def test_a_state_is_told_in_words_too(tasks: Tasks) -> None:
    node = Node("start", "light", tasks=tasks)
    assert str(tasks) in texts(ET.fromstring(svg(FlowGraph("Flow", (node,), (), "Flow-1", "running"))))


def test_ways_that_nobody_took_are_fainter_than_those_taken() -> None:
    graph = flow_graph(flow_of(LINE))
    edges = tuple(replace(edge, taken=taken) for edge, taken in zip(graph.edges, (1, 0), strict=True))
    root = ET.fromstring(svg(replace(graph, edges=edges, run="Flow-1", status="running")))
    ways = [path for path in root.iter(f"{SVG}path") if "marker-end" in path.attrib]
    assert [way.attrib["class"] for way in ways] == ["s-line", "s-faint"]
