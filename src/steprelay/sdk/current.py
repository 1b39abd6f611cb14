"""`current`: what a step can know of the run it is part of."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from steprelay.sdk.binding import Frame
from steprelay.sdk.checkpoint import Checkpoint
from steprelay.sdk.parallel import Parallel
from steprelay.sdk.parameters import Parameters


class RunningTask(NamedTuple):
    """The task at work. `attempt` counts from 1; `split` is the whole split path (`0`, `0.3`)."""

    flow_name: str
    run_id: str
    step_name: str
    task_id: str
    split: str
    attempt: int
    max_attempts: int
    origin_kind: str
    origin_detail: Mapping[str, Any]
    tempdir: str
    parameters: Parameters = Parameters({})
    parallel: Parallel = Parallel()
    checkpoint: Checkpoint | None = None
    stack: Sequence[Frame] = ()


class Current:
    """Reads as attributes; all but `is_running` raise RuntimeError where no step runs."""

    def __init__(self) -> None:
        self.__task: RunningTask | None = None

    def enter(self, task: RunningTask) -> None:
        """The runner's: from here on this task is the current one."""
        self.__task = task

    def leave(self) -> None:
        """The runner's: no step runs any more."""
        self.__task = None

    def _get(self, name: str) -> RunningTask:
        if self.__task is None:
            raise RuntimeError(f"current.{name} is known only while a step runs")
        return self.__task

    @property
    def is_running(self) -> bool:
        """Whether this is a step of a run; never raises."""
        return self.__task is not None

    @property
    def flow_name(self) -> str:
        return self._get("flow_name").flow_name

    @property
    def run_id(self) -> str:
        return self._get("run_id").run_id

    @property
    def step_name(self) -> str:
        return self._get("step_name").step_name

    @property
    def task_id(self) -> str:
        """The task as people see it: `train`, or `train.3` for the fourth split."""
        return self._get("task_id").task_id

    @property
    def pathspec(self) -> str:
        """`flow/run/step/split`."""
        task = self._get("pathspec")
        return f"{task.flow_name}/{task.run_id}/{task.step_name}/{task.split}"

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._get("attempt").attempt

    @property
    def max_attempts(self) -> int:
        """How many attempts the step may take."""
        return self._get("max_attempts").max_attempts

    @property
    def retry_count(self) -> int:
        """Attempts before this one: 0 in the first."""
        return self._get("retry_count").attempt - 1

    @property
    def origin_kind(self) -> str:
        """What started the run: `upload`, `request`, `schedule`, `event` or `resume`."""
        return self._get("origin_kind").origin_kind

    @property
    def origin_detail(self) -> Mapping[str, Any]:
        """Which object, event or schedule it was."""
        return self._get("origin_detail").origin_detail

    @property
    def parameters(self) -> Parameters:
        """The run's parameters by name."""
        return self._get("parameters").parameters

    @property
    def parallel(self) -> Parallel:
        """The nodes of a step with `num_parallel`: `main_ip`, `num_nodes`, `node_index`; any other step is alone."""
        return self._get("parallel").parallel

    @property
    def foreach_stack(self) -> list[tuple[int, int, Any]]:
        """(index, number of splits, item) of every foreach around the task, outermost first; empty outside any."""
        return [(frame.index, frame.size, frame.item()) for frame in self._get("foreach_stack").stack]

    @property
    def checkpoint(self) -> Checkpoint:
        """A folder that is saved when the attempt is cut short, and that the next attempt finds: `directory`,
        `restored`, `save()`.
        """
        checkpoint = self._get("checkpoint").checkpoint
        if checkpoint is None:
            raise RuntimeError("current.checkpoint is known only to steps that the runner runs")
        return checkpoint

    @property
    def tempdir(self) -> str:
        """A folder for temporary files: the tmpfs where the step asked for one."""
        return self._get("tempdir").tempdir


current = Current()
