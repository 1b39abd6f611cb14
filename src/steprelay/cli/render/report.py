"""Showing a `Report`: the one way in which errors are told."""

from pathlib import Path

from steprelay.cli.errors import Fault, Report
from steprelay.cli.render.screen import Screen


def show_report(screen: Screen, report: Report) -> None:
    """On stderr for people, as one object on stdout under `--json`."""
    if screen.as_json:
        screen.emit(report.as_json())
        return
    for line in report_lines(report, screen.cwd):
        screen.remark(line)


def report_lines(report: Report, cwd: Path) -> list[str]:
    lines = [f"error: {report.message}"]
    for fault in report.faults:
        lines += fault_lines(fault, cwd)
    if report.hint:
        lines.append(f"next: {report.hint}")
    return lines


def fault_lines(fault: Fault, cwd: Path) -> list[str]:
    """`flow.py:12: message`, and the hint below it; files are named from `cwd`, as people type them."""
    file = fault.file
    if file is not None and Path(file).is_relative_to(cwd):
        file = str(Path(file).relative_to(cwd))
    place = f"{file}:{fault.line}" if file and fault.line else file or fault.where
    lines = [f"  {place}: {fault.message}" if place else f"  {fault.message}"]
    if fault.hint:
        lines.append(f"      {fault.hint}")
    return lines
