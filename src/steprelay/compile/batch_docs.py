"""`python -m steprelay.compile.batch_docs docs/batch.md`: write the table of `@batch`'s parameters into the page.

Without a page it is printed. Everything in it comes from the fields of `steprelay_core.spec.Batch`, so that page,
checks and requests say the same.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from steprelay_core.spec import Batch
from steprelay_core.spec.schema import json_schema

BEGIN = "<!-- table: written by `python -m steprelay.compile.batch_docs docs/batch.md` -->"
END = "<!-- end of table -->"
COLUMNS = ("parameter", "meaning", "type", "unit", "default", "platform", "in the request", "example")

_TYPES = {
    "integer": "int",
    "number": "float",
    "string": "str",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}
_PLATFORMS = {"ec2": "EC2", "fargate": "Fargate"}
# The parts of what `steprelay plan` prints, by the calls they are.
_CALLS = {"register_job_definition.": "RegisterJobDefinition", "submit_job.": "SubmitJob"}
# What is counted, where a bound needs no unit of measure.
_COUNTED = {
    "cpu": "vCPUs",
    "gpu": "GPUs",
    "inferentia": "chips",
    "trainium": "chips",
    "efa": "adapters",
    "num_parallel": "nodes",
}
# What counts where a field's own default says nothing: configuration, or another parameter.
_DEFAULTS = {
    "image": "from [configuration](#where-a-value-comes-from), else `python:X.Y`",
    "queue": "from [configuration](#where-a-value-comes-from)",
    "iam_role": "from [configuration](#where-a-value-comes-from)",
    "execution_role": "from [configuration](#where-a-value-comes-from)",
    "tmpfs_size": "half of `memory`",
    "max_memory": "`memory`: no growth",
}


def table() -> str:
    """The table in Markdown: one row for each parameter, in the order of the model."""
    head = [_row(COLUMNS), _row("---" for _ in COLUMNS)]
    return "\n".join([*head, *(_row(cells) for cells in _rows())])


def with_table(page: str) -> str:
    """The page with the table between its marks as it should be.

    Raises:
        ValueError: if the page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _rows() -> Iterator[list[str]]:
    schema = json_schema(Batch)
    for name, node in schema["properties"].items():
        arms = list(_arms(schema, node))
        yield [
            f"`{name}`",
            node["description"],
            _types(arms),
            next((arm["unit"] for arm in arms if "unit" in arm), _COUNTED.get(name, "")),
            _DEFAULTS.get(name) or _default(node.get("default")),
            ", ".join(_PLATFORMS[platform] for platform in node["platforms"]),
            _place(node["request"]),
            f"`{name}={python_text(node['examples'][0])}`",
        ]


def _arms(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The alternatives of a type, without None, which is the same as leaving a parameter out."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for arm in node.get("anyOf", [node]):
        if "anyOf" in arm:
            yield from _arms(schema, arm)
        elif arm.get("type") != "null":
            yield arm


def _types(arms: Iterable[Mapping[str, Any]]) -> str:
    return " or ".join(dict.fromkeys(_type(arm) for arm in arms))


def _type(arm: Mapping[str, Any]) -> str:
    if "enum" in arm:
        return " or ".join(f"`{python_text(value)}`" for value in arm["enum"])
    low, high = arm.get("minimum"), arm.get("maximum")
    bounds = f", {low} to {high}" if high is not None else f", at least {low}" if low else ""
    return f"{_TYPES[arm['type']]}{bounds}"


def _default(value: Any) -> str:
    return "none" if value in (None, {}, []) else f"`{python_text(value)}`"


def _place(request: str) -> str:
    """`RegisterJobDefinition` `containerProperties.image`: the call, and the path in it."""
    for prefix, call in _CALLS.items():
        if request.startswith(prefix):
            path, _, remark = request.removeprefix(prefix).partition(" ")
            return f"{call} `{path}`" + (f" {remark}" if remark else "")
    return request


def python_text(value: Any) -> str:
    """The value as people write it in Python, with double quotes."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(python_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{python_text(key)}: {python_text(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    pages = [Path(name) for name in sys.argv[1:]]
    for page in pages:
        page.write_text(with_table(page.read_text()))
    if not pages:
        sys.stdout.write(f"{table()}\n")
