"""Light steps whose function ended with the relay that ran it.

Such a function's claim holds until its time would have been over, a quarter of an hour later. Here it is known that it
ended: nothing that a relay starts outlives it.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import replace

from steprelay.runner.claim import decode_claim
from steprelay.runner.light import DISPATCHER
from steprelay.runner.light_message import tasks_of
from steprelay.runner.store import Missing, Store


def release_claims(messages: Iterable[str], store: Store) -> None:
    """End the time of the claims on what these messages of the light queue ask for: their function is gone."""
    for body in messages:
        for task in tasks_of(json.loads(body), store):
            key = task.key("claim.json")
            try:
                taken = decode_claim(store.get(key))
            except Missing:
                continue
            if taken.owner != DISPATCHER:
                store.put(key, replace(taken, until=time.time()).encode())
