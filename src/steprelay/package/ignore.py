"""What stays out of a package."""

import os
from pathlib import Path

from pathspec import GitIgnoreSpec

IGNORE_FILE = ".steprelayignore"

# Patterns as in .gitignore. The file .steprelayignore comes after them and may take some back, with `!`.
DEFAULT_PATTERNS = (
    ".git",
    ".hg/",
    ".svn/",
    "__pycache__/",
    "*.pyc",
    "node_modules/",
    # ours, and the traces of tools
    ".steprelay/",
    IGNORE_FILE,
    ".metaflow/",
    ".aws-sam/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".hypothesis/",
    ".tox/",
    ".nox/",
    ".ipynb_checkpoints/",
    "*.egg-info/",
    # editors and systems
    ".idea/",
    ".vscode/",
    ".DS_Store",
    "Thumbs.db",
    "*~",
    "*.swp",
    "*.swo",
    ".#*",
    # Secrets: a package is read by everybody who may read the bucket.
    ".env",
)


class Ignored:
    """Decides by .steprelayignore in the root and the defaults; virtual environments go by what they hold."""

    def __init__(self, root: Path) -> None:
        own = root / IGNORE_FILE
        lines = own.read_text("utf-8").splitlines() if own.is_file() else []
        self._spec = GitIgnoreSpec.from_lines([*DEFAULT_PATTERNS, *lines])

    def folder(self, name: str, path: str | os.PathLike[str]) -> bool:
        """`name` from the root, with `/`; nothing below an ignored folder is looked at, as with git."""
        return self._spec.match_file(f"{name}/") or Path(path, "pyvenv.cfg").is_file()

    def file(self, name: str) -> bool:
        return self._spec.match_file(name)
