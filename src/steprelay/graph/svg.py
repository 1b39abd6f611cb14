"""A flow as plain SVG: no scripts, nothing to load, legible on light and dark pages and without colours."""

import re
from xml.etree import ElementTree as ET

from rich.cells import cell_len

from steprelay.graph.layout import Box, Link, Placed, Point, Route, place
from steprelay.graph.model import Edge, FlowGraph, Node

# A monospaced face, so that the room a text takes is known without measuring it (pixels).
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_SIZE, _LINE, _CELL = 13.0, 18.0, 7.9
_LABEL_SIZE, _LABEL_LINE, _LABEL_CELL = 11.0, 14.0, 6.7
_PADDING, _MARGIN, _STACK, _BEND = 12.0, 24.0, 5.0, 8.0

# (light, dark) of what a class of elements is filled or drawn with.
_COLOURS = {
    "page": ("#ffffff", "#0d1117"),
    "text": ("#1f2328", "#e6edf3"),
    "line": ("#57606a", "#9198a1"),
    "faint": ("#8c959f", "#6e7681"),
    "box": ("#f6f8fa", "#161b22"),
    "succeeded": ("#1a7f37", "#3fb950"),
    "failed": ("#cf222e", "#f85149"),
    "running": ("#0969da", "#58a6ff"),
    "waiting": ("#9a6700", "#d29922"),
    "queued": ("#8250df", "#bc8cff"),
}
# XML 1.0 has no place for these, not even escaped.
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(graph: FlowGraph) -> str:
    """The text of an SVG file.

    Raises:
        NoLayout: if the layout library is not installed.
    """
    number = {node.step: position for position, node in enumerate(graph.nodes)}
    links = [Link(number[edge.source], number[edge.target], _label_box(edge), edge.back) for edge in graph.edges]
    boxes = [_box(node) for node in graph.nodes]
    placed = place(boxes, links)
    root = _frame(graph, boxes, placed)
    for edge, route in zip(graph.edges, placed.routes, strict=True):
        _draw_edge(root, edge, route)
    for edge, route in zip(graph.edges, placed.routes, strict=True):
        _draw_label(root, edge, route)
    for node, box, centre in zip(graph.nodes, boxes, placed.boxes, strict=True):
        _draw_node(root, node, box, centre)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _box(node: Node) -> Box:
    widest = max(cell_len(line) for line in node.lines)
    return Box(widest * _CELL + 2 * _PADDING, len(node.lines) * _LINE + _PADDING)


def _label_box(edge: Edge) -> Box | None:
    return Box(cell_len(edge.label) * _LABEL_CELL + 4, _LABEL_LINE) if edge.label else None


def _frame(graph: FlowGraph, boxes: list[Box], placed: Placed) -> ET.Element:
    """The picture without its content: what it is called, its colours and its page."""
    left, top, right, bottom = _bounds(graph, boxes, placed)
    width, height = right - left, bottom - top
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
    root.set("width", _number(width))
    root.set("height", _number(height))
    root.set("viewBox", " ".join(map(_number, (left, top, width, height))))
    root.set("aria-labelledby", "title description")
    root.set("font-family", _FONT)
    _text(ET.SubElement(root, "title", id="title"), graph.title)
    _text(ET.SubElement(root, "desc", id="description"), graph.description)
    ET.SubElement(root, "style").text = _dark_style()
    ET.SubElement(root, "rect", _rect(left, top, width, height) | _fill("page"))
    definitions = ET.SubElement(root, "defs")
    for name in ("line", "faint"):
        _arrow_head(definitions, name)
    return root


def _bounds(graph: FlowGraph, boxes: list[Box], placed: Placed) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of all that is drawn, with a margin: labels and stacks stand out of the layout."""
    xs, ys = ([start, end] for start, end in zip(placed.top_left, placed.bottom_right, strict=True))
    for edge, route in zip(graph.edges, placed.routes, strict=True):
        box = _label_box(edge)
        if box is not None and route.label is not None:
            xs += [route.label[0] - box.width / 2, route.label[0] + box.width / 2]
            ys += [route.label[1] - box.height / 2, route.label[1] + box.height / 2]
    for box, (x, y) in zip(boxes, placed.boxes, strict=True):
        xs.append(x + box.width / 2 + 2 * _STACK)
        ys.append(y + box.height / 2 + 2 * _STACK)
    return min(xs) - _MARGIN, min(ys) - _MARGIN, max(xs) + _MARGIN, max(ys) + _MARGIN


def _dark_style() -> str:
    """Colours are attributes, for viewers without style sheets; only those of dark pages are style."""
    rules = [f".f-{name}{{fill:{dark}}}.s-{name}{{stroke:{dark}}}" for name, (_, dark) in _COLOURS.items()]
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"


def _fill(name: str) -> dict[str, str]:
    return {"fill": _COLOURS[name][0], "class": f"f-{name}"}


def _stroke(name: str, width: float = 1.5) -> dict[str, str]:
    return {"stroke": _COLOURS[name][0], "stroke-width": _number(width), "class": f"s-{name}"}


def _arrow_head(parent: ET.Element, name: str) -> None:
    marker = ET.SubElement(parent, "marker", id=f"arrow-{name}", viewBox="0 0 10 10", refX="9", refY="5")
    marker.attrib |= {"markerWidth": "7", "markerHeight": "7", "orient": "auto"}
    ET.SubElement(marker, "path", {"d": "M0 0L10 5L0 10z"} | _fill(name))


def _draw_edge(root: ET.Element, edge: Edge, route: Route) -> None:
    """Ways between which a step chooses are dashed; those that nobody took in a run are faint."""
    colour = "faint" if edge.taken == 0 else "line"
    group = ET.SubElement(root, "g")
    told = f"{edge.source} to {edge.target}" + (f": {edge.label}" if edge.label else "")
    _text(ET.SubElement(group, "title"), told if edge.taken is None else f"{told}; {edge.taken:,} went this way")
    path = {"d": _path(route.points), "fill": "none", "marker-end": f"url(#arrow-{colour})"}
    path |= _stroke(colour, 1 if colour == "faint" else 1.5)
    if edge.chosen or edge.back:
        path["stroke-dasharray"] = "2 4" if edge.back else "6 4"
    ET.SubElement(group, "path", path)


def _draw_label(root: ET.Element, edge: Edge, route: Route) -> None:
    """Above all lines, on a piece of the page."""
    box = _label_box(edge)
    if box is None or route.label is None:
        return
    x, y = route.label
    ET.SubElement(root, "rect", _rect(x - box.width / 2, y - box.height / 2, box.width, box.height) | _fill("page"))
    _write(root, edge.label, x, y + _LABEL_SIZE / 3, _LABEL_SIZE)


def _path(points: tuple[Point, ...]) -> str:
    """Straight lines with rounded corners."""
    drawn = [f"M{_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        drawn.append(f"L{_at(_towards(corner, before))}Q{_at(corner)} {_at(_towards(corner, after))}")
    return "".join([*drawn, f"L{_at(points[-1])}"])


def _towards(start: Point, end: Point) -> Point:
    """A little way from the one to the other, half of it at the most."""
    (x, y), (to_x, to_y) = start, end
    length = max(abs(to_x - x) + abs(to_y - y), 1e-9)
    part = min(0.5, _BEND / length)
    return x + (to_x - x) * part, y + (to_y - y) * part


def _draw_node(root: ET.Element, node: Node, box: Box, centre: Point) -> None:
    """Light steps have round corners and a dashed border, jobs are square; many of one are a stack."""
    group = ET.SubElement(root, "g")
    _text(ET.SubElement(group, "title"), "; ".join([*node.lines[:-1], node.reason or node.lines[-1]]))
    state = "line" if node.tasks is None or node.tasks.state == "idle" else node.tasks.state
    left, top = centre[0] - box.width / 2, centre[1] - box.height / 2
    shape = {"rx": "14" if node.kind == "light" else "2"}
    if node.kind == "light":
        shape["stroke-dasharray"] = "5 3"
    for layer in (2, 1, 0) if node.each else (0,):
        moved = _rect(left + layer * _STACK, top + layer * _STACK, box.width, box.height)
        stroke = _stroke(state, 3 if state == "failed" else 1.5)
        classes = {"class": f"f-box {stroke['class']}"}
        ET.SubElement(group, "rect", moved | shape | {"fill": _COLOURS["box"][0]} | stroke | classes)
    for number, line in enumerate(node.lines):
        y = top + _PADDING / 2 + (number + 0.7) * _LINE
        _write(group, line, centre[0], y, _SIZE, bold=number == 0)


def _write(parent: ET.Element, text: str, x: float, y: float, size: float, *, bold: bool = False) -> None:
    place_ = {"x": _number(x), "y": _number(y), "text-anchor": "middle", "font-size": _number(size)}
    weight = {"font-weight": "bold"} if bold else {}
    _text(ET.SubElement(parent, "text", place_ | weight | _fill("text")), text)


def _text(element: ET.Element, text: str) -> None:
    """ElementTree escapes; what XML cannot hold at all becomes a replacement character."""
    element.text = _UNFIT.sub("\ufffd", text)


def _rect(x: float, y: float, width: float, height: float) -> dict[str, str]:
    return {"x": _number(x), "y": _number(y), "width": _number(width), "height": _number(height)}


def _at(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
