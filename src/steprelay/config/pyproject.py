"""Settings in the [tool.steprelay] table of pyproject.toml, and in its profiles."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steprelay.config.names import PROFILE, SETTINGS, STACK
from steprelay.config.values import Found

if TYPE_CHECKING:
    from steprelay_core.spec import Problem

_FILE = "pyproject.toml"
_TABLE = "tool.steprelay"
_PROFILES = "profiles"
_PROFILE = PROFILE.lower()
_FIELDS = {name.lower(): field for name, field in SETTINGS.items()} | {STACK.lower(): "stack"}


class _Reader:
    """Collects what the file says and what is wrong with it."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.problems: list[Problem] = []

    def say(self, place: str, message: str, hint: str | None = None) -> None:
        from steprelay_core.spec import Problem

        self.problems.append(Problem(place, message, hint))

    def near(self, name: str, known: list[str], none: str) -> str:
        from steprelay_core.spec import nearest

        return nearest(name, known) or (f"known: {', '.join(known)}" if known else none)

    def table(self, folder: Path) -> Mapping[str, Any] | None:
        """The table in the nearest file that has it. Files without it are passed by, broken ones are told."""
        for parent in (folder.resolve(), *folder.resolve().parents):
            file = parent / _FILE
            try:
                document = _parsed(file.read_bytes()) if file.is_file() else {}
            except (OSError, ValueError) as error:
                self.say(str(file), f"cannot be read: {error}")
                return None
            tools = document.get("tool")
            table = tools.get("steprelay") if isinstance(tools, dict) else None
            if isinstance(table, dict):
                return table
            if table is not None:
                self.say(f"{_FILE} [{_TABLE}]", f"must be a table, given {table!r}")
        return None

    def read(self, table: Mapping[str, Any], asked: str | None) -> None:
        """The settings of the profile, then of the table itself; other profiles are checked for their names only."""
        profiles = table.get(_PROFILES, {})
        if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
            self.say(
                f"{_FILE} [{_TABLE}] {_PROFILES}", f"must be a table for each profile, [{_TABLE}.{_PROFILES}.NAME]"
            )
            profiles = {}
        self._choose(table, profiles, asked)
        for name, profile in profiles.items():
            self._known(f"{_FILE} [{_TABLE}.{_PROFILES}.{name}]", profile, list(_FIELDS))
        self._known(f"{_FILE} [{_TABLE}]", table, [*_FIELDS, _PROFILE, _PROFILES])
        self._settings(f"{_FILE} [{_TABLE}]", table)

    def _choose(self, table: Mapping[str, Any], profiles: Mapping[str, Any], asked: str | None) -> None:
        place = f"environment STEPRELAY_{PROFILE}" if asked else f"{_FILE} [{_TABLE}] {_PROFILE}"
        chosen = asked or table.get(_PROFILE)
        if chosen is None:
            return
        if not isinstance(chosen, str):
            self.say(place, f"must be the name of a profile, given {chosen!r}")
        elif chosen not in profiles:
            hint = self.near(chosen, list(profiles), f"write one: [{_TABLE}.{_PROFILES}.{chosen}]")
            self.say(place, f"there is no profile {chosen!r}", hint)
        else:
            self._settings(f"{_FILE} [{_TABLE}.{_PROFILES}.{chosen}]", profiles[chosen])

    def _known(self, place: str, table: Mapping[str, Any], known: list[str]) -> None:
        for key in table:
            if key not in known:
                self.say(f"{place} {key}", "there is no such setting", self.near(key, known, ""))

    def _settings(self, place: str, table: Mapping[str, Any]) -> None:
        for key, field in _FIELDS.items():
            if key in table:
                self.found.append(Found(field, table[key], place, f"{place} {key}"))


def read_pyproject(folder: Path, profile: str | None) -> "tuple[list[Found], list[Problem]]":
    """The settings in order of precedence, and what is wrong. `profile`: the one asked for from outside the file."""
    reader = _Reader()
    table = reader.table(folder)
    if table is not None:
        reader.read(table, profile)
    elif profile is not None and not reader.problems:
        hint = f"profiles are tables [{_TABLE}.{_PROFILES}.NAME] of {_FILE}"
        message = f"there is no profile {profile!r}: no {_FILE} from {folder} upwards has [{_TABLE}]"
        reader.say(f"environment STEPRELAY_{PROFILE}", message, hint)
    return reader.found, reader.problems


def _parsed(raw: bytes) -> dict[str, Any]:
    # Most projects have no table of ours: not worth a parser.
    if b"steprelay" not in raw:
        return {}
    import tomllib

    return tomllib.loads(raw.decode())
