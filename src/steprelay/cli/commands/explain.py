"""`explain`: why a job of AWS Batch failed, from an event or an answer of DescribeJobs; no relay, and no AWS."""

import json
from pathlib import Path

from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, Fault, UserError
from steprelay.cli.render.explain import explanation_lines
from steprelay.cli.render.screen import Screen
from steprelay.explain import Found, NotExplained, explain_job, find_jobs

STDIN = "-"
TAKEN = (
    "`explain` takes a Batch Job State Change or Batch Job Queue Blocked event, its detail alone, messages of SQS or "
    "SNS with such events, or what `aws batch describe-jobs` prints"
)
# Of a long list that holds no job, its beginning says enough.
_FAULTS_TOLD = 10


def explain_event(context: Context, event: str, *, as_json: bool) -> ExitCode:
    """Explain every job in a file (`-`: standard input).

    Raises:
        UserError: if it cannot be read, is no JSON, or has no job of AWS Batch in it.
    """
    screen = context.screen(as_json=as_json)
    name = "standard input" if event == STDIN else event
    found = find_jobs(_read(context, event, name))
    explanations = [explain_job(one) for one in found if isinstance(one, Found)]
    others = [one for one in found if isinstance(one, NotExplained)]
    if not explanations:
        faults = tuple(_fault(one) for one in others[:_FAULTS_TOLD])
        raise UserError(f"{name} has no job of AWS Batch in it", hint=TAKEN, faults=faults)
    _say_others(screen, others)
    told = [one.as_json() for one in explanations]
    screen.emit(told[0] if len(told) == 1 else told)
    for number, explanation in enumerate(explanations):
        if number:
            screen.line()
        for line in explanation_lines(explanation):
            screen.line(line)
    return ExitCode.SUCCEEDED


def _given(context: Context) -> str:
    """Standard input; PowerShell puts a mark before it."""
    return context.given.read().removeprefix("\ufeff")


def _read(context: Context, event: str, name: str) -> object:
    try:
        # Of bytes, the JSON decoder finds out the encoding by itself: PowerShell writes UTF-16.
        text = _given(context) if event == STDIN else (context.cwd / Path(event)).read_bytes()
        document: object = json.loads(text)
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror}", hint=TAKEN) from None
    except RecursionError:
        raise UserError(f"{name} is nested too deeply for an event", hint=TAKEN) from None
    except json.JSONDecodeError as error:
        what = "is empty" if not error.doc.strip() else f"is no JSON: {error.msg}, line {error.lineno}"
        raise UserError(f"{name} {what}", hint=TAKEN) from None
    except ValueError:
        # No text in any encoding, or a number of thousands of digits.
        raise UserError(f"{name} is no JSON", hint=TAKEN) from None
    return document


def _say_others(screen: Screen, others: list[NotExplained]) -> None:
    for other in others:
        screen.remark(f"left out: {other.where} is {other.what}")


def _fault(other: NotExplained) -> Fault:
    return Fault(f"it is {other.what}", where=other.where or None)
