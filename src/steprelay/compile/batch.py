"""The `batch` of a step: command line over decorators over configuration, each value with where it came from."""

from dataclasses import dataclass
from typing import Any

from steprelay.compile.arguments import TAGS, Checked
from steprelay.compile.culprits import parameters_in
from steprelay.compile.options import Options
from steprelay.compile.refusals import refusals
from steprelay.compile.signatures import ResourcesArguments
from steprelay.config.values import Setting
from steprelay_core.spec import Batch, Problem
from steprelay_core.spec.batch import batch_problems

# Where @batch and @resources both give a value the larger one counts.
_COMBINED = ("cpu", "gpu", "memory", "shared_memory")
# What a job always has, whoever gave it.
_ALWAYS = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Resources:
    """`@resources` of a step, and what it asks for with its defaults."""

    asked: Checked
    values: ResourcesArguments

    def origin(self, name: str) -> str:
        return self.asked.origins.get(name) or f"{self.asked.origin}, its default"


class Values:
    """The values of one step's `batch` as they come together, each with its origin; tags are origins one by one."""

    def __init__(self, given: dict[str, Any], origins: dict[str, str]) -> None:
        self.given, self.origins = given, origins

    def set(self, name: str, value: Any, origin: str) -> None:
        self.given[name] = value
        self.origins[name] = origin

    def set_beneath(self, name: str, setting: Setting | None) -> None:
        """A configured value, where nothing closer gave one."""
        if setting is not None and name not in self.given:
            self.set(name, setting.value, setting.origin)

    def combine(self, asked: Checked, resources: Resources) -> None:
        """Metaflow's rule of the larger value, within the command line and within the decorators."""
        for name in _COMBINED:
            mine, theirs = self.given.get(name), getattr(resources.values, name)
            commanded = name in asked.commanded and name not in resources.asked.commanded
            if theirs is not None and not commanded and (mine is None or mine < theirs):
                self.set(name, theirs, resources.origin(name))

    def configure(self, options: Options, python: str) -> None:
        configuration = options.configuration
        self.set_beneath("queue", configuration.queue)
        self.set_beneath("image", configuration.image)
        self.set_beneath("iam_role", configuration.iam_role)
        self.set_beneath("execution_role", configuration.execution_role)
        if configuration.tags is not None:
            own = self.given.get(TAGS, {})
            added = {
                f"{TAGS}.{name}": configuration.tags.origin for name in configuration.tags.value if name not in own
            }
            self.given[TAGS] = configuration.tags.value | own
            self.origins |= added
        if configuration.registry is not None:
            self._find_in(configuration.registry, python)

    def _find_in(self, registry: Setting, python: str) -> None:
        from steprelay_core.translate.image import with_registry

        given = self.given.get("image")
        found = with_registry(given or f"python:{python}", registry.value)
        if found != given:
            origins = [self.origins["image"]] if given else []
            self.set("image", found, ", ".join([*origins, registry.origin]))

    @property
    def fields(self) -> dict[str, Any]:
        """As the spec keeps them: without what is the default anyway."""
        return {name: value for name, value in self.given.items() if value != Batch.model_fields[name].default}

    @property
    def provenance(self) -> dict[str, str]:
        origins = dict.fromkeys(_ALWAYS, "default") | self.origins
        order = list(Batch.model_fields)
        return dict(sorted(origins.items(), key=lambda entry: order.index(entry[0].partition(".")[0])))


def read_batch(asked: Checked, resources: Resources | None, options: Options, python: str) -> Values:
    """What the step asks of Batch; problems are left in `asked`. `python` is the submitter's version."""
    asked.only(Batch.model_fields)
    read = asked.read(Batch)
    if read is None:
        return Values({}, {})
    values = Values(read.model_dump(exclude_unset=True), dict(asked.origins))
    if resources is not None:
        values.combine(asked, resources)
    values.configure(options, python)
    if options.round_up and "round_up" not in asked.commanded:
        values.set("round_up", True, "--round-up")
    for problem in [*_refused(values), *batch_problems(Batch.model_validate(values.fields), "batch", "")]:
        asked.problems.append(asked.where.blame(problem, parameters_in(problem), values.origins))
    return values


def _refused(values: Values) -> list[Problem]:
    """What is wrong with values though each of their parts was right; they are taken out."""
    faults = refusals(Batch, values.fields)
    for fault in faults:
        values.given.pop(fault.path.partition(".")[0], None)
    return [Problem(f"batch.{fault.path}", fault.message, fault.hint) for fault in faults]
