"""What is typed behind `--with DECORATOR:` is taken apart as it was meant."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay.compile.values import is_broken, readings, split_arguments

_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, _JSON, min_size=1, max_size=4), st.booleans())
def test_any_value_written_as_json_comes_back_whatever_stands_beside_it(
    values: dict[str, Any], ascii_only: bool
) -> None:
    typed = ",".join(f"{name}={json.dumps(value, ensure_ascii=ascii_only)}" for name, value in values.items())
    read = {name: next(readings(text or "")) for name, text in split_arguments(typed)}
    assert read == values


@given(st.dictionaries(_NAMES, st.lists(st.text() | st.integers()) | st.dictionaries(st.text(), st.booleans())))
def test_any_value_written_as_python_comes_back_whatever_stands_beside_it(values: dict[str, Any]) -> None:
    typed = ", ".join(f"{name} = {value!r}" for name, value in values.items())
    read = dict(split_arguments(typed))
    assert read.keys() == values.keys()
    assert all(values[name] in list(readings(text or "")) for name, text in read.items())


@given(st.text())
def test_no_text_whatever_is_too_much(text: str) -> None:
    for _, typed in split_arguments(text):
        if typed is not None and not is_broken(typed):
            assert list(readings(typed))


@pytest.mark.parametrize(
    ("typed", "pairs"),
    [
        ("cpu=8,memory=32768,gpu=1", [("cpu", "8"), ("memory", "32768"), ("gpu", "1")]),
        (" cpu = 8 , memory = 5 ", [("cpu", "8"), ("memory", "5")]),
        ("image=a,b", [("image", "a,b")]),
        ("image=a,b,cpu=1", [("image", "a,b"), ("cpu", "1")]),
        ("image=repo/x:y=z", [("image", "repo/x:y=z")]),
        ('image="a,cpu=1",gpu=2', [("image", '"a,cpu=1"'), ("gpu", "2")]),
        ('tags={"a":"b,c=d"},cpu=1', [("tags", '{"a":"b,c=d"}'), ("cpu", "1")]),
        ("queue=[a,b=c],cpu=1", [("queue", "[a,b=c]"), ("cpu", "1")]),
        ("image=it's,cpu=1", [("image", "it's"), ("cpu", "1")]),
        ("cpu", [("cpu", None)]),
        ("cpu,memory=5", [("cpu", None), ("memory", "5")]),
        ("memory=5,cpu", [("memory", "5,cpu")]),
        ("e=,f=1", [("e", ""), ("f", "1")]),
        ("=8", [("", "8")]),
        ("", []),
    ],
)
def test_a_comma_separates_only_in_front_of_a_name_and_outside_of_quotes_and_brackets(
    typed: str, pairs: list[tuple[str, str | None]]
) -> None:
    assert list(split_arguments(typed)) == pairs


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("[spot,on-demand]", ["spot", "on-demand"]),
        ("[ spot , 'on demand' ]", ["spot", "on demand"]),
        ("(spot,on-demand)", ["spot", "on-demand"]),
        ("[it's,b]", ["it's", "b"]),
        ("{Team: data, Env: prod}", {"Team": "data", "Env": "prod"}),
        ("{Url: http://x:1}", {"Url": "http://x:1"}),
        ("{nofile: [1024, 65536]}", {"nofile": [1024, 65536]}),
        ("{a: {b: [c, 1]}}", {"a": {"b": ["c", 1]}}),
        ("[]", []),
    ],
)
def test_lists_and_mappings_may_do_without_inner_quotes(typed: str, meant: object) -> None:
    assert next(readings(typed)) == meant


def test_items_without_quotes_may_be_meant_as_text() -> None:
    assert list(readings("[1, b]"))[-1] == ["1", "b"]
    assert list(readings('{"Version": 1}'))[-1] == {"Version": "1"}


@pytest.mark.parametrize("typed", ["3.11", "true", "None", "1e3", "1_000"])
def test_text_that_looks_like_something_else_may_be_meant_as_text(typed: str) -> None:
    assert list(readings(typed))[-1] == typed


@pytest.mark.parametrize("typed", ["[a", '["a]', "'a", '"', "{a:b", "[a],[b]", '"a"b', "[[a]"])
def test_a_bracket_or_quote_that_does_not_end_with_the_value_is_broken(typed: str) -> None:
    assert is_broken(typed)


@pytest.mark.parametrize("typed", ["a", "a[", "it's", '"a"', "[a]", "{}", "'[a'", "", '"\\""'])
def test_other_brackets_and_quotes_are_not(typed: str) -> None:
    assert not is_broken(typed)
