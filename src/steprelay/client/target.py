"""Which relay is meant."""

from dataclasses import dataclass
from typing import Literal

Where = Literal["local", "cloud"]

# Names a stack for every command, so that neither `--on cloud` nor `--stack` need be typed.
STACK_VARIABLE = "STEPRELAY_STACK"


@dataclass(frozen=True, slots=True)
class Target:
    """A relay. `outputs` has the stack's outputs by the keys of docs/architecture.md, "Names in the template"."""

    where: Where
    stack: str
    outputs: dict[str, str]

    @property
    def package_bucket(self) -> str:
        return self.outputs["PackageBucket"]

    @property
    def data_bucket(self) -> str:
        return self.outputs["DataBucket"]

    @property
    def table(self) -> str:
        return self.outputs["Table"]

    @property
    def bus(self) -> str:
        return self.outputs["BusName"]
