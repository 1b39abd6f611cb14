"""JSON to be read by people: what fits on a line stands on one."""

import json
from typing import Any

_WIDTH = 110


def compact(value: Any, indent: str = "") -> str:
    """JSON text in which only objects and lists that do not fit on a line are broken."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= _WIDTH or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{deeper}{json.dumps(key)}: {compact(part, deeper)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + compact(part, deeper) for part in value) + f"\n{indent}]"
