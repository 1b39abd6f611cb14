"""The counts as a table: `make counts`, or `python -m benchmarks.arrays 10 1000` for some sizes."""

import sys

from benchmarks.arrays.foreach import Counts, counts
from benchmarks.arrays.prices import per_thousand_tasks
from steprelay.relay.telemetry import logger, metrics

SIZES, SHARES = (10, 1_000, 10_000, 100_000), (0.0, 0.01, 1.0)
COLUMNS = ("SubmitJob", "events", "invocations", "writes", "S3 GET", "S3 PUT", "S3 LIST", "ListJobs", "SQS messages")


def line(counted: Counts) -> str:
    numbers = "".join(f"{counted.calls[column]:>13,}" for column in COLUMNS)
    size = f"{counted.largest / 1024:.1f} KB"
    return f"{counted.tasks:>8,}{counted.failing:>6.0%}{numbers}{size:>13}{per_thousand_tasks(counted):>10.4f}"


def main(arguments: list[str]) -> None:
    logger.setLevel("CRITICAL")
    print(f"{'tasks':>8}{'fail':>6}" + "".join(f"{column:>13}" for column in (*COLUMNS, "largest item")) + "  $/1,000")
    for counted in counts([int(size) for size in arguments] or SIZES, SHARES):
        metrics.clear_metrics()
        print(line(counted), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
