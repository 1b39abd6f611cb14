"""The runner bundle: what the bootstrap fetches into images that have nothing but Python.

`steprelay/{__init__,sdk,runner}` and, under `_vendor/`, boto3 as far as S3 needs it, from the running
environment. Its name tells the content, and is known without building it.
"""

import hashlib
import importlib.util
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import steprelay

VENDORED = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
# Of botocore's service models only these: S3 itself, and STS for credentials by an assumed role.
_SERVICES = ("s3", "sts")
_MODEL_FILES = ("service-2.", "endpoint-rule-set-1.")
_LEFT_OUT = {("boto3", "data"), ("boto3", "examples"), ("dateutil", "zoneinfo")}
_OWN_FOLDERS = ("sdk", "runner")
# Deterministic zips need one date for all; this is the earliest that the format knows.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BundleError(Exception):
    """The running environment lacks a part of the bundle."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """`name`: the key in the data bucket; `body`: the zip."""

    name: str
    body: bytes


@cache
def bundle_name() -> str:
    """`runner/<hash>.zip`: by our sources' content and the vendored files' names and sizes.

    Raises:
        BundleError: if a vendored package is not installed.
    """
    digest = hashlib.sha256()
    for name, file in _own_files():
        digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    for name, file in _vendored_files():
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
    return f"runner/{digest.hexdigest()[:32]}.zip"


def build_bundle() -> Bundle:
    """The bundle: the same bytes for the same sources and packages.

    Raises:
        BundleError: if a vendored package is not installed.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in [*_own_files(), *_vendored_files()]:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return Bundle(bundle_name(), buffer.getvalue())


def _own_files() -> list[tuple[str, Path]]:
    root = Path(steprelay.__file__).parent
    files = [root / "__init__.py", *(file for folder in _OWN_FOLDERS for file in (root / folder).glob("*.py"))]
    return sorted((f"steprelay/{file.relative_to(root).as_posix()}", file) for file in files)


def _vendored_files() -> list[tuple[str, Path]]:
    return sorted(file for name in VENDORED for file in _files_of(name))


def _files_of(package: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise BundleError(f"the runner bundle needs {package}, which is not installed here")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        yield f"_vendor/{origin.name}", origin
        return
    root = origin.parent
    for folder, inner_folders, files in os.walk(root):
        inner = PurePosixPath(folder).relative_to(root)
        # Pruned on the way down: botocore has a folder for each of hundreds of services.
        inner_folders[:] = [name for name in inner_folders if _is_needed_folder(package, (*inner.parts, name))]
        for name in files:
            if _is_needed(package, (*inner.parts, name)):
                yield f"_vendor/{package}/{inner / name}", Path(folder, name)


def _is_needed_folder(package: str, parts: tuple[str, ...]) -> bool:
    if package == "botocore" and parts[0] == "data" and len(parts) == 2:
        return parts[1] in _SERVICES
    return parts[-1] != "__pycache__" and (package, *parts) not in _LEFT_OUT


def _is_needed(package: str, parts: tuple[str, ...]) -> bool:
    if package == "botocore" and parts[0] == "data" and len(parts) > 2:
        return parts[-1].startswith(_MODEL_FILES)
    return not parts[-1].endswith((".pyc", ".pyi", ".rst", ".so"))
