from collections.abc import Iterator
from pathlib import Path

import pytest

from steprelay.local.record import RelayInfo
from steprelay.local.relay import LocalRelay
from tests.local.relay.support import Aws


@pytest.fixture(scope="session")
def aws(relay: RelayInfo) -> Aws:
    return Aws(relay)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project whose relay, if the test starts one, is gone afterwards."""
    yield tmp_path
    LocalRelay.down(tmp_path)
