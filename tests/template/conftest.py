"""The template as CloudFormation reads it, and questions that tests ask of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Template:
    """`resources`: by logical id."""

    document: dict[str, Any]

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        return dict(self.document["Resources"])

    def of_type(self, *kinds: str) -> dict[str, dict[str, Any]]:
        """The properties of the resources of these types."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] in kinds
        }

    def function(self, name: str) -> dict[str, Any]:
        """A function's properties with the global ones beneath."""
        return {**self.document["Globals"]["Function"], **self.of_type("AWS::Serverless::Function")[name]}

    def allowed(self, name: str) -> Iterator[dict[str, Any]]:
        """What a role or policy allows; a statement behind a condition counts. Lists are made of single values."""
        properties = self.resources[name]["Properties"]
        documents = [inline["PolicyDocument"] for inline in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            for statement in document["Statement"]:
                chosen = statement["Fn::If"][1] if "Fn::If" in statement else statement
                if chosen["Effect"] == "Allow":
                    yield {**chosen, "Action": _listed(chosen["Action"]), "Resource": _listed(chosen["Resource"])}
        for attached in properties.get("ManagedPolicyArns", []):
            if "Ref" in attached:
                yield from self.allowed(attached["Ref"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="session")
def template() -> Template:
    return Template(yaml_parse((ROOT / "template.yaml").read_text()))
