"""What only a relay knows, in the form that AWS takes it: names that people recognise as nobody's own."""

from steprelay_core import keys
from steprelay_core.state.model import GroupKey
from steprelay_core.translate import Defaults, Pointers

QUEUE = "the-relays-job-queue"
JOB_ROLE = "arn:aws:iam::000000000000:role/the-relays-job-role"
EXECUTION_ROLE = "arn:aws:iam::000000000000:role/the-relays-execution-role"
DATA_BUCKET = "the-relays-data-bucket"
RELAY = "the-relay"
BUNDLE = "runner/the-relays-runner-bundle.zip"

STANDINS = Defaults(queue=QUEUE, iam_role=JOB_ROLE, execution_role=EXECUTION_ROLE)


def run_id(flow: str) -> str:
    return f"{flow}-plan"


def pointers(flow: str, group: GroupKey, submission: str, bootstrap: str) -> Pointers:
    """Where a job would find its brief and runner."""
    run = run_id(flow)
    return Pointers(
        relay=RELAY,
        run=run,
        brief=f"s3://{DATA_BUCKET}/{keys.brief(run, group, submission)}",
        bundle=f"s3://{DATA_BUCKET}/{BUNDLE}",
        bootstrap=bootstrap,
    )
