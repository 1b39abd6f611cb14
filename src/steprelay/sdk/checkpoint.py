"""`current.checkpoint`: what an attempt leaves for the next one, should it not come to its end."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a flow's import is to be quick
    from contextlib import AbstractContextManager
    from pathlib import Path


class Checkpoint(Protocol):
    """A folder that outlives its container. Nothing is read or written before the first use of any of this.

    It is saved when the step says `save()`, and by itself when the container is taken away (SIGTERM) and when the
    attempt fails or times out. Each save is whole or has not happened.
    """

    @property
    def directory(self) -> "Path":
        """The folder, with what the latest earlier attempt has saved in it; empty where none has.

        Raises:
            CheckpointError: if what was saved cannot be put there.
        """

    @property
    def restored(self) -> bool:
        """Whether an earlier attempt of this task had saved something. Raises CheckpointError as `directory` does."""

    def save(self) -> None:
        """Save the folder now; only what has changed is sent. On other nodes than a job's main one nothing happens.

        Raises:
            CheckpointError: if a file cannot be read, or is written to all the while.
        """

    def writing(self) -> "AbstractContextManager[Path]":
        """`with current.checkpoint.writing() as directory:` the container's end and the time limit wait for the body.

        For what must not be saved half written.
        """
