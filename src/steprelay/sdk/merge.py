"""The rules of `merge_artifacts`: Metaflow's. Values are compared by content digest, never loaded. Pure."""

from collections.abc import Collection, Iterable, Mapping

from steprelay.sdk.binding import Ref
from steprelay.sdk.exceptions import MergeConflict, MissingInMerge


def merge(
    step: str,
    inputs: Iterable[Mapping[str, Ref]],
    own: Collection[str],
    include: Collection[str] = (),
    exclude: Collection[str] = (),
) -> dict[str, Ref]:
    """What a join takes over from its inputs; what it has set itself (`own`) stays its own.

    Raises:
        ValueError: if both `include` and `exclude` are given.
        MergeConflict: if inputs differ in an artifact; it names them all.
        MissingInMerge: if an artifact of `include` is in no input.
    """
    if include and exclude:
        raise ValueError(f"step {step!r}: merge_artifacts takes `include` or `exclude`, not both")
    merged: dict[str, Ref] = {}
    conflicts: dict[str, None] = {}
    for artifacts in inputs:
        for name, ref in artifacts.items():
            if name in own or name in exclude or (include and name not in include):
                continue
            if merged.setdefault(name, ref).sha256 != ref.sha256:
                conflicts[name] = None
    if conflicts:
        raise MergeConflict(
            f"step {step!r} cannot merge {', '.join(sorted(conflicts))}: the values differ between the inputs. "
            "Set them on self before merge_artifacts, or exclude them"
        )
    missing = [name for name in include if name not in merged and name not in own]
    if missing:
        raise MissingInMerge(f"step {step!r} cannot merge {', '.join(missing)}: no input has such artifacts")
    return merged
