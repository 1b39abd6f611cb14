"""The one way from a step of a spec to the requests of AWS Batch. Pure: equal in, equal out."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from steprelay_core.spec import Flow, Problem
from steprelay_core.state.model import GroupKey, Submission
from steprelay_core.translate.checks import step_problems
from steprelay_core.translate.definition import build_definition, tempdir
from steprelay_core.translate.inputs import Defaults, Pointers, Request, TranslateError
from steprelay_core.translate.submission import build_submission

# SubmitJob takes longer overrides and fails the job afterwards; a longer definition is refused.
OVERRIDES_LIMIT = 8_192
DEFINITION_LIMIT = 24 * 1024


def translate(
    flow: Flow,
    group: GroupKey,
    submission: Submission,
    platform: Literal["ec2", "fargate"],
    defaults: Defaults,
    pointers: Pointers,
) -> Request:
    """The requests for one submission of a step with `batch`.

    Raises:
        TranslateError: with everything about the step that this platform, or AWS Batch at all, does not take.
        ValueError: for a light step, which has no request.
    """
    step = flow.step(group.step)
    if step.batch is None:
        raise ValueError(f"step {group.step!r} is a light step: it has no batch request")
    definition = build_definition(flow, step, step.batch, platform, defaults, pointers.relay, pointers.bootstrap)
    submit = build_submission(flow, step, step.batch, group, submission, defaults, pointers)
    problems = [
        *step_problems(group.step, step, step.batch, platform, defaults),
        *_size_problems(f"steps.{group.step}", definition, submit),
    ]
    if problems:
        raise TranslateError(replace(problem, step=group.step) for problem in problems)
    return Request(definition, submit, tempdir(step.batch))


def _size_problems(path: str, definition: dict[str, Any], submit: dict[str, Any]) -> Iterator[Problem]:
    overrides = _length(submit["containerOverrides"])
    if overrides > OVERRIDES_LIMIT:
        yield Problem(
            f"{path}.command",
            f"Batch takes {OVERRIDES_LIMIT} characters of command and environment, these are {overrides}",
            "put them into a script of the image",
        )
    if _length(definition) > DEFINITION_LIMIT:
        yield Problem(
            f"{path}.batch",
            f"a job definition has at most {DEFINITION_LIMIT} characters, this one {_length(definition)}",
            "shorten `log_options`",
        )


def _length(part: dict[str, Any]) -> int:
    return len(json.dumps(part, ensure_ascii=False, separators=(",", ":")))
