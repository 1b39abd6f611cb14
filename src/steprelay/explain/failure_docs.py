"""`python -m steprelay.explain.failure_docs docs/failures.md`: write the failure classes into the page.

Without a page they are printed. Everything comes from the table by which the relay decides and
`steprelay explain` explains.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from steprelay_core.failure import CLASSES, FAULTS, RULES, FailureClass

BEGIN = "<!-- classes: written by `python -m steprelay.explain.failure_docs docs/failures.md` -->"
END = "<!-- end of classes -->"
COLUMNS = ("class", "what it is", "whose fault", "retried by", "what happens", "what you can set")


def classes() -> str:
    """The table in Markdown, and below it a section for each class with the texts it is read from."""
    rows = [_row(COLUMNS), _row("---" for _ in COLUMNS), *(_row(_cells(one)) for one in CLASSES.values())]
    return "\n".join(["## The classes", "", *rows, *(line for one in CLASSES.values() for line in _section(one))])


def with_classes(page: str) -> str:
    """The page with the classes between its marks as they should be.

    Raises:
        ValueError: if the page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{classes()}\n\n{END}{after}"


def _cells(one: FailureClass) -> Iterator[str]:
    yield f"[`{one.id}`](#{one.id})"
    yield one.means
    yield one.fault
    yield _retried(one)
    yield one.follows
    yield ", ".join(one.settings)


def _retried(one: FailureClass) -> str:
    return one.retried_by if one.retried or one.retry == "nothing" else f"nobody: {one.retried_by}"


def _section(one: FailureClass) -> Iterator[str]:
    yield from ("", f"### {one.id}", "", f"{_sentence(one.means)} The fault is {FAULTS[one.fault]}.")
    reads = list(dict.fromkeys(text for rule in RULES if rule.class_ == one.id for text in rule.reads))
    if reads:
        yield from ("", "Read from:", "", *(f"- {_quoted(text)}" for text in reads))
    yield from ("", f"What to change: {one.change}.")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _quoted(text: str) -> str:
    """AWS's own words as code; descriptions, which may hold code, as they are."""
    return text if "`" in text or text.startswith(("exit code", "an array")) else f"`{text}`"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    pages = [Path(name) for name in sys.argv[1:]]
    for page in pages:
        page.write_text(with_classes(page.read_text()))
    if not pages:
        sys.stdout.write(f"{classes()}\n")
