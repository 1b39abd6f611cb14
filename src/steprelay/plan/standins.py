"""Where a job of a plan would find its brief and runner, in names that people recognise as nobody's own."""

from steprelay_core import keys
from steprelay_core.state.model import GroupKey
from steprelay_core.translate import Pointers

DATA_BUCKET = "the-relays-data-bucket"
RELAY = "the-relay"
BUNDLE = "runner/the-relays-runner-bundle.zip"


def run_id(flow: str) -> str:
    return f"{flow}-plan"


def job_of(step: str) -> str:
    """The id of the job of a step."""
    return f"the-job-of-{step}"


def pointers(flow: str, group: GroupKey, submission: str, bootstrap: str) -> Pointers:
    """As a relay would make them."""
    run = run_id(flow)
    return Pointers(
        relay=RELAY,
        run=run,
        brief=f"s3://{DATA_BUCKET}/{keys.brief(run, group, submission)}",
        bundle=f"s3://{DATA_BUCKET}/{BUNDLE}",
        bootstrap=bootstrap,
    )
