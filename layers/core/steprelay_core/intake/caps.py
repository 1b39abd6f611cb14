"""How much of a package the dispatcher looks at before it calls it a bomb."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Caps:
    """Sizes in bytes. What a package may hold is not limited by these, only what is read to find its spec.

    A ratio says little about small packages, so it counts from `ratio_from` unpacked bytes on. Of ordinary
    files, each more than 13 bytes when packed, the first read never shows as many as `members`.
    """

    first_read: int = 64 * KIB
    compressed: int = 64 * MIB
    unpacked: int = 512 * MIB
    ratio: int = 200
    ratio_from: int = 16 * MIB
    members: int = 5_000
    spec: int = MIB
    header: int = MIB
    # CopyObject takes at most 5 GiB.
    package: int = 5 * 1024 * MIB


CAPS = Caps()
