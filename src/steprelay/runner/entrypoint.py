"""Loading the flow class from the package, by file path: no folder named like a library can come between."""

import importlib.util
import sys
from pathlib import Path

from steprelay.runner.brief import Entrypoint
from steprelay.sdk.flow import FlowSpec

# Modules of these names are in use by the runner; a flow's file may still be called like one of them.
_TAKEN = sys.stdlib_module_names | {"steprelay", "boto3", "botocore", "s3transfer", "urllib3", "dateutil", "six"}


class EntrypointError(Exception):
    """The flow class cannot be found in the package."""


def load_flow(entrypoint: Entrypoint, package: Path) -> type[FlowSpec]:
    """Import the flow's file, under the name its pickled classes know it by, and return the flow class.

    Whatever the file itself raises comes through.

    Raises:
        EntrypointError: if file or class are not there.
    """
    file = package / entrypoint.file
    if not file.is_file():
        raise EntrypointError(f"the package has no file {entrypoint.file!r}, which the spec names as entrypoint")
    # As `python flow.py` does: the file's own folder first.
    sys.path[:0] = [str(folder) for folder in dict.fromkeys((file.parent, package))]
    name = f"steprelay_flow_{file.stem}" if file.stem in _TAKEN else file.stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise EntrypointError(f"{entrypoint.file!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    flow = getattr(module, entrypoint.class_name, None)
    if not (isinstance(flow, type) and issubclass(flow, FlowSpec)):
        known = [name for name, value in vars(module).items() if _is_flow(value)]
        raise EntrypointError(
            f"{entrypoint.file!r} has no flow class {entrypoint.class_name!r}; it has {', '.join(known) or 'none'}"
        )
    return flow


def _is_flow(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, FlowSpec) and value is not FlowSpec
