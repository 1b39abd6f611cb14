"""docs/failures.md is written from the table that the relay decides by."""

import json
from pathlib import Path

import pytest

from steprelay.explain import Found, explain_job
from steprelay.explain.failure_docs import COLUMNS, with_classes
from steprelay_core.failure import CLASSES
from tests.cli.surroundings import Shell
from tests.docs.pages import anchors, blocks, cells, section
from tests.docs.planning import ROOT

PAGE = ROOT / "docs" / "failures.md"
TEXT = PAGE.read_text()


def test_the_classes_are_up_to_date() -> None:
    assert with_classes(TEXT) == TEXT, "write them anew: python -m steprelay.explain.failure_docs docs/failures.md"


def test_a_page_without_room_for_the_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="the page needs the lines"):
        with_classes("# Failures")


def test_every_class_has_a_row_and_a_section() -> None:
    table = section(TEXT, "The classes").partition("\n### ")[0]
    rows = cells(table)
    assert [row[0] for row in rows] == [f"[`{name}`](#{name})" for name in CLASSES]
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert set(CLASSES) <= anchors(TEXT)


def test_the_page_lists_every_key_of_an_explanation() -> None:
    told = explain_job(Found({"status": "FAILED"})).as_json()
    listed = {key.strip(" `") for row in cells(TEXT.partition("## How")[0]) for key in row[0].split(",")}
    assert listed == set(told)


def test_the_example_is_what_the_command_prints(tmp_path: Path) -> None:
    job = {
        "jobId": "75bde587-703d-43a1-a0b8-a33a85286224",
        "jobName": "train",
        "jobQueue": "spot",
        "status": "FAILED",
        "statusReason": "Essential container in task exited",
        "container": {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
    }
    printed = Shell(tmp_path)("explain", "-", given=json.dumps(job)).out
    assert printed in blocks(TEXT, "text")
