"""From a folder and a spec to a package."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steprelay.package.archive import write_archive
from steprelay.package.files import Found, Member, find_files
from steprelay.package.ignore import IGNORE_FILE
from steprelay.package.problems import PackageError, PackageProblem
from steprelay_core.spec import SPEC_NAME, Spec, canonical_json, parse_spec

# Bytes before compression: what the container has to hold. Larger data belongs into S3, not into the code.
SIZE_LIMIT = 500 * 1024 * 1024
_LARGEST_NAMED = 10
_KEEP_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Package:
    """A built package: sha256 (hex) and size in bytes of the file, and its members, the spec first, then by name."""

    path: Path
    digest: str
    size: int
    spec: Spec
    members: tuple[Member, ...]
    warnings: tuple[str, ...] = ()


def build_package(
    root: Path | str,
    spec: Spec | None = None,
    *,
    destination: Path | str | None = None,
    size_limit: int = SIZE_LIMIT,
    replaces_own: bool = False,
) -> Package:
    """Pack a folder. The same content gives the same bytes.

    Without `spec` the folder's own, hand-written steprelay.json is checked and packed; `replaces_own` says that `spec`
    is that file with changes, so that nobody need be warned of it. Without `destination` the package goes to
    `.steprelay/packages/` in the folder, where those of yesterday and before are removed.

    Raises:
        PackageError: if something cannot be packed, or is larger than `size_limit` bytes: with every problem.
        SpecError: if the hand-written steprelay.json is not valid: with every problem.
    """
    root = Path(root).resolve()
    if not root.is_dir():
        raise PackageError([PackageProblem(str(root), "is no folder", "give the folder that holds the flow")])
    found, problems = find_files(root)
    written = root / SPEC_NAME
    warnings: tuple[str, ...] = ()
    if spec is None:
        spec = _own_spec(written)
    elif written.is_file() and not replaces_own:
        warnings = (f"{SPEC_NAME} in {root} is left out: the spec of {spec.flow} takes its place",)
    target = Path(destination).resolve() if destination is not None else None
    # A package that is written into its own folder must not hold the one before it.
    files = [file for file in found if file.member.name != SPEC_NAME and file.path != target]
    problems += [*_oversize(files, root, size_limit), *_missing_files(spec, files)]
    if problems:
        raise PackageError(problems)
    return _write(root, spec, files, target, warnings)


def _own_spec(path: Path) -> Spec:
    if not path.is_file():
        hint = f"write a {SPEC_NAME}, or pack a Python file with a flow"
        raise PackageError([PackageProblem(str(path.parent), f"holds no {SPEC_NAME}", hint)])
    return parse_spec(path.read_bytes()).spec


def _write(root: Path, spec: Spec, files: list[Found], destination: Path | None, warnings: tuple[str, ...]) -> Package:
    content = canonical_json(spec)
    folder = destination.parent if destination else root / ".steprelay" / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=folder, prefix=".package-")
    try:
        with os.fdopen(handle, "wb") as target:
            digest, size = write_archive(target, (SPEC_NAME, content), files)
        # By digest: two packages of one flow that are built at a time never get mixed up.
        path = destination or folder / f"{spec.flow}-{digest[:16]}.tar.gz"
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    if destination is None:
        _remove_old(folder)
    members = (Member(SPEC_NAME, len(content)), *(file.member for file in files))
    return Package(path, digest, size, spec, members, warnings)


def _remove_old(folder: Path) -> None:
    oldest = time.time() - _KEEP_SECONDS
    for package in folder.glob("*.tar.gz"):
        try:
            if package.stat().st_mtime < oldest:
                package.unlink()
        except FileNotFoundError:  # another build was faster
            continue


def _oversize(files: list[Found], root: Path, limit: int) -> Iterator[PackageProblem]:
    total = sum(file.member.size for file in files)
    if total <= limit:
        return
    largest = sorted((file.member for file in files), key=lambda member: (-member.size, member.name))
    named = ", ".join(f"{member.name} {_readable(member.size)}" for member in largest[:_LARGEST_NAMED])
    yield PackageProblem(
        str(root),
        f"the package would hold {_readable(total)}, at most {_readable(limit)} are allowed; the largest: {named}",
        f"add what the steps do not need to {IGNORE_FILE}, and keep data in S3",
    )


def _readable(size: int) -> str:
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**power:
            return f"{size / 1024**power:.1f} {unit}"
    return f"{size} bytes"


def _missing_files(spec: Spec, files: list[Found]) -> Iterator[PackageProblem]:
    """Files that the spec names, but the package does not hold: found here, not minutes later in a container."""
    by_name = {file.member.name: file.member for file in files}
    if spec.entrypoint and spec.entrypoint.file not in by_name:
        hint = f"is it in {IGNORE_FILE}?"
        yield PackageProblem(spec.entrypoint.file, "holds the flow, but is not in the package", hint)
    for name, step in spec.steps.items():
        program = step.command[0] if step.command and step.package else ""
        member = by_name.get(program.removeprefix("./"))
        if program.startswith("./") and member is None:
            yield PackageProblem(program, f"is the command of step {name!r}, but is not in the package")
        elif program.startswith("./") and member and not member.executable:
            hint = f"chmod +x {program}, or run it by its interpreter"
            yield PackageProblem(program, f"is the command of step {name!r}, but cannot be executed", hint)
