"""Options that several commands have, each said once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token, convert, validators

from steprelay.client.target import STACK_VARIABLE, Where


def in_any_case(type_: Any, tokens: Sequence[Token]) -> Any:
    """A choice of words in small letters, however it is typed: AWS itself writes EC2 and FARGATE."""
    return convert(type_, [token.evolve(value=token.value.lower()) for token in tokens])


On = Annotated[
    Where | None,
    Parameter(help="The relay to use; by default the cloud's where a stack is named, else the local one."),
]
Stack = Annotated[
    str | None,
    Parameter(help=f"CloudFormation stack of the relay in the cloud [env: {STACK_VARIABLE}]."),
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Write JSON instead of text.")]
With = Annotated[
    list[str] | None,
    Parameter(
        name="--with",
        negative="",
        metavar="DECORATOR",
        help="Ask for more than the flow does, in every step or in one: `batch:cpu=8,memory=32768,gpu=1`, "
        "`retry:times=4`, `train/timeout:hours=1`. Wins over the flow's own values. Can be given several times.",
    ),
]
RoundUp = Annotated[
    bool,
    Parameter(
        name="--round-up",
        negative="",
        help="Take the next size that AWS has where it does not have the one asked for.",
    ),
]
MaxWorkers = Annotated[
    int | None,
    Parameter(
        name="--max-workers",
        validator=validators.Number(gte=1),
        help="How many tasks of each step inside a foreach are in flight at a time, at most; for every foreach whose "
        "`self.next` says nothing of its own.",
    ),
]
Follow = Annotated[bool, Parameter(name=["--follow", "-f"], negative="", help="Go on until the run ends.")]
Output = Annotated[Path | None, Parameter(name=["--output", "-o"], help="The file to write.")]
ReportFile = Annotated[Path | None, Parameter(name=["--output", "-o"], help="The file; RUN.html by default.")]
DrawnAs = Annotated[
    Literal["mermaid", "svg"] | None,
    Parameter(
        name="--format",
        converter=in_any_case,
        help="How to draw it [default: svg for an output named so, else mermaid]. SVG needs `steprelay[graph]`.",
    ),
]
RunId = Annotated[str, Parameter(help="The run's id, as `runs list` shows it.")]
LocalPlatform = Annotated[
    Literal["ec2", "fargate"] | None,
    Parameter(
        converter=in_any_case,
        help="What its own job queue runs on [env: STEPRELAY_LOCAL_PLATFORM] [default: ec2]; another one restarts it.",
    ),
]
Chaos = Annotated[
    str | None,
    Parameter(
        help="Faults to make on purpose, as probabilities: spot, host, oom, duplicate, lost, delay, throttle; "
        'and a seed. For example "spot=0.2,duplicate=0.3,seed=7"; "" for none.'
    ),
]
