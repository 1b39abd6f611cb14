"""`python FLOW.py …`: what `FlowSpec()` hands over to."""

import sys

from steprelay.cli.entry import Invocation, enter


def main(flow_class: type) -> None:
    """Carry out the command line for the flow that Python is running, and exit."""
    file = sys.modules[flow_class.__module__].__file__
    invocation = Invocation(tuple(sys.argv[1:]), file, flow_class.__name__)
    sys.exit(enter(invocation, flow_class))
