"""What a command is about: a flow's file, or a folder with a hand-written spec."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from steprelay.cli.errors import Fault, UserError, count, faults_of

if TYPE_CHECKING:
    from steprelay.compile import Compiled
    from steprelay.compile.options import Options
    from steprelay.sdk.flow import FlowSpec
    from steprelay_core.spec import Flow

# The spec's name in a folder, as in a package. Written here too, so that `--help` need not import the models.
SPEC_FILE = "steprelay.json"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checked flow, and what is odd about it without being wrong.

    `hints` say what would be good practice; `provenance` tells of each step and parameter where its value came from.
    """

    flow: "Flow"
    warnings: tuple[Fault, ...] = ()
    hints: tuple[Fault, ...] = ()
    provenance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """`path` is FLOW.py or a steprelay.json; `class_name` chooses among several flows of a file.

    `flow_class` is set where Python has run the file already.
    """

    path: Path
    class_name: str | None = None
    flow_class: "type[FlowSpec] | None" = None

    @classmethod
    def running(cls, file: Path, class_name: str | None, flow_class: "type[FlowSpec] | None", cwd: Path) -> "Source":
        """The file that Python runs, named the way people would from here."""
        below = file.is_relative_to(cwd)
        return cls(file.relative_to(cwd) if below else file, class_name, flow_class)

    @classmethod
    def find(cls, named: str) -> "Source":
        """What somebody named on the command line: `FLOW.py`, `FLOW.py:Class`, or a folder.

        Raises:
            UserError: if there is nothing there that could be a flow.
        """
        file, _, class_name = named.partition(".py:")
        given = Path(f"{file}.py" if class_name else named)
        path = given / SPEC_FILE if given.is_dir() else given
        if not path.exists():
            what = f"{given} holds no {SPEC_FILE}" if given.is_dir() else f"there is no file {given}"
            raise UserError(what, hint=f"name a flow's Python file, or a folder with a {SPEC_FILE}")
        if path.suffix != ".py" and path.suffix != ".json":
            raise UserError(f"{given} is neither a Python file nor a {SPEC_FILE}")
        return cls(path, class_name or None)

    @property
    def root(self) -> Path:
        """The folder that is packed."""
        return self.path.absolute().parent

    @property
    def is_spec(self) -> bool:
        """Whether it is a hand-written spec."""
        return self.path.suffix == ".json"

    @property
    def command(self) -> str:
        """How to name it on a command line."""
        return str(self.path.parent if self.path.name == SPEC_FILE else self.path)

    def load(self, options: "Options") -> Loaded:
        """Compile or read it, and change it as the options ask.

        Raises:
            CompileError: with every problem of a flow's source.
            SpecError: with every problem of a spec.
        """
        compiled = self._compile(options)
        warnings, hints = (tuple(_as_fault(one) for one in some) for some in (compiled.warnings, compiled.hints))
        return Loaded(compiled.flow, warnings, hints, compiled.provenance)

    def _compile(self, options: "Options") -> "Compiled":
        from steprelay.compile import compile_file, compile_flow, compile_spec

        if self.is_spec:
            return _read(self.path, lambda raw: compile_spec(raw, options, str(self.path)))
        if self.flow_class is not None:
            return compile_flow(self.flow_class, file=self.path, options=options)
        return compile_file(self.path, self.class_name, options=options)


def read_spec(path: Path) -> "Flow":
    """A hand-written spec.

    Raises:
        UserError: if it cannot be read, or with every problem in it.
    """
    from steprelay_core.spec import parse_spec

    return _read(path, parse_spec)


def _read(path: Path, read: Callable[[bytes], T]) -> T:
    from steprelay_core.spec import SpecError

    try:
        return read(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", hint=f"name a {SPEC_FILE}") from None
    except SpecError as error:
        raise UserError(
            f"{path} has {count(len(error.problems), 'problem')}", faults=faults_of(error.problems)
        ) from None


def _as_fault(warning: Any) -> Fault:
    # Line 0 is the file as a whole.
    return Fault(warning.message, file=warning.file, line=warning.line or None, hint=warning.hint)
