"""What can go wrong in a step, by names that people can catch."""


class TimeoutException(Exception):
    """The step took longer than its `@timeout`."""


class Reclaimed(BaseException):
    """The container is being taken away. Not an Exception, so that a step's `except Exception` lets it pass.

    `seconds`: how long the step has, from when this is raised, until it is killed.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"the container is being taken away; the step is killed in {self.seconds:g} s"


class InvalidNext(Exception):
    """`self.next` was not called, or called in a way that the flow's graph does not have."""


class MergeConflict(Exception):
    """`merge_artifacts` found different values of an artifact in different inputs."""


class MissingInMerge(Exception):
    """`merge_artifacts` was told to include artifacts that no input has."""


class ArtifactError(Exception):
    """An artifact cannot be stored or read back."""


class CheckpointError(Exception):
    """A checkpoint cannot be saved or restored."""


class StepFailed(Exception):
    """Stands in an artifact of `@catch` for an exception that cannot be pickled, or that no Python code raised.

    `type` is the name of the original exception's class, `text` its message, `trace` its traceback. Where no code of
    the step saw the failure, `type` is its class (docs/failures.md) and `text` the reason that AWS gave. `class_` is
    the failure's class in any case; `exit_code`, `log_stream` and `log_link` (a page of the AWS console) where they are
    known.
    """

    def __init__(
        self,
        type: str,  # noqa: A002 - the field's name
        text: str,
        trace: str = "",
        class_: str = "program",
        exit_code: int | None = None,
        log_stream: str | None = None,
        log_link: str | None = None,
    ) -> None:
        super().__init__(type, text, trace, class_, exit_code, log_stream, log_link)
        self.type, self.text, self.trace = type, text, trace
        self.class_, self.exit_code, self.log_stream, self.log_link = class_, exit_code, log_stream, log_link

    def __str__(self) -> str:
        return f"{self.type}: {self.text}" if self.text else self.type
