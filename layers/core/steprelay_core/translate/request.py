"""The one way from a step of a spec to the requests of AWS Batch. Pure: equal in, equal out."""

from dataclasses import replace

from steprelay_core.spec import Flow
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.translate.checks import step_problems
from steprelay_core.translate.definition import build_definition, tempdir
from steprelay_core.translate.inputs import Defaults, Platform, Pointers, Request, TranslateError
from steprelay_core.translate.limits import size_problems
from steprelay_core.translate.submission import build_submission
from steprelay_core.translate.terms import sizes_in_use


def translate(
    flow: Flow,
    group: GroupKey,
    submission: Submission,
    platform: Platform,
    defaults: Defaults,
    pointers: Pointers,
) -> Request:
    """The requests for one submission of a step with `batch`, to the queue that its terms say.

    Raises:
        TranslateError: with everything about the step that this platform, or AWS Batch at all, does not take.
        ValueError: for a light step, which has no request, and for more members than one job can hold.
    """
    step = flow.step(group.step)
    batch, memory = step.batch, step.memory
    if batch is None or memory is None:
        raise ValueError(f"step {group.step!r} is a light step: it has no batch request")
    sizes = sizes_in_use(batch, memory, submission.terms, platform)
    definition = build_definition(flow, step, batch, platform, sizes, defaults, pointers.bootstrap)
    submit = build_submission(flow, step, batch, group, submission, sizes, defaults, pointers)
    problems = [
        *step_problems(flow, group.step, step, batch, platform, defaults),
        *size_problems(f"steps.{group.step}", step, batch, definition, submit),
    ]
    if problems:
        raise TranslateError(replace(problem, step=group.step) for problem in problems)
    return Request(definition, submit, tempdir(batch))
