"""The console script `steprelay`."""

import sys

from steprelay.cli.entry import Invocation, enter


def main() -> None:
    """Carry out the command line and exit."""
    sys.exit(enter(Invocation(tuple(sys.argv[1:]))))
