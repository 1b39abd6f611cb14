"""What lies in the Lambda image: a Python, its libraries, the runtime client, and the tools SAM's build needs.

The layout is that of AWS's image, as far as a Python function can see it: the interpreter under /var/lang, the
runtime client and boto3 under /var/runtime, layers under /opt, code under /var/task.
"""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from tools.containers.commands import Failed, run
from tools.containers.places import RUNTIME_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.containers.interpreter import Interpreter

_PYTHON = "python{}.{}".format(*RUNTIME_PYTHON)
_TOOLS = ("sh", "mv", "chmod", "cp", "rm")
# What manylinux lets a wheel count on (PEP 600), whether or not this Python itself loads it.
_LIBRARIES_OF_WHEELS = (
    *("libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libutil.so.1"),
    *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1", "libexpat.so.1"),
)
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|idlelib|tkinter|turtledemo|ensurepip|(site|dist)-packages|config-[^/]*)(/|$)"
    r"|/(_tkinter|_test|_ctypes_test|_xxtest)[^/]*\.so$|\.a$"
)
_BOOTSTRAP = b"""#!/bin/sh
# As in AWS's image: code first, then layers, then what the runtime brings.
export PYTHONPATH=/var/task:/opt/python:/var/runtime
exec /var/lang/bin/python3 -m awslambdaric "$_HANDLER"
"""
_SYSTEM_FOLDERS = ("/lib", "/usr/lib")
_LDD_PATH = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def write(target: Path, python: Interpreter, runtime: Path) -> None:
    """Write the image's file system as a tar; `runtime` is the folder that becomes /var/runtime."""
    files = dict(_files(python, runtime))
    with tarfile.open(target, "w", dereference=True) as archive:
        for folder, mode in (("var/task", 0o755), ("opt", 0o755), ("tmp", 0o1777)):
            _add_entry(archive, folder, tarfile.DIRTYPE, mode)
        for name in sorted(files):
            archive.add(files[name], name, recursive=False, filter=_owned_by_root)
        _add_entry(archive, "var/lang/bin/python3", tarfile.SYMTYPE, 0o777, link=_PYTHON)
        _add_entry(archive, "var/runtime/bootstrap", tarfile.REGTYPE, 0o755, _BOOTSTRAP)
        _add_entry(archive, "etc/passwd", tarfile.REGTYPE, 0o644, b"root:x:0:0:root:/root:/bin/sh\n")


def _files(python: Interpreter, runtime: Path) -> Iterator[tuple[str, Path]]:
    """(name in the image, file here) of all but a handful of entries."""
    own = [
        (f"var/lang/bin/{_PYTHON}", python.executable),
        *_tree(python.stdlib, f"var/lang/lib/{_PYTHON}"),
        *_tree(runtime, "var/runtime"),
        *((f"bin/{tool}", _tool(tool)) for tool in _TOOLS),
    ]
    yield from own
    compiled = [here for name, here in own if _is_compiled(name, here)]
    yield from ((_library_name(here), here) for here in _libraries([*compiled, *_libraries_of_wheels()]))


def _tree(source: Path, name: str) -> Iterator[tuple[str, Path]]:
    for path in source.rglob("*"):
        inside = path.relative_to(source).as_posix()
        if path.is_file() and not _LEFT_OUT.search(inside):
            yield f"{name}/{inside}", path


def _is_compiled(name: str, here: Path) -> bool:
    if not name.endswith(".so") and "bin/" not in name:
        return False
    with here.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _tool(name: str) -> Path:
    found = shutil.which(name, path="/usr/bin:/bin")
    if not found:
        raise Failed(f"the Lambda image needs {name}, which is not in /usr/bin or /bin")
    return Path(found)


def _libraries_of_wheels() -> list[Path]:
    known = run(["/sbin/ldconfig", "-p"])
    found = (re.search(rf"^\s*{re.escape(name)} .*=> (/\S+)$", known, re.MULTILINE) for name in _LIBRARIES_OF_WHEELS)
    return [Path(match[1]) for match in found if match]


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    """Every shared library that one of the binaries loads, the loader and given libraries included."""
    binaries = list(binaries)
    loaded = {Path(match) for match in _LDD_PATH.findall(run(["ldd", *binaries]))}
    return loaded | {path for path in binaries if ".so" in path.name and str(path).startswith(_SYSTEM_FOLDERS)}


def _library_name(library: Path) -> str:
    """Its own path where every loader looks; beside the Python (LD_LIBRARY_PATH) for all others."""
    if str(library).startswith(_SYSTEM_FOLDERS):
        return str(library).lstrip("/")
    return f"var/lang/lib/{library.name}"


def _add_entry(archive: tarfile.TarFile, name: str, kind: bytes, mode: int, data: bytes = b"", link: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
    archive.addfile(entry, io.BytesIO(data))


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
