"""Where the boxes of a drawing go, and how lines lead around them: graphlay's layered layout.

The only file that knows graphlay. Its answer is the same for the same flow on every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]

_OPTIONS = {
    "direction": "topbottom",
    "spacing": {"layer_gap": 56.0, "node_gap": 48.0, "edge_label_margin": 6.0},
    # What goes back is known from the flow, not guessed from the drawing.
    "cycles": {"strategy": "follow_flow"},
    "labels": {"reservation": "always"},
}


class NoLayout(Exception):
    """The library is not there."""


@dataclass(frozen=True, slots=True)
class Box:
    """Width and height of what is to be placed, in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Link:
    """A line from one box to another; `label`: the room that its text takes; `back`: against the direction."""

    source: int
    target: int
    label: Box | None
    back: bool


@dataclass(frozen=True, slots=True)
class Route:
    """The corners of a line from border to border, and the middle of its label."""

    points: tuple[Point, ...]
    label: Point | None


@dataclass(frozen=True, slots=True)
class Placed:
    """The middle of each box, the lines in their order, and the corners of the whole."""

    boxes: tuple[Point, ...]
    routes: tuple[Route, ...]
    top_left: Point
    bottom_right: Point


def place(boxes: Sequence[Box], links: Sequence[Link]) -> Placed:
    """Place boxes in layers, from the top down.

    Raises:
        NoLayout: if graphlay is not installed.
    """
    try:
        import graphlay
    except ImportError as error:
        raise NoLayout(str(error)) from None
    nodes = [{"size": {"width": box.width, "height": box.height}, "shape": "box"} for box in boxes]
    request = {"nodes": nodes, "edges": [_edge(link) for link in links]}
    drawn = graphlay.layout(request, preset="layered", options=_OPTIONS)
    return Placed(
        tuple(_point(node["center"]) for node in drawn.nodes),
        tuple(_route(edge, link) for edge, link in zip(drawn.edges, links, strict=True)),
        _point(drawn.bounds["min"]),
        _point(drawn.bounds["max"]),
    )


def _edge(link: Link) -> dict[str, Any]:
    edge: dict[str, Any] = {"source": link.source, "target": link.target, "weight": 1.0}
    if link.back:
        edge["reverse_for_ranking"] = True
    if link.label is not None:
        edge["label_size"] = {"width": link.label.width, "height": link.label.height}
    return edge


def _route(edge: Mapping[str, Any], link: Link) -> Route:
    points, anchor = tuple(_point(point) for point in edge["points"]), edge.get("label_anchor")
    if link.label is None or anchor is None:
        return Route(points, None)
    label = _point(anchor)
    return Route(points, _beside(points, label, link.label) if link.source == link.target else label)


def _beside(points: Sequence[Point], anchor: Point, label: Box) -> Point:
    """Of a step that goes back to itself: graphlay says where the text begins, as if it had no width."""
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    room = label.width / 2 + 4
    return (left - room if anchor[0] < left else right + room if anchor[0] > right else anchor[0]), anchor[1]


def _point(given: Mapping[str, float]) -> Point:
    return given["x"], given["y"]
