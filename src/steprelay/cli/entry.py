"""Where every command line begins: through the warm process of a local relay where there is one, else right here.

Standard library only, and little of it: this is imported before anything is known of the command.
"""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Invocation:
    """A command line; `file` and `class_name` are set for `python FILE …`."""

    tokens: tuple[str, ...]
    file: str | None = None
    class_name: str | None = None


def enter(invocation: Invocation, flow_class: type | None = None) -> int:
    """Carry out a command line; the exit code."""
    if sys.platform == "linux":
        from steprelay.cli.warm.client import try_warm

        code = try_warm(invocation)
        if code is not None:
            return code
    from steprelay.cli.dispatch import carry_out

    return carry_out(invocation, flow_class)
