"""SQS queues and the functions behind them: at least once, in any order, invisible while somebody works on it."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.simulation.actors import Actor, Killed
from tests.simulation.scheduler import Scheduler

# Takes a Lambda event, gives SQS's partial batch response.
Respond = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Settings:
    """As in template.yaml, in seconds and messages; `concurrency`: how many functions may work on it at once;
    `window`: how long to wait for more messages before one is called."""

    visibility: float = 360
    timeout: float = 60
    receives: int = 5
    batch: int = 10
    concurrency: int = 1000
    window: float = 0.0


@dataclass(eq=False)
class Message:
    body: str
    id: str
    receives: int = 0
    deleted: bool = False


class Queue:
    """One queue with its function and its dead-letter queue (`dead`: those received too often)."""

    def __init__(self, scheduler: Scheduler, name: str, respond: Respond, settings: Settings | None = None) -> None:
        self._s = scheduler
        self._name = name
        self._respond = respond
        self._settings = settings or Settings()
        self._ids = itertools.count(1)
        self._visible: list[Message] = []
        self._messages: list[Message] = []
        self._at_work = 0
        self.dead: list[str] = []

    def put(self, message: dict[str, Any] | str, delay: float = 0.0) -> None:
        """Send a message; it may come twice, and late."""
        body = message if isinstance(message, str) else json.dumps(message)
        for _ in range(2 if self._s.dice.strike("duplicated", body) else 1):
            made = Message(body, f"{self._name}-{next(self._ids)}")
            self._messages.append(made)
            late = self._s.dice.strike("delayed", body)
            delay += late.choice((5.0, 60.0, 400.0)) if late else 0.02
            self._s.after(delay, partial(self._show, made))

    @property
    def is_empty(self) -> bool:
        """Whether every message was handled, or given up."""
        self._messages = [message for message in self._messages if not message.deleted]
        return not self._messages

    def redrive(self) -> None:
        """What an operator does once the trouble is over: have the dead letters without a reason tried again."""
        tried, self.dead = self.dead, []
        for body in tried:
            self.put(body)

    def _show(self, message: Message) -> None:
        if message.deleted:
            return
        self._visible.append(message)
        if len(self._visible) == 1:
            self._s.after(self._settings.window + self._s.random.choice((0.0, 0.05)), self._invoke)

    def holds(self, body: str) -> bool:
        """Whether a message that says this is still to be handled."""
        return any(message.body == body and not message.deleted for message in self._messages)

    def _invoke(self) -> None:
        if self._at_work >= self._settings.concurrency:
            self._s.after(1.0, self._invoke)
            return
        visible = [message for message in self._visible if not message.deleted]
        batch, self._visible = visible[: self._settings.batch], visible[self._settings.batch :]
        taken = [message for message in batch if self._receive(message)]
        if self._visible:
            self._s.after(0.05, self._invoke)
        if taken:
            name = f"{taken[0].id}#{taken[0].receives}" + (f"+{len(taken) - 1}" if len(taken) > 1 else "")
            place = f"{self._name} {taken[0].body}"
            self._at_work += 1
            actor = Actor(name, lambda: self._work(taken), self._ended, place=place)
            self._s.start(actor, self._settings.timeout)

    def _ended(self, error: BaseException | None) -> None:
        self._at_work -= 1
        if error is not None and not isinstance(error, Killed):
            raise error

    def _receive(self, message: Message) -> bool:
        if message.receives >= self._settings.receives:
            message.deleted = True
            self._s.say(f"{message.id} goes to the dead-letter queue")
            self.dead.append(message.body)
            return False
        message.receives += 1
        self._s.after(self._settings.visibility, lambda: self._show(message))
        return True

    def _work(self, messages: list[Message]) -> None:
        """What Lambda does: hand the batch to the function, and delete what it does not give back."""
        answer = self._respond({"Records": [_record(message) for message in messages]})
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        self._s.stage.pause("its messages are deleted")
        for message in messages:
            if message.id not in failed and not self._s.dice.strike("undeleted", message.body):
                message.deleted = True


def _record(message: Message) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.id,
        "body": message.body,
        "attributes": {},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:queue",
        "awsRegion": "eu-west-1",
    }
