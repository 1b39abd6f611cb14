"""EventBridge Scheduler as a dictionary."""

from steprelay_core.ports import Refused, WantedSchedule


class MemorySchedules:
    """`schedules` by name; a test names in `refused` the expressions that Scheduler is to reject."""

    def __init__(self) -> None:
        self.schedules: dict[str, WantedSchedule] = {}
        self.refused: set[str] = set()

    def put(self, schedule: WantedSchedule) -> None:
        if schedule.expression in self.refused:
            raise Refused(f"AWS refused schedule {schedule.expression!r}: Invalid Schedule Expression")
        self.schedules.setdefault(schedule.name, schedule)

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.schedules if name.startswith(prefix))

    def delete(self, name: str) -> None:
        self.schedules.pop(name, None)
