"""What a model does not take of values that a person gave, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from steprelay_core.spec.allowed import Fault, explain
from steprelay_core.spec.schema import json_schema


def refusals(model: type[BaseModel], values: Mapping[str, Any]) -> list[Fault]:
    """Empty where the model takes all of these values."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        return list(faults_of(model, error))
    return []


def faults_of(model: type[BaseModel], error: ValidationError) -> Iterator[Fault]:
    """Each refused place once; faults inside of an argument's value name the argument too."""
    for fault in explain(_schema(model), error.errors(include_url=False)):
        argument, inside, _ = fault.path.partition(".")
        named = not inside or repr(argument) in fault.message
        yield fault if named else replace(fault, message=f"{argument}: {fault.message}")


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return json_schema(model)
