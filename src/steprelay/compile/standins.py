"""What only a relay knows of a request, in the form that AWS takes it: names that people recognise as nobody's own."""

from steprelay_core.translate import Defaults

QUEUE = "the-relays-job-queue"
JOB_ROLE = "arn:aws:iam::000000000000:role/the-relays-job-role"
EXECUTION_ROLE = "arn:aws:iam::000000000000:role/the-relays-execution-role"

STANDINS = Defaults(queue=QUEUE, iam_role=JOB_ROLE, execution_role=EXECUTION_ROLE)
