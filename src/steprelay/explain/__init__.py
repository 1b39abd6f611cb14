"""Why a job of AWS Batch failed, and what follows: anybody's job, from what Batch says of it alone."""

from steprelay.explain.explanation import Explanation, explain_job
from steprelay.explain.found import Found, NotExplained, find_jobs

__all__ = ["Explanation", "Found", "NotExplained", "explain_job", "find_jobs"]
