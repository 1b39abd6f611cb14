"""A flow as Mermaid: one golden text for each shape; `python -m tests.graph.test_mermaid` writes them anew."""

from pathlib import Path

import pytest

from steprelay.graph import flow_graph, mermaid
from tests.graph.shapes import ALL, CONDITION, LINE, flow_of

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("shape", ALL)
def test_each_shape_is_drawn_as_it_is_written_down(shape: str) -> None:
    assert mermaid(flow_graph(flow_of(ALL[shape]))) == (GOLDEN / f"{shape}.mmd").read_text()


def test_what_mermaid_would_read_as_its_own_is_escaped() -> None:
    text = mermaid(flow_graph(flow_of(CONDITION)))
    assert '|"size is say #34;hi#34; #60;#35;1#59; x#124;y#62;"|' in text


def test_no_step_is_called_by_a_word_of_mermaid() -> None:
    """A step named `end` would end a subgraph."""
    assert 'n3("end<br/>light")' in mermaid(flow_graph(flow_of(LINE)))


def test_the_title_and_the_description_stay_on_their_lines_whatever_a_value_holds() -> None:
    steps = {"start": {"condition": "x", "next": [{"to": ["end"], "when": "a\n%%{init: 1}%%; #"}]}, "end": {}}
    lines = mermaid(flow_graph(flow_of(steps))).splitlines()
    assert [line for line in lines if "init" in line] == [
        "    accDescr: start: light, goes on to end (x is a %%(init: 1)%%, ). end: light.",
        '    n1 -->|"x is a %%#123;init: 1#125;%%#59; #35;"| n2',
    ]


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, steps in ALL.items():
        (GOLDEN / f"{name}.mmd").write_text(mermaid(flow_graph(flow_of(steps))))
