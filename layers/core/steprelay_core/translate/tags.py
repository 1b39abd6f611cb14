"""The tags of a job, and what AWS takes for one (AWS general reference, "Tag naming limits and requirements")."""

import unicodedata
from collections.abc import Iterator, Mapping

from steprelay_core.spec import Batch, Problem
from steprelay_core.translate.inputs import Defaults

# A job has 50 tags; ours are STEP_TAGS.
TAG_LIMIT = 50
STEP_TAGS = ("flow", "run", "step")
KEY_LIMIT = 128
VALUE_LIMIT = 256
_PREFIX = "steprelay:"
_RESERVED = ("aws:", _PREFIX)
_SIGNS = frozenset("_.:/=+-@,")


def job_tags(batch: Batch, defaults: Defaults, identity: Mapping[str, str]) -> dict[str, str]:
    """The relay's tags, over them the step's, over them flow, run and step."""
    return {**defaults.tags, **batch.aws_batch_tags, **{f"{_PREFIX}{name}": identity[name] for name in STEP_TAGS}}


def can_propagate(tags: Mapping[str, str]) -> bool:
    """Whether the job's ECS task can have its tags too.

    Batch takes a comma in a tag, ECS does not: a task that was given one could not be created, and the job would fail.
    """
    return not any("," in part for tag in tags.items() for part in tag)


def tag_problems(batch: Batch, path: str, defaults: Defaults) -> Iterator[Problem]:
    """Everything about the step's and the relay's tags that AWS does not take."""
    room = TAG_LIMIT - len(STEP_TAGS)
    own, relays = batch.aws_batch_tags, {key: defaults.tags[key] for key in defaults.tags.keys() - batch.aws_batch_tags}
    if len(own) + len(relays) > room:
        given = f"{len(own)} and the relay's {len(relays)}" if relays else f"{len(own)}"
        yield Problem(path, f"a job has room for {room} tags beside ours, given {given}", "drop some, or join them")
    for key, value in own.items():
        yield from _one_tag_problems(f"{path}.{key}", key, value, "")
    for key, value in sorted(relays.items()):
        yield from _one_tag_problems(f"{path}.{key}", key, value, " (one of the relay's default tags)")


def _one_tag_problems(path: str, key: str, value: str, whose: str) -> Iterator[Problem]:
    for what, part, limit in (("key", key, KEY_LIMIT), ("value", value, VALUE_LIMIT)):
        if len(part) > limit:
            yield Problem(path, f"a tag's {what} has at most {limit} characters, this one{whose} {len(part)}", None)
        foreign = sorted({sign for sign in part if not _known(sign)})
        if foreign:
            signs = " ".join(sign if sign.isprintable() else repr(sign) for sign in foreign)
            message = f"a tag{whose} cannot hold {signs}, given {part!r}"
            yield Problem(path, message, "letters, digits, space and _ . : / = + - @ , are allowed")
    if not key:
        yield Problem(path, f"a tag{whose} needs a key", "name it")
    # AWS keeps its own prefix from values as well.
    for part, prefixes in ((key, _RESERVED), (value, _RESERVED[:1])):
        if part.lower().startswith(prefixes):
            prefix = part.partition(":")[0]
            yield Problem(path, f"the prefix '{prefix}:' of a tag{whose} is reserved, given {part!r}", "rename the tag")


def _known(sign: str) -> bool:
    """Letters, numbers and spaces of any script, and a few signs."""
    return sign in _SIGNS or unicodedata.category(sign)[0] in "LN" or unicodedata.category(sign) == "Zs"
