"""How large EC2's instance types are: data of a certain date, in `instances.json` beside this module."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from steprelay_core.state.placement import InstanceSize

Families = Mapping[str, tuple[InstanceSize, ...]]

# AWS Batch: each of these means instances of the C, M and R families, of which it picks others from time to time. So
# they stand for all of these families there are: what none of them has, the category has not.
_ARCHITECTURES = {"optimal": "x86_64", "default_x86_64": "x86_64", "default_arm64": "arm64"}
CATEGORIES = frozenset(_ARCHITECTURES)
_GENERAL = re.compile(r"[cmr][4-9]")


def sizes_of(instance_types: Iterable[str]) -> tuple[InstanceSize, ...] | None:
    """The sizes that a compute environment with these instance types (types, families, categories) may start.

    None if one of them is not known, or there is none: nobody can tell then what it may not start.
    """
    sizes: list[InstanceSize] = []
    for name in instance_types:
        found = _sizes(name)
        if not found:
            return None
        sizes += found
    return tuple(dict.fromkeys(sizes)) or None


def _sizes(name: str) -> tuple[InstanceSize, ...]:
    families = _families()
    if name in CATEGORIES:
        return families[name]
    family, _, size = name.partition(".")
    known = families.get(family, ())
    return tuple(one for one in known if one.name == name) if size else known


@cache
def _families() -> Families:
    data = json.loads(files("steprelay_core.aws").joinpath("instances.json").read_text("utf-8"))["families"]
    found = {
        family: tuple(InstanceSize(f"{family}.{size}", *amounts) for size, amounts in one["sizes"].items())
        for family, one in data.items()
    }
    for category, arch in _ARCHITECTURES.items():
        meant = [family for family, one in data.items() if _GENERAL.match(family) and one["arch"] == arch]
        found[category] = tuple(size for family in meant for size in found[family])
    return found
