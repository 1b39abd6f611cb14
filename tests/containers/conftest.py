"""The container tests' relay, engine, image and build: each made once a session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from steprelay.local.deployment import STACK
from steprelay.local.relay import LocalRelay
from tests.containers.relay import Account, DeployedRelay, readdressed
from tools.containers.bridge import forwarded
from tools.containers.build import ENDPOINT_VARIABLE, functions
from tools.containers.commands import Unavailable
from tools.containers.invoke import Invoker, invoker
from tools.containers.places import ROOT
from tools.containers.prepare import Prepared, prepared

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def built() -> Iterator[Prepared]:
    """The engine, the image and the built stack; made once, reused by whoever comes next."""
    try:
        with prepared(ROOT, lambda _line: None) as ready:
            yield ready
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedRelay]:
    """An embedded relay of the tests' own, with the template deployed."""
    project = tmp_path_factory.mktemp("relay")
    started = LocalRelay.up(project)
    try:
        yield DeployedRelay(started.endpoint_url, STACK)
    finally:
        LocalRelay.down(project)


@pytest.fixture(scope="session")
def account(relay: DeployedRelay) -> Account:
    """The emulated AWS account that the stack is deployed to."""
    return Account(relay)


@pytest.fixture(scope="session")
def sam_invoke(
    built: Prepared, relay: DeployedRelay, account: Account, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Invoker]:
    """Call it with a function's logical id and a payload's path: the function runs in a container on the relay."""
    server = urlsplit(relay.endpoint_url)
    gateway, network = built.engine.bridge()
    with forwarded(gateway, network, (server.hostname or "127.0.0.1", server.port or 80)) as port:
        variables = {}
        for function in functions(built.stack):
            deployed = readdressed(account.environment(function), server.netloc, f"{gateway}:{port}")
            variables[function] = {**deployed, ENDPOINT_VARIABLE: f"http://{gateway}:{port}"}
        file = tmp_path_factory.mktemp("sam") / "variables.json"
        file.write_text(json.dumps(variables))
        with invoker(built.stack, built.engine, file, relay.endpoint_url) as invoke:
            yield invoke
