from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.batch.harness import Lab

MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """Makes running labs with the given settings; all are stopped after the test."""
    labs: list[Lab] = []

    def make(**config: Any) -> Lab:
        lab = Lab(tmp_path / f"batch-{len(labs)}", **config)
        lab.batch.start()
        labs.append(lab)
        lab.prepare()
        return lab

    yield make
    for lab in labs:
        lab.batch.stop()


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    return make_lab()
