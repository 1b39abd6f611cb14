"""docs/cli.md holds the help texts as they are; `python -m tests.cli.test_docs` writes them anew."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode
from steprelay.cli.relay_app import build_app
from tests.cli.surroundings import FakeRelays
from tests.client.fake_relay import FakeRelay

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
BEGIN, END = "<!-- help texts: written by `python -m tests.cli.test_docs` -->", "<!-- end of help texts -->"
WIDTH = "100"
COMMANDS = (
    ("run",),
    ("show",),
    ("check",),
    ("plan",),
    ("graph",),
    ("package",),
    ("deploy",),
    ("compile",),
    ("validate",),
    ("runs", "list"),
    ("runs", "show"),
    ("runs", "cancel"),
    ("runs", "resume"),
    ("runs", "retry"),
    ("logs",),
    ("report",),
    ("explain",),
    ("local", "up"),
    ("local", "down"),
    ("local", "status"),
)


def help_texts() -> str:
    """The help of every command, as plain text in Markdown."""
    return "\n".join(_sections())


def _sections() -> Iterator[str]:
    app = build_app(Context(FakeRelays(FakeRelay()), io.StringIO(), io.StringIO(), {}, Path()))
    for command in COMMANDS:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            app([*command, "--help"], exit_on_error=False, print_error=False, result_action="return_value")
        shown = "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())
        yield f"### steprelay {' '.join(command)}\n\n```text\n{shown}\n```\n"


def with_help(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{help_texts()}\n{END}{after}"


def test_the_page_has_the_help_texts_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDTH)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    page = PAGE.read_text()

    assert with_help(page) == page, "write them anew: python -m tests.cli.test_docs"


def test_the_page_lists_every_exit_code() -> None:
    page = PAGE.read_text()

    assert [code for code in ExitCode if f"| {int(code)} |" not in page] == []


def test_every_command_has_its_help_on_the_page() -> None:
    app = build_app(Context(FakeRelays(FakeRelay()), io.StringIO(), io.StringIO(), {}, Path()))
    groups = {"runs", "local"}
    names = {name for name in app if not name.startswith("-")}

    assert names - groups | {"runs", "local"} == {command[0] for command in COMMANDS}


if __name__ == "__main__":
    os.environ["COLUMNS"] = WIDTH
    PAGE.write_text(with_help(PAGE.read_text()))
