"""One flow of each shape through the real template on the embedded relay, all at once."""

import pickle
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steprelay.cli.relays import ConfiguredRelays
from steprelay.client.relay import RelayClient
from steprelay.compile import compile_file
from steprelay.local.record import RelayInfo
from steprelay.package import build_package
from steprelay_core.ports import Stored
from tests.local.relay.support import eventually
from tests.shapes.table import FAILING, FLOWS, SHAPES, Shape

SECONDS = 240.0


@pytest.fixture(scope="module")
def client(relay: RelayInfo, relay_project: Path) -> RelayClient:
    return ConfiguredRelays({}, relay_project, relay).connect("local", None, lambda _: None).client


@pytest.fixture(scope="module")
def ended(client: RelayClient, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Shape], Stored]:
    """All flows are uploaded together; a test waits for its own."""
    folder = tmp_path_factory.mktemp("packages")
    for file in FLOWS.glob("*.py"):
        (folder / file.name).write_bytes(file.read_bytes())
    runs = {}
    for shape in (*SHAPES, *FAILING):
        flow = compile_file(folder / shape.file.name, shape.name).flow
        package = build_package(folder, flow.spec, destination=folder.parent / f"{shape.name}.tar.gz")
        runs[shape.name] = client.upload("run", flow.name, package.path, {}).run

    def wait(shape: Shape) -> Stored:
        def look() -> Stored | None:
            stored = client.load(runs[shape.name])
            return stored if stored is not None and stored.run.status.terminal else None

        return eventually(look, SECONDS, pause=0.25)

    return wait


def _tasks(stored: Stored) -> dict[str, int]:
    counted = Counter[str]()
    for key, group in stored.groups.items():
        counted[key.step] += len(group.members)
    return dict(counted)


def _result(client: RelayClient, stored: Stored) -> Any:
    flow = client.flow(stored.run.digest)
    last = next(
        key for key in stored.groups if not key.path and not flow.step(key.step).next and stored.groups[key].succeeded
    )
    outcome = client.outcome(stored.run.id, last.task(0), 1)
    assert outcome is not None
    ref = outcome["artifacts"]["result"]
    body = b64decode(ref["inline"]) if "inline" in ref else client.artifact(flow.name, ref["sha256"])
    assert body is not None
    return pickle.loads(body)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_shape_comes_to_its_result_on_the_relay(
    shape: Shape, ended: Callable[[Shape], Stored], client: RelayClient
) -> None:
    stored = ended(shape)
    assert stored.run.failure is None
    assert _tasks(stored) == shape.tasks
    assert _result(client, stored) == shape.result


@pytest.mark.parametrize("shape", FAILING, ids=lambda shape: shape.name)
def test_what_cannot_go_on_fails_on_the_relay_with_step_and_value(
    shape: Shape, ended: Callable[[Shape], Stored]
) -> None:
    stored = ended(shape)
    assert stored.run.failure is not None
    assert [part for part in shape.fails if part not in stored.run.failure.failure.reason] == []
    assert _tasks(stored) == shape.tasks
