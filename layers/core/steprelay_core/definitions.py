"""Job definitions in use and out of use.

They are named by their content, so every relay of an account shares them, and any of them may deregister one that
another has still to use: whoever finds that registers it again.
"""

from collections.abc import Callable
from typing import Any

from steprelay_core.ports import Clock, DefinitionGone, Jobs, Store, UsedDefinition

SECONDS_A_DAY = 86_400

# One sweep deregisters this many; the next goes on.
DEFINITIONS_PER_SWEEP = 25


class Definitions:
    """Submits with the right job definition, and remembers (once a day in each process) that it was used."""

    def __init__(self, jobs: Jobs, store: Store, clock: Clock) -> None:
        self._jobs = jobs
        self._store = store
        self._clock = clock
        self._noted: dict[str, int] = {}

    def submit(self, definition: dict[str, Any], submission: dict[str, Any], turn: Callable[[], None]) -> str:
        """SubmitJob with this definition; returns the job id. `turn` returns when the call may be made.

        Raises:
            Refused: if Batch rejects the definition or the job.
        """
        arn = self._ensure(definition, anew=False)
        try:
            return self._submit(submission | {"jobDefinition": arn}, turn)
        except DefinitionGone:
            # Remembered, but deregistered meanwhile by somebody's sweep.
            return self._submit(submission | {"jobDefinition": self._ensure(definition, anew=True)}, turn)

    def _submit(self, request: dict[str, Any], turn: Callable[[], None]) -> str:
        # Nothing comes between the two: the turn is over with its second.
        turn()
        return self._jobs.submit(request)

    def _ensure(self, definition: dict[str, Any], *, anew: bool) -> str:
        name, now = str(definition["jobDefinitionName"]), self._clock.now()
        today = int(now // SECONDS_A_DAY)
        # Before it is looked up: a sweep that has removed the row by then is seen, one that comes later leaves it.
        if anew or self._noted.get(name) != today:
            self._store.note_definition(UsedDefinition(name, now))
            self._noted[name] = today
        return self._jobs.ensure_definition(definition, anew=anew)


def retire_unused(jobs: Jobs, store: Store, before: float) -> int:
    """Deregister the definitions that this relay last used before this time; how many, of a bounded number."""
    retired = 0
    for unused in store.unused_definitions(before, limit=DEFINITIONS_PER_SWEEP):
        # The row goes first: whoever uses the definition from here on writes a new one.
        if not store.forget_definition(unused):
            continue
        try:
            jobs.retire_definition(unused.name)
        except Exception:
            # So that a later sweep tries again.
            store.note_definition(unused)
            raise
        retired += 1
    return retired
