"""Checkpoints on the embedded relay: what the data bucket keeps while attempts fail, and once they succeed."""

from typing import Any

import pytest

from tests.flows.conftest import Project
from tests.local.relay.support import Aws

FLOW = """
from steprelay import FlowSpec, current, retry, step{more}

class CheckpointedFlow(FlowSpec):
    @retry(times=2, minutes_between_retries=0)
    {batch}
    @step
    def start(self):
        directory = current.checkpoint.directory
        self.restored = current.checkpoint.restored
        if not self.restored:
            (directory / "large").write_bytes(bytes(range(256)) * 40_000)
            (directory / "small").write_bytes(b"1" * 5_000)
            (directory / "link").symlink_to("small")
            raise ValueError("not yet")
        self.sizes = [(directory / name).stat().st_size for name in ("large", "small", "link")]
        if "{end}" == "fails":
            (directory / "small").write_bytes(b"2" * 5_000)
            raise ValueError("never")
        self.next(self.end)

    @step
    def end(self): pass

if __name__ == "__main__":
    CheckpointedFlow()
"""
PLACES = {
    "a light step": {"more": "", "batch": ""},
    "a Batch step": {"more": ", batch", "batch": "@batch(cpu=1, memory=128)"},
}


def _kept(aws: Aws, ended: Any) -> list[str]:
    """The names of what is left of the checkpoints, without those of what is in them."""
    run = next(change["run"] for change in ended.changes if "run" in change)
    pages = aws.s3.get_paginator("list_objects_v2").paginate(
        Bucket=aws.physical("DataBucket"), Prefix=f"runs/{run}/.checkpoints/"
    )
    keys = [found["Key"].split("/.checkpoints/")[1] for page in pages for found in page.get("Contents", ())]
    return [key[: len("start/0/files/1.1/")] if "/files/" in key else key for key in keys]


@pytest.mark.parametrize("place", PLACES)
def test_a_checkpoint_comes_back_from_s3_and_is_gone_when_the_step_has_succeeded(
    project: Project, aws: Aws, place: str
) -> None:
    project.write("flow.py", FLOW.format(end="succeeds", **PLACES[place]))
    ended = project.run("flow.py")
    assert ended.code == 0, ended.errors
    assert (ended.artifacts["restored"], ended.artifacts["sizes"]) == ("True", "[10240000, 5000, 5000]")
    assert _kept(aws, ended) == []


def test_a_step_that_fails_for_good_leaves_its_checkpoint_for_a_resume(project: Project, aws: Aws) -> None:
    project.write("flow.py", FLOW.format(end="fails", **PLACES["a light step"]))
    ended = project.run("flow.py")
    assert ended.code == 1, ended.errors
    files = ["start/0/files/1.1/", "start/0/files/2.1/"]
    manifests = [f"start/0/saved/{attempt}.1.json" for attempt in (1, 2, 3)]
    # The large file is the first attempt's still; the small one that was replaced is gone.
    assert _kept(aws, ended) == [*files, *manifests]
