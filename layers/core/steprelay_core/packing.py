"""How light tasks go to the light queue: alone, or several in one message where there are many. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from steprelay_core.state.ranges import Ranges


@dataclass(frozen=True, slots=True)
class Packing:
    """Up to `alone` tasks have a message each; more share messages, as few each as keeps to `alone` messages, but at
    most `together`: whoever is last in one waits for those before.
    """

    alone: int = 100
    together: int = 10

    def messages(self, brief: dict[str, Any] | str, members: Ranges) -> Iterator[dict[str, Any]]:
        """The messages for these members of a submission; `brief` is the brief itself, or its key."""
        each = min(self.together, -(-len(members) // self.alone))
        for part in members.chunks(max(1, each)):
            if each <= 1:
                yield {"brief": brief, "member": part.at(0)}
            else:
                yield {"brief": brief, "members": list(part)}


PACKING = Packing()
