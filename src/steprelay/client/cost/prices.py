"""List prices: data of a certain date and region, in `prices.json` beside this module."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

# What runs a task: instances on demand or spot, Fargate on demand or spot, the light function.
Compute = Literal["ec2", "spot", "fargate", "fargate_spot", "lambda"]
COMPUTES: tuple[Compute, ...] = get_args(Compute)


@dataclass(frozen=True, slots=True)
class Rates:
    """What an hour of one of these costs."""

    vcpu: float
    gib: float
    gpu: float
    neuron: float


@dataclass(frozen=True, slots=True)
class Prices:
    """`as_of` (year and month), `region` and `currency` belong to every figure that is made from them."""

    as_of: str
    region: str
    currency: str
    per_hour: Mapping[Compute, Rates]


@cache
def list_prices() -> Prices:
    """The prices that come with this version."""
    data = json.loads(files("steprelay.client.cost").joinpath("prices.json").read_text("utf-8"))
    rates = {compute: Rates(**data["per_hour"][compute]) for compute in COMPUTES}
    return Prices(data["as_of"], data["region"], data["currency"], rates)
