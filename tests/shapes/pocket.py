"""A relay in a pocket: the real compiler, engine and runner, with a Batch and a light function that only run what is
handed over, in an order that a seed chooses."""

import json
import pickle
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from steprelay.compile import compile_file
from steprelay.runner.artifacts import ArtifactReader
from steprelay.runner.attempt import explain_batch, make_attempt
from steprelay.runner.brief import Task, decode_brief
from steprelay.runner.light_message import tasks_of
from steprelay.runner.outcome import Attempt, Outcome, decode_outcome
from steprelay.runner.perform import Job
from steprelay.runner.supervise import Limits
from steprelay_core import keys
from steprelay_core.spec import canonical_json
from steprelay_core.state.events import JobChanged, LightEnded, RunStarted
from steprelay_core.state.model import GroupKey, Origin
from tests.runner.folder_store import FolderStore
from tests.shapes.table import FLOWS, Shape
from tests.unit.engine.world import EngineWorld

RUN = "Shape-1"


class Pocket(EngineWorld):
    """`folder`: for the data bucket and the folders of jobs."""

    def __init__(self, folder: Path, shape: Shape, seed: int) -> None:
        super().__init__({"start": {}})
        compiled = compile_file(shape.file, shape.name).flow
        self.objects.objects[keys.spec("shape")] = canonical_json(compiled.spec)
        self.flow, self._folder, self._random = compiled, folder, Random(seed)
        self.data = FolderStore(folder / "data")
        self._taken = 0
        self._jobs_seen: set[str] = set()
        self.handle(RunStarted(RUN, shape.name, "shape", Origin("upload")))

    def play(self) -> None:
        """To the end: of all that is handed over, one after the other."""
        waiting: list[dict[str, Any]] = []
        while True:
            waiting += self.light.messages[self._taken :]
            self._taken = len(self.light.messages)
            waiting += [{"job": job_id} for job_id in self.jobs.requests if job_id not in self._jobs_seen]
            self._jobs_seen |= self.jobs.requests.keys()
            if not waiting:
                return
            handed = waiting.pop(self._random.randrange(len(waiting)))
            if "job" in handed:
                self._run_job(handed["job"])
            else:
                self._run_light(handed)

    def _run_light(self, message: dict[str, Any]) -> None:
        if isinstance(message["brief"], str):
            message = message | {"brief": json.loads(self.objects.objects[message["brief"]])}
        for task in tasks_of(message, self.data):
            self._run_task(task)
            group = GroupKey(task.brief.step, task.brief.path)
            self.handle(LightEnded(RUN, group, task.member, task.brief.attempt))

    def _run_job(self, job_id: str) -> None:
        request = self.jobs.requests[job_id]
        pointers = {each["name"]: each["value"] for each in request["containerOverrides"]["environment"]}
        brief = decode_brief(json.loads(self.objects.objects[pointers["STEPRELAY_BRIEF"].split("/", 3)[3]]))
        members = list(brief.members)
        ends = [self._run_task(Task(brief, member)) for member in self._random.sample(members, len(members))]
        event = JobChanged(
            RUN,
            GroupKey(brief.step, brief.path),
            request["parameters"]["submission"],
            job_id,
            "SUCCEEDED" if all(ends) else "FAILED",
            size=len(members) if len(members) > 1 else None,
        )
        self.handle(event)

    def _run_task(self, task: Task) -> bool:
        scratch = self._folder / f"{task.name}-{task.brief.attempt}"
        scratch.mkdir()
        job = Job(task, Attempt(None, None, time.time()), self.data, FLOWS, folder=scratch, scratch=scratch)
        with (scratch / "log").open("wb") as log:
            ended = make_attempt(job, Limits(), output=log.fileno(), explain=lambda ending: explain_batch(job, ending))
        key = task.key("outcome.json")
        self.objects.objects[key] = self.data.get(key)
        return ended.status == "succeeded"

    @property
    def ran(self) -> dict[str, int]:
        """How many tasks each step had."""
        counted = Counter[str]()
        for key, group in self.store.runs[RUN].groups.items():
            counted[key.step] += len(group.members)
        return dict(counted)

    def result(self) -> Any:
        """What the last step left in `result`."""
        last = next(name for name, step in self.flow.spec.steps.items() if not step.next)
        outcome: Outcome = decode_outcome(self.data.get(f"runs/{RUN}/{last}/0/1/outcome.json"))
        return pickle.loads(ArtifactReader(self.data, self.flow.name).fetch(outcome.artifacts["result"]))
