"""What requests cost: list prices of us-east-1 in US dollars, late 2026."""

from collections import Counter

from benchmarks.arrays.foreach import Counts

PRICES = {
    "S3 PUT": 0.005 / 1000,
    "S3 LIST": 0.005 / 1000,
    "S3 GET": 0.0004 / 1000,
    "SQS requests": 0.40 / 1e6,
    "write units": 0.625 / 1e6,
    "read units": 0.125 / 1e6,
    "invocations": 0.20 / 1e6,
    "GB-seconds": 0.0000166667,
    "announcements": 1.00 / 1e6,
}

# A container gets the bundle, the brief, the package, its parent's outcome and its item, and writes claim and outcome;
# the join gets each outcome (tests/benchmarks counts them).
RUNNER = Counter({"S3 GET": 8, "S3 PUT": 2})

# Template: job_changed has 1,769 MB, one vCPU. An event and a call to AWS keep that busy for so long (seconds).
_GIGABYTES, _PER_INVOCATION, _PER_EVENT, _PER_CALL = 1769 / 1024, 0.05, 0.0005, 0.004


def bill(counts: Counts) -> Counter[str]:
    """What is paid for, by kind; AWS Batch, EventBridge's own events and the containers' machines are not in it.

    A message is sent and, ten at a time, received and deleted.
    """
    calls = Counter(counts.calls)
    attempts = counts.tasks * (1 + counts.failing)
    to_aws = sum(calls[kind] for kind in ("S3 PUT", "S3 GET", "S3 LIST", "queries", "writes", "SubmitJob", "ListJobs"))
    seconds = calls["invocations"] * _PER_INVOCATION + calls["events"] * _PER_EVENT + to_aws * _PER_CALL
    paid = Counter({kind: calls[kind] for kind in PRICES})
    paid["SQS requests"] = calls["SQS messages"] + 2 * -(-calls["SQS messages"] // 10)
    paid["GB-seconds"] = seconds * _GIGABYTES  # type: ignore[assignment]
    for kind, each in RUNNER.items():
        paid[kind] += round(each * attempts)
    paid["S3 PUT"] += round(counts.tasks * counts.failing)
    return paid


def per_thousand_tasks(counts: Counts) -> float:
    """US dollars."""
    return sum(PRICES[kind] * amount for kind, amount in bill(counts).items()) / counts.tasks * 1000
