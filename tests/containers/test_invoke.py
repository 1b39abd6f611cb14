"""Every function on every payload of events/, in a container, by the real `sam local invoke`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.containers.payloads import case, differences, expected, function_of, payloads, with_deployed_names
from tests.containers.uploads import expected_of, put, upload_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.relay import Account
    from tools.containers.invoke import Invoker

pytestmark = pytest.mark.container


@pytest.mark.parametrize("payload", payloads(), ids=case)
def test_a_function_takes_its_payload_in_a_container(
    payload: Path, sam_invoke: Invoker, account: Account, tmp_path: Path
) -> None:
    function = function_of(payload)
    event = json.loads(with_deployed_names(payload, account.environment(function)))
    wanted, upload = expected(payload), upload_of(payload)
    if upload is not None:
        event, wanted = put(upload, event, account.client("s3")), expected_of(upload, event)
    file = tmp_path / payload.name
    file.write_text(json.dumps(event))

    result = sam_invoke(function, file)

    assert result.function_error is None, result.logs
    assert differences(wanted.response, result.response) == [], result.logs
    assert [words for words in wanted.log if words not in result.logs] == [], result.logs
