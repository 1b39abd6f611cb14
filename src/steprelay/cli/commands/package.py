"""`package`: the archive that an upload starts or deploys; also the first half of `run` and `deploy`."""

from pathlib import Path
from typing import TYPE_CHECKING

from steprelay.cli.changes import Changes, load_flow
from steprelay.cli.context import Context
from steprelay.cli.errors import ExitCode, count
from steprelay.cli.render.oddities import say_oddities
from steprelay.cli.render.screen import Screen
from steprelay.cli.render.words import size
from steprelay.cli.source import SPEC_FILE, Source

if TYPE_CHECKING:
    from steprelay.package import Package
    from steprelay_core.spec import Flow


def package_flow(context: Context, source: Source, changes: Changes, output: Path | None, *, as_json: bool) -> ExitCode:
    """Write the package to a file."""
    screen = context.screen(as_json=as_json)
    loaded = load_flow(context, source, changes)
    say_oddities(screen, loaded)
    package = build(screen, source, loaded.flow, output or context.cwd / f"{loaded.flow.name}.tar.gz")
    members = [member.name for member in package.members]
    told = {"path": str(package.path), "digest": package.digest, "size": package.size, "members": members}
    screen.emit({"kind": "package", **told})
    screen.line(f"{package.path}  sha256 {package.digest}")
    return ExitCode.SUCCEEDED


def build(screen: Screen, source: Source, flow: "Flow", path: Path) -> "Package":
    """Pack the folder of the flow.

    Raises:
        PackageError: if it cannot be packed, or is larger than what the relay takes.
    """
    from steprelay.package import SIZE_LIMIT, build_package

    # A folder's own spec has the options and the configuration in it by now.
    own = source.path.name == SPEC_FILE
    package = build_package(source.root, flow.spec, destination=path, replaces_own=own)
    held = size(sum(member.size for member in package.members))
    files = count(len(package.members), "file")
    screen.line(f"packed {flow.name}: {files}, {held} of at most {size(SIZE_LIMIT)}, {size(package.size)} to upload")
    for warning in package.warnings:
        screen.remark(f"warning: {warning}")
    return package
