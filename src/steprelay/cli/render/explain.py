"""An explanation for people."""

from collections.abc import Iterator

from steprelay.explain.explanation import Explanation, whose

_KINDS = {"array": "array job", "child": "child job", "node": "node of a multi-node job"}


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """The job, and below it what is known of its end, a line for each thing."""
    yield _job(explanation)
    yield _field("class", f"{explanation.class_}: {explanation.means}")
    yield _field("evidence", explanation.evidence)
    for number, attempt in enumerate(explanation.attempts, 1):
        yield _field(f"attempt {number}", f"{attempt.class_} ({attempt.evidence})")
    if explanation.class_ != "none":
        yield _field("fault", whose(explanation))
        yield _field("retry", f"{'yes' if explanation.retry else 'no'}: {explanation.by}")
    yield _field("next", explanation.next)
    if explanation.class_ != "none":
        yield _field("change", explanation.change)
        if explanation.settings:
            yield _field("settings", ", ".join(explanation.settings))
        yield _field("more", f"docs/failures.md#{explanation.class_}")


def _job(explanation: Explanation) -> str:
    named = f"{explanation.job} ({explanation.name})" if explanation.name and explanation.job else ""
    whole = named or explanation.job or explanation.name or "without an id"
    queue = f", queue {explanation.queue}" if explanation.queue else ""
    what = _KINDS.get(explanation.kind, "job")
    return "".join(map(_shown, f"{what} {whole}: {explanation.status}{queue}"))


def _shown(character: str) -> str:
    """A reason is anybody's text, and must not steer a terminal."""
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _field(name: str, text: str) -> str:
    """`  class     spot: …`; a reason of several lines goes on below itself."""
    first, *others = ["".join(map(_shown, line)) for line in text.splitlines()] or [""]
    return "\n".join([f"  {name:<9} {first}", *(f"  {'':9} {line}" for line in others)])
