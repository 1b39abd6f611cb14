"""A folder with a small hand-written flow, to pack."""

import json
from pathlib import Path

import pytest

SPEC = {"spec_version": 1, "flow": "PackedFlow", "steps": {"start": {"command": ["sh", "work.sh"]}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "steprelay.json").write_text(json.dumps(SPEC))
    (root / "work.sh").write_text("echo hello\n")
    return root


def put(root: Path, name: str, content: str = "x") -> Path:
    """Write a file and the folders above it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path
