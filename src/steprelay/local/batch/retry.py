"""Batch's own retry strategy: attempts, and evaluateOnExit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ExitRule:
    """One entry of evaluateOnExit: its conditions are ANDed; a condition not given always holds."""

    action: str
    on_status_reason: str | None = None
    on_reason: str | None = None
    on_exit_code: str | None = None

    def matches(self, status_reason: str | None, reason: str | None, exit_code: int | None) -> bool:
        return (
            _matches(self.on_status_reason, status_reason)
            and _matches(self.on_reason, reason)
            and _matches(self.on_exit_code, None if exit_code is None else str(exit_code))
        )


@dataclass(frozen=True, slots=True)
class RetryStrategy:
    """How often a job may be moved to RUNNABLE, and for which ends."""

    attempts: int = 1
    rules: tuple[ExitRule, ...] = ()

    @classmethod
    def parse(cls, given: Mapping[str, Any] | None) -> "RetryStrategy":
        """From the API's `retryStrategy` ({attempts, evaluateOnExit})."""
        given = given or {}
        entries: Sequence[Mapping[str, str]] = given.get("evaluateOnExit", ())
        rules = tuple(
            ExitRule(
                action=entry["action"].upper(),  # Batch reads RETRY and EXIT in any case
                on_status_reason=entry.get("onStatusReason"),
                on_reason=entry.get("onReason"),
                on_exit_code=entry.get("onExitCode"),
            )
            for entry in entries
        )
        return cls(attempts=given.get("attempts", 1), rules=rules)

    def retries(self, made: int, status_reason: str | None, reason: str | None, exit_code: int | None) -> bool:
        """Whether Batch tries again after the `made`-th attempt failed like this.

        The first rule that matches decides; where none matches, Batch retries.
        """
        if made >= self.attempts:
            return False
        for rule in self.rules:
            if rule.matches(status_reason, reason, exit_code):
                return rule.action == "RETRY"
        return True


def _matches(pattern: str | None, text: str | None) -> bool:
    if pattern is None:
        return True
    # What is absent reads as empty: `{"onReason": "*", "action": "EXIT"}` closes a list in AWS's examples.
    text = text or ""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern
