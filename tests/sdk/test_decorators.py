"""What decorators record."""

import inspect
from typing import Any

from steprelay import FlowSpec, batch, catch, environment, resources, retry, schedule, step, timeout, trigger
from steprelay.sdk.decoration import Decoration, StepMeta


def _meta(function: Any) -> StepMeta:
    meta = function.__steprelay__
    assert isinstance(meta, StepMeta)
    return meta


def _names(function: Any) -> list[str]:
    return [decoration.name for decoration in _meta(function).decorations]


def test_a_step_is_marked_and_stays_the_same_function() -> None:
    def plain(self: Any) -> int:
        return 1

    assert step(plain) is plain
    assert step()(plain) is plain
    assert (_meta(plain).is_step, _meta(plain).decorations) == (True, [])
    assert plain(None) == 1


def test_decorators_record_their_keywords_from_the_top_down_in_any_order_around_step() -> None:
    @retry(times=2)
    @step
    @batch(cpu=4, memory=1000)
    @timeout
    def train(self: Any) -> None: ...

    meta = _meta(train)
    assert meta.is_step
    assert [(each.name, each.arguments) for each in meta.decorations] == [
        ("retry", {"times": 2}),
        ("batch", {"cpu": 4, "memory": 1000}),
        ("timeout", {}),
    ]


def test_every_step_decorator_works_with_and_without_parentheses() -> None:
    for decorator in (batch, resources, retry, timeout, catch, environment):
        for use in (decorator, decorator()):

            def function(self: Any) -> None: ...

            use(function)
            assert _names(function) == [decorator.__name__]


def test_a_decoration_knows_file_and_line_with_and_without_parentheses() -> None:
    first = inspect.currentframe().f_lineno  # type: ignore[union-attr]

    @retry(
        times=1,
    )
    @batch
    @step
    def train(self: Any) -> None: ...

    assert [(each.file, each.line) for each in _meta(train).decorations] == [
        (__file__, first + 2),
        (__file__, first + 5),
    ]


def test_any_keyword_is_recorded_for_the_compiler_to_judge() -> None:
    arguments: Any = {"cpus": "many"}

    @batch(**arguments)
    @step
    def train(self: Any) -> None: ...

    assert _meta(train).decorations[0].arguments == {"cpus": "many"}


def test_values_by_position_are_recorded_for_the_compiler_to_judge() -> None:
    by_position: Any = batch

    @by_position(4, 8192)  # type: ignore[untyped-decorator]
    @step
    def train(self: Any) -> None: ...

    assert _meta(train).decorations[0].positional == (4, 8192)


def test_class_decorators_record_on_the_flow_from_the_top_down() -> None:
    @schedule(daily=True, timezone="Europe/Berlin")
    @trigger(event="data-arrived")
    class MyFlow(FlowSpec): ...

    recorded: list[Decoration] = MyFlow.__steprelay_flow__  # type: ignore[attr-defined]
    assert [(each.name, each.arguments) for each in recorded] == [
        ("schedule", {"daily": True, "timezone": "Europe/Berlin"}),
        ("trigger", {"event": "data-arrived"}),
    ]


def test_a_subclass_does_not_write_into_its_parents_record() -> None:
    @schedule(hourly=True)
    class Parent(FlowSpec): ...

    @schedule(weekly=True)
    class Child(Parent): ...

    assert [each.arguments for each in Parent.__steprelay_flow__] == [{"hourly": True}]  # type: ignore[attr-defined]
    assert [each.arguments for each in Child.__steprelay_flow__] == [{"weekly": True}]  # type: ignore[attr-defined]


def test_a_decorator_in_the_wrong_place_is_recorded_for_the_compiler_to_judge() -> None:
    misplaced: Any = batch(cpu=4)

    @misplaced
    class MyFlow(FlowSpec):
        @schedule(hourly=True)  # type: ignore[type-var]
        @step
        def start(self: Any) -> None: ...

    assert [each.name for each in MyFlow.__steprelay_flow__] == ["batch"]  # type: ignore[attr-defined]
    assert [each.name for each in _meta(MyFlow.start).decorations] == ["schedule"]
