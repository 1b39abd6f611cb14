"""Good practice with AWS Batch: what is worth a thought before a flow is packed. Nothing here stops anybody.

Each hint is said once for all the steps that it is about, at the first of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from steprelay.compile.layers import spares_light_steps
from steprelay.compile.overrides import Override
from steprelay.compile.problems import CompileProblem, Place
from steprelay_core.decide.fallback import can_fall_back
from steprelay_core.spec import Batch, Flow, Step

# So many steps are named; of the others people learn how many there are.
_NAMED = 3

PlaceOf = Callable[[str, str], Place]


@dataclass(frozen=True, slots=True)
class Words:
    """What to write, in the words of the place where the flow is written."""

    batch: str
    retry: str
    timeout: str
    give_retry: str
    give_timeout: str
    give_tmpfs: str
    never_again: str
    catch: str = "@catch"


PYTHON_WORDS = Words(
    "@batch",
    "@retry",
    "@timeout",
    "add @retry(times=3)",
    "add @timeout(hours=…)",
    "add use_tmpfs=True, or tmpfs_size",
    "@retry(times=0)",
)
SPEC_WORDS = Words(
    "batch",
    "retry",
    "timeout_seconds",
    'give it "retry": {"times": 3}',
    'give it "timeout_seconds"',
    'add "use_tmpfs": true, or "tmpfs_size"',
    '"retry": {"times": 0}',
    "catch",
)


@dataclass(frozen=True, slots=True)
class _Job:
    """A step on Batch."""

    name: str
    step: Step
    batch: Batch

    @property
    def falls_back(self) -> bool:
        return len(self.batch.queues) > 1

    @property
    def grows(self) -> bool:
        memory = self.step.memory
        return memory is not None and memory.limit > memory.start

    @property
    def says_tmpfs(self) -> bool:
        """Whether something is said of a tmpfs that is not the default."""
        return self.batch.tmpfs_path != _DEFAULTS.tmpfs_path or not self.batch.tmpfs_tempdir


_DEFAULTS = Batch()


@dataclass(frozen=True, slots=True)
class _Practice:
    """What is `told` of the jobs it applies to."""

    applies: Callable[[_Job], bool]
    told: str
    hint: str


def flow_hints(
    flow: Flow, overrides: Sequence[Override], added: Sequence[str], place_of: PlaceOf, words: Words
) -> tuple[CompileProblem, ...]:
    """Every hint about the flow.

    `added`: steps with a timeout of which a part is their own and a part from the command line; `place_of` a step and
    a decorator is where that stands.
    """
    found = [
        *_practices(flow, place_of, words),
        *_light(flow, overrides, place_of),
        *_sums(flow, added, place_of, words),
        *_catches(flow, place_of, words),
    ]
    return tuple(sorted(found, key=lambda hint: (hint.file, hint.line, hint.message)))


def _practices(flow: Flow, place_of: PlaceOf, words: Words) -> Iterator[CompileProblem]:
    jobs = [_Job(name, step, step.batch) for name, step in flow.spec.steps.items() if step.batch is not None]
    for practice in (*_retry_advice(jobs, words), *_advice(words)):
        steps = [job.name for job in jobs if practice.applies(job)]
        if steps:
            yield place_of(steps[0], "batch").problem(f"{_steps(steps)}: {practice.told}", practice.hint)


def _advice(words: Words) -> Iterator[_Practice]:
    yield _Practice(
        lambda job: job.step.timeout_seconds is None,
        f"{words.batch} without {words.timeout}: a hung job runs, and costs, for ever",
        words.give_timeout,
    )
    yield _Practice(
        lambda job: job.batch.swappiness is not None and job.batch.max_swap is None,
        "swappiness without max_swap: AWS ignores it",
        "add max_swap, in MiB",
    )
    yield _Practice(
        lambda job: job.says_tmpfs and not job.batch.has_tmpfs,
        "tmpfs_path or tmpfs_tempdir without a tmpfs: nothing is mounted",
        words.give_tmpfs,
    )
    yield _Practice(
        lambda job: (job.batch.tmpfs_size or 0) > job.batch.memory,
        "tmpfs_size is above memory: files in a tmpfs are in memory, and the job is killed before it is full",
        "lower tmpfs_size, or raise memory",
    )


def _retry_advice(jobs: Sequence[_Job], words: Words) -> Iterator[_Practice]:
    """What is in vain where there is one attempt only; else once for a flow that never says."""
    only = f"for the next attempt, and {words.never_again} allows only one"
    hint = f"leave {words.never_again} out: what it is for costs no retries"
    yield _Practice(
        lambda job: job.step.never_again and job.falls_back, f"several queues: the next queue is {only}", hint
    )
    yield _Practice(lambda job: job.step.never_again and job.grows, f"memory that may grow: more is {only}", hint)
    if not any(job.step.retry for job in jobs):
        told = (
            f"{words.batch} without {words.retry}: a lost machine is made up for, "
            "but a failure of the program ends the run at once"
        )
        yield _Practice(bool, told, words.give_retry)


def _light(flow: Flow, overrides: Sequence[Override], place_of: PlaceOf) -> Iterator[CompileProblem]:
    """Of overrides for every step that light ones do not get, as they would not run with them."""
    light = [name for name, step in flow.spec.steps.items() if step.batch is None]
    for override in overrides:
        if light and spares_light_steps(override):
            message = f"--with {override.text} leaves out the light {_steps(light)}: a Lambda function has less"
            yield place_of(light[0], override.decorator).problem(message, "--with batch makes them jobs as well")
    fixed = [name for name in light if (retry := flow.step(name).retry) and retry.memory_factor is not None]
    if fixed:
        message = f"{_steps(fixed)}: memory_factor, and the memory of a light step does not grow"
        yield place_of(fixed[0], "retry").problem(message, "--with batch makes them jobs, whose memory does")


def _sums(flow: Flow, added: Sequence[str], place_of: PlaceOf, words: Words) -> Iterator[CompileProblem]:
    """Of timeouts whose parts come from both sides, which is easily not what was meant."""
    if added:
        seconds = flow.step(added[0]).timeout_seconds
        message = f"{_steps(added)}: --with adds to the time of {words.timeout}, which makes {seconds} s"
        hint = "a null takes away what is there: --with timeout:minutes=30,hours=null,seconds=null"
        yield place_of(added[0], "timeout").problem(message, hint)


def _catches(flow: Flow, place_of: PlaceOf, words: Words) -> Iterator[CompileProblem]:
    """Of steps that fail although they say that the flow goes on: nobody knows where to."""
    steps = [name for name, step in flow.spec.steps.items() if step.catch is not None and not can_fall_back(flow, name)]
    if steps:
        message = (
            f"{_steps(steps)}: {words.catch} cannot go on where a step fails before it has chosen what follows, "
            "or the items of its foreach; the run then fails"
        )
        yield place_of(steps[0], "catch").problem(message, "leave the choice, or the foreach, to the step after it")


def _steps(names: Sequence[str]) -> str:
    """`step 'a'`, `steps 'a', 'b', 'c' and 7 more`."""
    named = ", ".join(repr(name) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"step{'s' if len(names) > 1 else ''} {named}{more}"
