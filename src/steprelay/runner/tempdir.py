"""The step's temporary folder: the tmpfs that its job mounts, where it has one."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from steprelay.runner.brief import BriefError, Task

# The first is Python's and every shell's, the last Metaflow's.
VARIABLES = ("TMPDIR", "STEPRELAY_TEMPDIR", "METAFLOW_TEMPDIR")
_LOCAL_MOUNTS = "STEPRELAY_LOCAL_MOUNTS"


class TempdirError(Exception):
    """The temporary folder that the step asks for cannot be used."""


def mounted(task: Task, environment: Mapping[str, str]) -> Task:
    """The task with its temporary folder where it really is.

    A Batch that cannot mount says in STEPRELAY_LOCAL_MOUNTS which folders stand for which mounts.

    Raises:
        BriefError: if that is no JSON object of paths.
    """
    text = environment.get(_LOCAL_MOUNTS)
    if not text or task.brief.tempdir is None:
        return task
    try:
        mounts = json.loads(text)
        place = mounts.get(task.brief.tempdir, task.brief.tempdir)
    except (ValueError, AttributeError) as error:
        raise BriefError(f"{_LOCAL_MOUNTS} must be a JSON object of paths, given {text!r}") from error
    return replace(task, brief=replace(task.brief, tempdir=place))


def use_tempdir(step: str, tempdir: str) -> None:
    """Make it this process's folder for temporary files, and that of all it starts.

    Raises:
        TempdirError: if it is not there and cannot be made, or cannot be written to. Python would quietly go on in
            /tmp then, on a disk that the step has reason to avoid.
    """
    folder = Path(tempdir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise TempdirError(_problem(step, tempdir, "is not a folder")) from None
    except OSError as error:
        raise TempdirError(_problem(step, tempdir, f"does not exist and cannot be made: {error.strerror}")) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise TempdirError(_problem(step, tempdir, "cannot be written to by the image's user"))
    os.environ.update(dict.fromkeys(VARIABLES, tempdir))
    tempfile.tempdir = None  # found anew, from TMPDIR


def _problem(step: str, tempdir: str, what: str) -> str:
    return (
        f"step {step!r} wants its temporary files in {tempdir}, which {what}; "
        "choose another tmpfs_path, or tmpfs_tempdir=False to keep them elsewhere"
    )
