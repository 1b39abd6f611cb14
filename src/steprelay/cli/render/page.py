"""A run as one HTML page: nothing to load, no scripts, legible on light and dark screens."""

import json
from pathlib import Path

import jinja2
from markupsafe import Markup

from steprelay.cli.errors import count
from steprelay.cli.render.cost import cost_rows, money
from steprelay.cli.render.ending import advice_on
from steprelay.cli.render.lines import follow_up
from steprelay.cli.render.runs import failures_of, origin_of
from steprelay.cli.render.words import date_time, duration, size
from steprelay.client.changes import StepProgress
from steprelay.client.hooks import hook_changed
from steprelay.client.stuck import stuck_jobs
from steprelay.client.view import RunView

TEMPLATE = Path(__file__).with_name("page.html.j2")


def page(view: RunView, drawing: str | None, now: float) -> str:
    """The page, with the flow as SVG where there is a `drawing`."""
    cause = view.ended.failure if view.ended else None
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False)
    environment.filters |= {"date_time": date_time, "duration": duration, "size": size, "money": money, "count": count}
    environment.filters |= {"json": json.dumps, "followed": follow_up, "lane": _Lanes(view, now).style}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        run=view.stored.run,
        origin=origin_of(view.stored.run),
        steps=view.steps,
        stuck=stuck_jobs(view.stored),
        failures=failures_of(view.flow, view.stored),
        hooks=[hook_changed(hook) for hook in view.stored.run.hooks],
        cost=view.cost,
        cost_rows=cost_rows(view.cost),
        cause=cause,
        advice=advice_on(cause) if cause else None,
        artifacts=view.ended.artifacts if view.ended else (),
        # Our own drawing: its texts are escaped already.
        drawing=None if drawing is None else Markup(drawing),  # noqa: S704
        now=now,
    )


class _Lanes:
    """Where in the run's time a step was under way, as CSS."""

    def __init__(self, view: RunView, now: float) -> None:
        self._begin = view.stored.run.created_at
        self._end = view.stored.run.ended_at or now
        self._whole = max(self._end - self._begin, 1e-9)

    def style(self, step: StepProgress) -> str:
        begin, end = step.started_at or self._begin, step.ended_at or self._end
        left, width = self._part(begin - self._begin), self._part(end - begin)
        return f"left:{min(left, 100):.2f}%;width:{min(width, 100 - left):.2f}%"

    def _part(self, seconds: float) -> float:
        return 100 * max(0.0, seconds) / self._whole
