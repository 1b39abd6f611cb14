"""A flow as Mermaid: what GitHub, GitLab and many editors draw from text."""

from collections.abc import Iterable, Iterator

from steprelay.graph.model import FlowGraph, Node

# Each with its own text colour, so that it can be read whatever theme the page has.
_STATES = {
    "succeeded": "fill:#dafbe1,stroke:#1a7f37,color:#0b3d1a",
    "failed": "fill:#ffebe9,stroke:#cf222e,color:#5c0d14,stroke-width:3px",
    "running": "fill:#ddf4ff,stroke:#0969da,color:#0a3069",
    "waiting": "fill:#fff8c5,stroke:#9a6700,color:#4d3300",
    "queued": "fill:#fbefff,stroke:#8250df,color:#3b1a73",
    "idle": "fill:#f6f8fa,stroke:#6e7781,color:#424a53",
}
# The kinds differ in shape and in words; a light step's dashes are for those who look fast.
_LIGHT = "stroke-dasharray:5 3"


def mermaid(graph: FlowGraph) -> str:
    """The text of a `flowchart`, with a title and a description for screen readers."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: FlowGraph) -> Iterator[str]:
    ids = {node.step: f"n{number}" for number, node in enumerate(graph.nodes, 1)}
    yield "flowchart TD"
    yield f"    accTitle: {_plain(graph.title)}"
    yield f"    accDescr: {_plain(graph.description)}"
    for node in graph.nodes:
        yield f"    {ids[node.step]}{_shape(node)}"
    for edge in graph.edges:
        arrow = "-.->" if edge.back or edge.chosen else "-->"
        label = f"|{_quoted([edge.label])}|" if edge.label else ""
        yield f"    {ids[edge.source]} {arrow}{label} {ids[edge.target]}"
    yield from _classes(graph, ids)


def _classes(graph: FlowGraph, ids: dict[str, str]) -> Iterator[str]:
    light = [ids[node.step] for node in graph.nodes if node.kind == "light"]
    if light:
        yield f"    classDef light {_LIGHT}"
        yield f"    class {','.join(light)} light"
    for state, style in _STATES.items():
        these = [ids[node.step] for node in graph.nodes if node.tasks is not None and node.tasks.state == state]
        if these:
            yield f"    classDef {state} {style}"
            yield f"    class {','.join(these)} {state}"


def _shape(node: Node) -> str:
    """Round for light steps, square for jobs; with doubled sides where there are many."""
    text = _quoted(node.lines)
    if node.kind == "light":
        return f"([{text}])" if node.each else f"({text})"
    return f"[[{text}]]" if node.each else f"[{text}]"


def _quoted(lines: Iterable[str]) -> str:
    return '"' + "<br/>".join(_escaped(line) for line in lines) + '"'


# Whatever could end a text or be read as markup; backticks make Markdown of it, and `;` ends an entity itself.
_SPECIAL = {ord(character): f"#{ord(character)};" for character in '"#&<>`;|{}[]()\\'}


def _escaped(text: str) -> str:
    return " ".join(text.translate(_SPECIAL).split())


def _plain(text: str) -> str:
    """The text of a line of its own: there are no entities, and `;` and `#` begin something else."""
    return " ".join(text.replace("#", " ").replace(";", ",").replace("{", "(").replace("}", ")").split())
