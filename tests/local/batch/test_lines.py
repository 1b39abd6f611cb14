"""Output as log lines."""

import pytest

from steprelay.local.batch.lines import LONGEST_LINE, LineSplitter


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b\nc"], ["ab", "c"]),
        ([b"\n\na\n\n"], ["a"]),
        ([b"windows\r\n"], ["windows"]),
        ([b"10%\r20%\n"], ["10%\r20%"]),
        (["é\n".encode()[:1], "é\n".encode()[1:]], ["é"]),
        ([b"\xff\n"], ["\N{REPLACEMENT CHARACTER}"]),
        ([], []),
    ],
)
def test_lines_are_cut_at_line_ends_wherever_the_chunks_end(chunks: list[bytes], lines: list[str]) -> None:
    splitter = LineSplitter()
    assert [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish() == lines


def test_a_line_is_never_longer_than_cloudwatch_takes() -> None:
    splitter = LineSplitter()
    lines = splitter.feed(b"x" * (2 * LONGEST_LINE + 5)) + splitter.feed(b"y\n") + splitter.finish()
    assert [len(line) for line in lines] == [LONGEST_LINE, LONGEST_LINE, 6]


def test_an_incomplete_line_waits_for_its_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"half") == []
    assert splitter.feed(b" and half\n") == ["half and half"]
