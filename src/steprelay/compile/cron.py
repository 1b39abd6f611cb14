"""Cron expressions: AWS's six fields as they are, unix's five converted."""

import re

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# Field names with their lowest and highest number, as unix counts.
_UNIX = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_ITEM = re.compile(r"(?P<low>\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d+))?|\*/(?P<every>\d+)", re.ASCII)
# EventBridge Scheduler: minutes hours day-of-month month day-of-week year; ? L W # where they have a meaning.
_AWS_FIELDS = (
    ("minutes", r"[\d*,/-]+"),
    ("hours", r"[\d*,/-]+"),
    ("day of month", r"\?|[\d*,/LW-]+"),
    ("month", r"[\dA-Z*,/-]+"),
    ("day of week", r"\?|[\dA-Z*,/#-]+"),
    ("year", r"[\d*,/-]+"),
)


class CronError(ValueError):
    """A cron expression that cannot be used; the text says which field and why."""


def aws_cron(given: str) -> str:
    """The expression as EventBridge Scheduler takes it: `cron(...)` with six fields.

    Raises:
        CronError: if it has neither five nor six fields, a field is out of range, or both days are restricted (which
            unix joins by "or" and EventBridge not at all).
    """
    text = given.strip()
    if text.startswith("cron(") and text.endswith(")"):
        text = text[5:-1]
    fields = text.upper().split()
    if len(fields) == 6:
        return f"cron({' '.join(_checked(fields))})"
    if len(fields) == 5:
        return f"cron({_from_unix(fields)})"
    raise CronError(f"{given!r} has {len(fields)} fields: unix cron has five, EventBridge's six")


def _checked(fields: list[str]) -> list[str]:
    for field, (name, form) in zip(fields, _AWS_FIELDS, strict=True):
        if not re.fullmatch(form, field, re.ASCII):
            raise CronError(f"{field!r} is no {name}")
    if [fields[2], fields[4]].count("?") != 1:
        raise CronError("exactly one of day of month and day of week must be ?")
    return fields


def _from_unix(fields: list[str]) -> str:
    minute, hour, day, month, weekday = (
        _field(field, name, low, high) for field, (name, low, high) in zip(fields, _UNIX, strict=True)
    )
    if weekday == "*":
        weekday = "?"
    elif day == "*":
        day = "?"
    else:
        raise CronError("EventBridge cannot join a day of the month and a day of the week: keep one of them as *")
    return f"{minute} {hour} {day} {month} {weekday} *"


def _field(field: str, name: str, low: int, high: int) -> str:
    """Single values and ranges are listed one by one: steps of ranges read differently in AWS's dialect."""
    if field == "*":
        return field
    numbers = sorted({number for item in field.split(",") for number in _numbers(item, name, low, high)})
    if name != "day of week":
        return ",".join(map(str, numbers))
    return ",".join(_DAYS[day] for day in sorted({number % 7 for number in numbers}))


def _numbers(item: str, name: str, low: int, high: int) -> range:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise CronError(f"{item!r} is no {name}")
    if match["every"]:
        first, last, step = low, 6 if name == "day of week" else high, int(match["every"])
    else:
        first = _number(match["low"], name)
        last = _number(match["high"], name) if match["high"] else high if match["step"] else first
        step = int(match["step"] or 1)
    if not low <= first <= last <= high or step < 1:
        raise CronError(f"{item!r} is no {name} ({low} to {high})")
    return range(first, last + 1, step)


def _number(text: str, name: str) -> int:
    if name == "day of week" and text in _DAYS:
        return _DAYS.index(text)
    if name == "month" and text in _MONTHS:
        return _MONTHS.index(text) + 1
    if not text.isdecimal():
        raise CronError(f"{text!r} is no {name}")
    return int(text)
