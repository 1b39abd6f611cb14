"""A run as one HTML page."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from steprelay_core.state.model import Failure, GroupKey, Notice, RunStatus
from steprelay_core.state.ranges import Ranges
from tests.cli.surroundings import Shell
from tests.client.fake_relay import (
    FOREACH,
    RUN,
    START,
    SUCCEEDED,
    FakeRelay,
    failed_attempt,
    failed_run,
    group,
    run_of,
    stored,
    submitted,
    won,
)
from tests.client.test_hooks import FAILED, FLOW

LOST = Failure("oom", "OutOfMemoryError: Container killed due to memory usage", 137)
HOSTILE = "<script>alert('x')</script>"


def failing(reason: Failure = LOST, line: str = "loading shard 0") -> FakeRelay:
    """A run whose `process.0` failed, after it had printed a line."""
    own = group("process", (0,), failed=Ranges.of(0), history=(failed_attempt(0, 1, reason),))
    relay = FakeRelay([stored(won("start"), own, run=failed_run("process.0", 1, reason))], FOREACH)
    relay.outcomes = {("process.0", 1): {"job_id": "job"}}
    relay.job_streams, relay.pages = {"job": "stream"}, {"stream": [[line]]}
    return relay


class Page(HTMLParser):
    """What a browser would show of a page, and which elements it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shown, self.tags, self.links, self.anchors = "", set[str](), list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = [value or "" for name, value in attributes if name in {"src", "href", "srcset", "data"}]
        # What a person may follow is not loaded.
        self.anchors += found if tag == "a" else []
        self.links += [] if tag == "a" else found

    def handle_endtag(self, tag: str) -> None:
        self.shown += " "

    def handle_data(self, data: str) -> None:
        self.shown = re.sub(r"\s+", " ", self.shown + data)


def report(folder: Path, relay: FakeRelay) -> Page:
    result = Shell(folder, relay)("report", RUN)
    assert (result.code, result.out) == (0, f"{RUN}.html\n"), result
    return Page((folder / f"{RUN}.html").read_text())


def test_the_report_of_a_failed_run_has_its_cause_the_last_lines_and_what_to_change(tmp_path: Path) -> None:
    shown = report(tmp_path, failing()).shown
    assert f"{RUN} failed" in shown
    assert "where process.0, attempt 1 class oom, exit code 137 reason OutOfMemoryError" in shown
    assert "loading shard 0" in shown
    assert "next: " in shown


def test_failed_attempts_are_listed_with_what_followed(tmp_path: Path) -> None:
    shown = report(tmp_path, failing()).shown
    assert f"exit code 137 {LOST.reason} giving up" in shown
    assert "giving up" in shown


def test_the_report_of_a_run_that_succeeded_has_its_steps_and_their_drawing(tmp_path: Path) -> None:
    page = report(tmp_path, FakeRelay([stored(won("start"), won("end"), run=SUCCEEDED)]))
    assert f"{RUN} succeeded" in page.shown
    assert "svg" in page.tags
    assert "Why it failed" not in page.shown


def test_a_run_that_goes_on_has_a_report_as_well(tmp_path: Path) -> None:
    relay = FakeRelay([stored(group("start", submissions=(submitted(),)), run=run_of(RunStatus.RUNNING))])
    shown = report(tmp_path, relay).shown
    assert f"{RUN} running" in shown
    assert "took" in shown


def test_jobs_that_do_not_start_are_listed_with_what_to_change(tmp_path: Path) -> None:
    waits = Notice(GroupKey("start"), "1-0", "config", "big", START, START + 60, "no machine is large", "ask for less")
    relay = FakeRelay([stored(group("start", submissions=(submitted(),)), run=run_of(notices=(waits,)))])
    assert "start 1 big config no machine is large ask for less" in report(tmp_path, relay).shown


def test_what_a_flow_says_is_text_and_never_part_of_the_page(tmp_path: Path) -> None:
    page = report(tmp_path, failing(Failure("program", HOSTILE, 1), HOSTILE))
    assert "script" not in page.tags
    assert f"reason {HOSTILE}" in page.shown


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    page = report(tmp_path, failing())
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "object"} & page.tags


def test_it_is_written_where_somebody_says(tmp_path: Path) -> None:
    result = Shell(tmp_path, failing())("report", RUN, "-o", "of this week.html", "--json")
    assert result.json == [{"kind": "report", "run": RUN, "path": str(tmp_path / "of this week.html")}]
    assert (tmp_path / "of this week.html").exists()


def test_a_file_that_cannot_be_written_is_an_error_for_people(tmp_path: Path) -> None:
    result = Shell(tmp_path, failing())("report", RUN, "-o", "nowhere/report.html")
    assert result.code == 2
    assert "cannot write nowhere/report.html: No such file or directory" in result.err


def test_an_unknown_run_is_told(tmp_path: Path) -> None:
    result = Shell(tmp_path, FakeRelay([None]))("report", RUN)
    assert result.code != 0
    assert RUN in result.err
    assert not list(tmp_path.glob("*.html"))


def test_the_page_leads_to_the_log_in_the_console(tmp_path: Path) -> None:
    (link,) = report(tmp_path, failing(replace(LOST, log_stream="job/default/1"))).anchors
    assert link.endswith("/log-events/job$252Fdefault$252F1")


def test_the_page_tells_of_exit_hooks(tmp_path: Path) -> None:
    shown = report(tmp_path, FakeRelay([FAILED], FLOW)).shown
    assert re.search(r"Exit hooks .* tell failed 2 5\.00 s program: ValueError: nobody answers", shown)


def test_what_went_on_by_catch_is_told(tmp_path: Path) -> None:
    lost = replace(failed_attempt(0, 1, LOST), caught=True)
    own = won("process", attempt=2, path=(0,), caught=Ranges.of(0), history=(lost,))
    shown = report(tmp_path, FakeRelay([stored(won("start"), own, run=SUCCEEDED)], FOREACH)).shown
    assert "1 of 1, 1 by @catch" in shown
    assert "going on by @catch" in shown
