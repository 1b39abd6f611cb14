"""Events of one run on their way through the engine together."""

from collections.abc import Sequence
from dataclasses import dataclass

from steprelay_core.handled import Handled
from steprelay_core.state.events import ChildrenFailed, Event, JobChanged


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """An event to decide on, and the places in the batch of those that it stands for."""

    event: Event
    places: tuple[int, ...]


class Batch:
    """Which of some events still wait to be handled, and what became of the others.

    Failures of children of one array become one event, so that thousands are decided on, and tried again, as one.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._answers: list[Handled | Exception | None] = [None] * len(events)
        alike: dict[object, list[int]] = {}
        for place, event in enumerate(events):
            alike.setdefault(_array_of(event) or place, []).append(place)
        self.waiting = [
            Together(_as_one([events[place] for place in places]), tuple(places)) for places in alike.values()
        ]

    @property
    def answers(self) -> list[Handled | Exception]:
        """What became of each event, in the order given; none may wait any more."""
        return [answer for answer in self._answers if answer is not None]

    def answer(self, handled: Together, answer: Handled | Exception) -> None:
        """What became of these. Where `more` is to come they wait on."""
        if isinstance(answer, Handled) and answer.more:
            return
        self.waiting = [other for other in self.waiting if other is not handled]
        for place in handled.places:
            self._answers[place] = answer

    def fail(self, error: Exception) -> None:
        """None of those that wait can be handled."""
        for handled in list(self.waiting):
            self.answer(handled, error)


def _array_of(event: Event) -> object | None:
    """What children that failed have in common; None for any other event."""
    if not isinstance(event, JobChanged) or event.index is None or event.status != "FAILED":
        return None
    return (event.group, event.submission, event.whole)


def _as_one(events: Sequence[Event]) -> Event:
    children = [event for event in events if isinstance(event, JobChanged)]
    return ChildrenFailed(tuple(children)) if len(children) > 1 else events[0]
