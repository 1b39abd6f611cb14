"""events/ and the template belong together, payload by payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.containers.payloads import (
    case,
    differences,
    function_of,
    functions_of_the_template,
    payloads,
    usual,
    with_deployed_names,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_every_function_of_the_template_has_a_payload() -> None:
    assert functions_of_the_template() - {function_of(payload) for payload in payloads()} == set()


def test_every_payload_belongs_to_a_function_of_the_template() -> None:
    functions = functions_of_the_template()
    assert [case(payload) for payload in payloads() if function_of(payload) not in functions] == []


def test_a_response_may_hold_more_than_expected_but_a_list_may_not() -> None:
    assert differences({"a": 1}, {"a": 1, "b": 2}) == []
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["response.a: expected [1], got [1, 2]"]
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == ["response.a[0].b: expected 1, got 2"]


def test_a_payload_gets_the_names_of_the_deployed_buckets(tmp_path: Path) -> None:
    payload = tmp_path / "object_created.json"
    payload.write_text('{"bucket": "steprelay-packages", "to": "steprelay-data"}')
    deployed = {"STEPRELAY_PACKAGE_BUCKET": "relay-packages-1f", "STEPRELAY_DATA_BUCKET": "relay-data-2e"}
    assert with_deployed_names(payload, deployed) == '{"bucket": "relay-packages-1f", "to": "relay-data-2e"}'


def test_a_batch_is_expected_to_be_taken_without_a_failed_item() -> None:
    assert usual({"Records": []}).response == {"batchItemFailures": []}
    assert usual({"source": "aws.events"}).response == {}
