"""The examples and the published schema are what the documentation says they are."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from steprelay.compile import canonical_json, compile_file
from steprelay.compile.schema import schema_text
from steprelay_core.spec import SpecError, parse_spec

ROOT = Path(__file__).parents[2]
FLOWS = sorted((ROOT / "examples").glob("*.py"))
WRITTEN = ROOT / "examples" / "any_language" / "steprelay.json"


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    document = json.loads((ROOT / "docs" / "spec.schema.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_the_published_schema_is_up_to_date() -> None:
    published = (ROOT / "docs" / "spec.schema.json").read_text()
    assert published == schema_text(), "run: python -m steprelay.compile.schema > docs/spec.schema.json"


@pytest.mark.parametrize("flow", FLOWS, ids=lambda path: path.stem)
def test_every_example_compiles_without_warnings_to_a_spec_that_the_schema_accepts(
    flow: Path, schema: Draft202012Validator
) -> None:
    compiled = compile_file(flow)
    assert compiled.warnings == ()
    schema.validate(json.loads(canonical_json(compiled.flow.spec)))


def test_the_hand_written_example_is_accepted_by_schema_and_models_alike(schema: Draft202012Validator) -> None:
    schema.validate(json.loads(WRITTEN.read_text()))
    assert parse_spec(WRITTEN.read_bytes()).name == "PoemFlow"


@pytest.mark.parametrize(
    "step",
    [
        {"batch": {"cpu": 0}, "command": ["x"]},
        {"batch": {"cpus": 1}, "command": ["x"]},
        {"environment": {"AWS_BATCH_X": "1"}, "command": ["x"]},
        {"retry": {"minutes_between_retries": -1}, "command": ["x"]},
        {"next": 3, "command": ["x"]},
    ],
)
def test_the_schema_refuses_what_the_models_refuse(step: object, schema: Draft202012Validator) -> None:
    document = {"spec_version": 1, "flow": "F", "steps": {"start": step}}
    assert not schema.is_valid(document)
    with pytest.raises(SpecError):
        parse_spec(json.dumps(document))


def test_the_readme_of_the_examples_lists_each_of_them() -> None:
    readme = (ROOT / "examples" / "README.md").read_text()
    assert [flow.name for flow in FLOWS if f"({flow.name})" not in readme] == []
    assert "(any_language/)" in readme


def test_the_specs_in_the_documentation_are_valid(schema: Draft202012Validator) -> None:
    text = (ROOT / "docs" / "spec.md").read_text()
    blocks = [block.split("```")[0] for block in text.split("```json\n")[1:]]
    specs = [document for document in map(json.loads, blocks) if "spec_version" in document]
    assert specs
    for document in specs:
        schema.validate(document)
        parse_spec(json.dumps(document))
