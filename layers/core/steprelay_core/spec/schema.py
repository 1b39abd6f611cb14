"""The spec as a JSON Schema: what editors check by, and what our own messages say is allowed."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from steprelay_core.spec.models import Spec

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def spec_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `steprelay.json`."""
    return {"$schema": SCHEMA_DIALECT, **json_schema(Spec), "title": "steprelay.json"}


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of any of our models, in the form that `spec.allowed` reads."""
    return model.model_json_schema(schema_generator=_Generator)


class _Generator(GenerateJsonSchema):
    """pydantic states the form of keys as `patternProperties`, which lets other names pass unchecked."""

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        mapping: JsonSchemaValue = {"type": "object"}
        if "keys_schema" in schema:
            keys = self.generate_inner(schema["keys_schema"])
            if keys != {"type": "string"}:
                mapping["propertyNames"] = keys
        if "values_schema" in schema:
            mapping["additionalProperties"] = self.generate_inner(schema["values_schema"]) or True
        self.update_with_validations(mapping, schema, self.ValidationsMapping.object)
        return mapping
