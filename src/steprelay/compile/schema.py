"""`python -m steprelay.compile.schema > docs/spec.schema.json`: the published JSON Schema of the spec."""

import json
import sys

from steprelay_core.spec import spec_schema


def schema_text() -> str:
    """The JSON Schema as it is published: indented, ending in a line break."""
    return json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
