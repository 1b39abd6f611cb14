"""Where the output of an attempt lies, and where a person may read it. Pure."""

from dataclasses import dataclass
from urllib.parse import quote

from steprelay_core import keys
from steprelay_core.spec import Flow
from steprelay_core.state.model import TaskKey

# AWS Batch: jobs whose definition says nothing else log to this group.
BATCH_LOG_GROUP = "/aws/batch/job"

# By the beginning of a region's name: the domain of its partition's console. Of others nobody knows one.
_CONSOLES = {
    "cn-": "amazonaws.cn",
    "us-gov-": "amazonaws-us-gov.com",
    "eusc-": "amazonaws-eusc.eu",
    "us-iso": None,
    "eu-iso": None,
}
_CONSOLE = "aws.amazon.com"


@dataclass(frozen=True, slots=True)
class Stream:
    """A log stream of CloudWatch Logs; `region` where it is not the relay's."""

    group: str
    name: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class LogObject:
    """An object of the data bucket."""

    key: str


Log = Stream | LogObject


def log_of(flow: Flow, run: str, task: TaskKey, attempt: int, stream: str | None) -> Log | None:
    """Where an attempt of a task, or of an exit hook, writes to; `stream`: as AWS Batch has told, if it has."""
    step = flow.spec.steps.get(task.step)
    batch = step.batch if step is not None else None
    if batch is None:
        return LogObject(keys.light_log(run, task, attempt))
    if stream is None or batch.log_driver not in (None, "awslogs"):
        return None
    options = batch.log_options or {}
    return Stream(options.get("awslogs-group", BATCH_LOG_GROUP), stream, options.get("awslogs-region"))


def console_link(log: Log, region: str, bucket: str) -> str | None:
    """The page of the AWS console that shows a log; None where the region's console is not known."""
    region = (log.region if isinstance(log, Stream) else None) or region
    domain = next((domain for prefix, domain in _CONSOLES.items() if region.startswith(prefix)), _CONSOLE)
    if domain is None:
        return None
    console = f"https://{region}.console.{domain}"
    if isinstance(log, LogObject):
        return f"{console}/s3/object/{bucket}?region={region}&prefix={quote(log.key, safe='')}"
    page = f"log-groups/log-group/{_fragment(log.group)}/log-events/{_fragment(log.name)}"
    return f"{console}/cloudwatch/home?region={region}#logsV2:{page}"


def _fragment(text: str) -> str:
    """The console reads its own encoding behind the `#`: percent signs, twice, as `$25`."""
    return quote(quote(text, safe=""), safe="").replace("%", "$")
