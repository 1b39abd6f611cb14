"""A spec is written down in one way only."""

import json

from steprelay_core.spec import canonical_json, parse_spec, validate_spec

DOCUMENT = {
    "$schema": "somewhere",
    "spec_version": 1,
    "flow": "Flow",
    "parameters": {"z": {"default": {"b": 1, "a": 2}}, "a": {}},
    "steps": {
        "start": {"command": ["x"], "next": "end", "batch": {"memory": 4096}, "environment": {"B": "1", "A": "2"}},
        "end": {"command": ["x"], "retry": {}},
    },
}


def test_defaults_and_the_schema_of_editors_are_left_out() -> None:
    written = json.loads(canonical_json(validate_spec(DOCUMENT).spec))
    assert written["steps"]["start"]["batch"] == {}
    assert written["steps"]["end"]["retry"] == {}
    assert "$schema" not in written
    assert "start" not in written


def test_steps_and_parameters_keep_their_order_and_all_else_is_sorted() -> None:
    written = canonical_json(validate_spec(DOCUMENT).spec).decode()
    assert list(json.loads(written)["steps"]) == ["start", "end"]
    assert list(json.loads(written)["parameters"]) == ["z", "a"]
    assert '{"A":"2","B":"1"}' in written
    assert '{"a":2,"b":1}' in written


def test_the_canonical_form_reads_back_as_the_same_spec_and_the_same_bytes() -> None:
    spec = validate_spec({key: value for key, value in DOCUMENT.items() if key != "$schema"}).spec
    again = parse_spec(canonical_json(spec)).spec
    assert again == spec
    assert canonical_json(again) == canonical_json(spec)


def test_names_in_any_script_stay_readable() -> None:
    spec = validate_spec({"spec_version": 1, "flow": "Grüße", "steps": {"start": {"command": ["é"]}}}).spec
    assert "Grüße".encode() in canonical_json(spec)
