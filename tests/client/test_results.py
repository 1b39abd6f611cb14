"""What is shown of the artifacts a run left, and what never is."""

import datetime
import os
import pickle
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay.client.parameters import METADATA_LIMIT, TooLarge, as_metadata
from steprelay.client.plain_data import show_plain
from steprelay.client.results import SHOWN_SIZE, final_artifacts
from steprelay.client.tasks import parse_task
from steprelay_core.state.laps import trimmed
from steprelay_core.state.model import TaskKey
from tests.client.fake_relay import LINE, FakeRelay, stored, won


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3, "3"),
        ("text", "'text'"),
        ({"a": [1, 2.5, None]}, "{'a': [1, 2.5, None]}"),
        ({1, 2}, "{1, 2}"),
        (Decimal("1.5"), "Decimal('1.5')"),
        (OrderedDict(a=1), "OrderedDict({'a': 1})" if os.sys.version_info >= (3, 12) else "OrderedDict([('a', 1)])"),  # type: ignore[attr-defined]
        (datetime.date(2026, 11, 21), "datetime.date(2026, 11, 21)"),
    ],
)
def test_plain_data_is_shown(value: object, shown: str) -> None:
    assert show_plain(pickle.dumps(value)) == shown


def test_long_data_is_shortened() -> None:
    shown = show_plain(pickle.dumps(list(range(1000))))

    assert shown == "[0, 1, 2, 3, 4, 5, 6, 7, ...]"


def test_a_value_that_holds_itself_many_times_over_stays_short() -> None:
    value: list[object] = ["x"]
    for _ in range(60):
        value = [value, value]

    shown = show_plain(pickle.dumps(value))
    assert shown is not None
    assert len(shown) < 2000


class Runs:
    """Unpickled by pickle itself, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def test_showing_an_artifact_runs_no_code_of_its_pickle(tmp_path: Path) -> None:
    pickled = pickle.dumps(Runs(tmp_path / "made"))

    assert show_plain(pickled) is None
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("broken", [b"", b"\x80\x04", b"not a pickle", pickle.dumps(range(10**12))])
def test_what_cannot_be_read_is_not_shown(broken: bytes) -> None:
    assert show_plain(broken) is None


def test_the_artifacts_of_the_last_step_come_with_small_values_only() -> None:
    artifacts = {
        "small": {"sha256": "a", "size": 5, "type": "int"},
        "large": {"sha256": "b", "size": SHOWN_SIZE + 1, "type": "list"},
        "model": {"sha256": "c", "size": 90, "type": "Model"},
    }
    relay = FakeRelay(
        outcomes={("end", 2): {"artifacts": artifacts}},
        artifacts={"a": pickle.dumps(3), "b": pickle.dumps(4), "c": pickle.dumps(Path)},
    )

    found = final_artifacts(relay, LINE, stored(won("train"), won("end", attempt=2)))
    assert [(one.name, one.type, one.value) for one in found] == [
        ("large", "list", None),
        ("model", "Model", None),
        ("small", "int", "3"),
    ]


indices = st.integers(0, 10**6)


@given(
    step=st.from_regex(r"[a-z]\w*", fullmatch=True),
    inner=st.lists(indices, max_size=4),
    laps=st.lists(st.integers(0, 999), max_size=3).map(trimmed),
)
def test_a_task_is_found_by_the_name_that_people_see(step: str, inner: list[int], laps: tuple[int, ...]) -> None:
    *path, member = [0, *inner]
    task = TaskKey(step, tuple(path), member, laps)

    assert parse_task(str(task)) == task


@pytest.mark.parametrize("name", ["a.x", "a.", "a.-1", "a.1.b", "a@", "a@b"])
def test_what_names_no_task_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_task(name)


def test_parameters_travel_as_ascii_json() -> None:
    assert as_metadata({"name": "Zoë", "alpha": 0.3}) == {"parameters": '{"name":"Zo\\u00eb","alpha":0.3}'}
    assert as_metadata({}) == {}


def test_parameters_too_large_for_s3_are_refused_with_what_to_do() -> None:
    with pytest.raises(TooLarge, match="put large values into a file"):
        as_metadata({"text": "x" * METADATA_LIMIT})
