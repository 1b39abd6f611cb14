"""`sam validate --lint` and `sam build` of the template, done again only when what they read has changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tools.containers.commands import run
from tools.containers.places import PARAMETERS, SAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.containers.interpreter import Interpreter

# The stack may sit in any folder; these are what a build of it reads.
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers", "src")
_NOT_SOURCES = {"__pycache__", ".aws-sam"}
# What the relay's address is given in; SAM hands a function only the variables that its template declares.
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"


def ensure(stack: Path, python: Interpreter) -> bool:
    """Have the stack's template built; false when the build of the same sources already was there."""
    digest, stamp = _digest(stack, python), stack / ".aws-sam" / "containers.digest"
    if template(stack).exists() and stamp.exists() and stamp.read_text() == digest:
        return False
    environment = sam_environment(stack) | {"PATH": python.first_on_path()}
    run([SAM, "validate", "--lint"], cwd=stack, env=environment)
    run([SAM, "build", *PARAMETERS], cwd=stack, env=environment)
    _declare_endpoint(stack)
    stamp.write_text(digest)
    return True


def template(stack: Path) -> Path:
    """The built template, beside the code it points to, that lets functions be told where AWS is."""
    return stack / ".aws-sam" / "build" / "template.containers.yaml"


def sam_environment(stack: Path) -> dict[str, str]:
    """SAM's environment: no telemetry, nothing kept in the home folder, made-up credentials.

    Nobody's own AWS settings get in: SAM hands the credentials that it finds on to the function.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(stack / ".aws-sam" / "sam"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def functions(stack: Path) -> list[str]:
    """Logical ids of the functions that were built."""
    return list(_functions(yaml.safe_load(template(stack).read_text())))


def _functions(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    resources = document["Resources"].items()
    return {name: resource for name, resource in resources if resource["Type"] == "AWS::Serverless::Function"}


def _declare_endpoint(stack: Path) -> None:
    document = yaml.safe_load((stack / ".aws-sam" / "build" / "template.yaml").read_text())
    for function in _functions(document).values():
        environment = function["Properties"].setdefault("Environment", {})
        environment.setdefault("Variables", {})[ENDPOINT_VARIABLE] = ""
    template(stack).write_text(yaml.safe_dump(document, sort_keys=False))


def _digest(stack: Path, python: Interpreter) -> str:
    digest = hashlib.sha256(f"{python.build}\0{Path(__file__).read_text()}".encode())
    for path in _source_files(stack):
        digest.update(f"\0{path.relative_to(stack)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files(stack: Path) -> Iterator[Path]:
    for source in (stack / name for name in _SOURCES):
        found = [source] if source.is_file() else sorted(source.rglob("*"))
        yield from (path for path in found if path.is_file() and not _NOT_SOURCES & set(path.parts))
