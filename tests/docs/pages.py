"""Markdown as the documentation's tests read it: sections, tables, blocks of code, links."""

import re
from collections.abc import Iterator


def section(page: str, title: str) -> str:
    """What stands under a heading, down to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", page, re.MULTILINE)
    assert found, f"there is no heading {title!r}"
    rest = page[found.end() :]
    after = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: after.start()] if after else rest


def cells(text: str) -> list[list[str]]:
    """The rows of all tables in a text, heads left out."""
    lines = [line for line in _without_code(text).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = {index for index, row in enumerate(rows) if all(re.fullmatch(":?-+:?", cell) for cell in row)}
    return [row for index, row in enumerate(rows) if index not in rules and index + 1 not in rules]


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code in this language; "" for those that name none."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def links(page: str) -> Iterator[str]:
    """Where a page points to, other pages of ours only: `deploy.md`, `#tags`, `spec.md#a-step`."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(page)):
        if "://" not in target:
            yield target


def anchors(page: str) -> set[str]:
    """The names that a page's headings can be linked by, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", _without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _without_code(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
