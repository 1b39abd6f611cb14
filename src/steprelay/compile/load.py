"""A flow file is imported to be compiled: finding its flow class, and saying well what is wrong with the file."""

import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from steprelay.compile.flow import Compiled, compile_flow
from steprelay.compile.options import NO_OPTIONS, Options
from steprelay.compile.problems import CompileError, CompileProblem, Place
from steprelay.sdk.flow import FlowSpec
from steprelay_core.spec import nearest


def compile_file(
    path: Path | str, class_name: str | None = None, *, root: Path | str | None = None, options: Options = NO_OPTIONS
) -> Compiled:
    """Import the file and compile the flow in it; `class_name` chooses where it holds several.

    Raises:
        CompileError: if the file cannot be read or imported, holds no flow or several, or the flow has problems.
    """
    return compile_flow(load_flow(path, class_name), file=path, root=root, options=options)


def load_flow(path: Path | str, class_name: str | None = None) -> type[FlowSpec]:
    """Import the file, with its folder importable as when Python runs it, and find its flow class.

    Raises:
        CompileError: if the file cannot be read or imported, or holds no flow or several.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise CompileError([CompileProblem(str(path), 1, "there is no such file", _similar(file))])
    module = _import(file)
    flows = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, FlowSpec) and value.__module__ == module.__name__
    ]
    return _choose(flows, class_name, Place(str(file), 1))


def _choose(flows: list[type[FlowSpec]], class_name: str | None, place: Place) -> type[FlowSpec]:
    by_name = {flow.__name__: flow for flow in flows}
    if class_name is not None:
        if class_name not in by_name:
            hint = nearest(class_name, by_name) or f"flows: {', '.join(by_name) or 'none'}"
            raise CompileError([place.problem(f"there is no flow {class_name!r} in this file", hint)])
        return by_name[class_name]
    # A flow that others of the file inherit from is there to be inherited from.
    last = [name for name, flow in by_name.items() if not any(flow in other.__mro__[1:] for other in flows)]
    if not last:
        raise CompileError(
            [place.problem("there is no flow in this file", "write a class that inherits from FlowSpec")]
        )
    if len(last) > 1:
        hint = "name one: " + ", ".join(f"{place.file}:{name}" for name in last)
        raise CompileError([place.problem(f"there are several flows in this file: {', '.join(last)}", hint)])
    return by_name[last[0]]


def _import(file: Path) -> ModuleType:
    # Not the plain stem: a flow in a file `json.py` must not take the place of a module that others import.
    name = f"steprelay_flow_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise CompileError([CompileProblem(str(file), 1, "is no Python file", "its name must end in .py")])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _importable(file.parent):
            spec.loader.exec_module(module)
    except SyntaxError as error:
        place = Place(error.filename or str(file), error.lineno or 1)
        raise CompileError([place.problem(f"{type(error).__name__}: {error.msg}")]) from None
    except SystemExit:
        hint = 'put what runs under `if __name__ == "__main__":`'
        raise CompileError(
            [Place(str(file), 1).problem("the file ends the program when it is imported", hint)]
        ) from None
    except Exception as error:
        raise CompileError([_import_problem(error, file)]) from error
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _import_problem(error: Exception, file: Path) -> CompileProblem:
    """The person's own line: the last one of the traceback that is in the folder of the flow."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(file.parent)]
    place = Place(own[-1].filename, own[-1].lineno or 1) if own else Place(str(file), 1)
    hint = None
    if isinstance(error, ModuleNotFoundError):
        hint = "install it here, or import it inside the steps that use it"
    return place.problem(f"{type(error).__name__}: {error}", hint)


def _similar(file: Path) -> str | None:
    if not file.parent.is_dir():
        return f"nor a folder {file.parent}"
    return nearest(file.name, [other.name for other in file.parent.iterdir()])
