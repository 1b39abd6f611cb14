"""What can go wrong in a step, by names that people can catch."""


class TimeoutException(Exception):
    """The step took longer than its `@timeout`."""


class InvalidNext(Exception):
    """`self.next` was not called, or called in a way that the flow's graph does not have."""


class MergeConflict(Exception):
    """`merge_artifacts` found different values of an artifact in different inputs."""


class MissingInMerge(Exception):
    """`merge_artifacts` was told to include artifacts that no input has."""


class ArtifactError(Exception):
    """An artifact cannot be stored or read back."""


class StepFailed(Exception):
    """Stands in an artifact of `@catch` for an exception that cannot be pickled, or that no Python code raised.

    `type` is the name of the original exception's class, `text` its message, `trace` its traceback.
    """

    def __init__(self, type: str, text: str, trace: str = "") -> None:  # noqa: A002 - the field's name
        super().__init__(type, text, trace)
        self.type, self.text, self.trace = type, text, trace

    def __str__(self) -> str:
        return f"{self.type}: {self.text}" if self.text else self.type
