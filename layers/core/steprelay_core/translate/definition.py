"""RegisterJobDefinition: what SubmitJob cannot override, and the bootstrap, which is the same for all."""

from typing import Any

from steprelay_core.spec import Batch, Flow, Step
from steprelay_core.translate.container import container_properties
from steprelay_core.translate.image import image_in_use
from steprelay_core.translate.inputs import Defaults, Platform
from steprelay_core.translate.names import definition_name
from steprelay_core.translate.terms import Sizes

# All nodes, however many there are.
ALL_NODES = "0:"

# Batch wants sizes in a definition although every submission overrides them. Constant, so that steps of
# all sizes share one definition.
_PLACEHOLDER_SIZES = {"ec2": ("1", "512"), "fargate": ("0.25", "512")}


def build_definition(
    flow: Flow, step: Step, batch: Batch, platform: Platform, sizes: Sizes, defaults: Defaults, bootstrap: str
) -> dict[str, Any]:
    """The arguments of RegisterJobDefinition; the name is the hash of all the others."""
    vcpus, memory = _PLACEHOLDER_SIZES[platform]
    container: dict[str, Any] = {
        "image": image_in_use(flow, batch, defaults),
        "resourceRequirements": [{"type": "VCPU", "value": vcpus}, {"type": "MEMORY", "value": memory}],
    }
    if step.package:
        # Here and not in the overrides: those are capped at 8,192 characters.
        container["command"] = ["python3", "-c", bootstrap]
    container |= container_properties(batch, platform, sizes, defaults)
    content: dict[str, Any] = {"type": "container", "platformCapabilities": [platform.upper()]}
    if batch.nodes > 1:
        content |= {"type": "multinode", "nodeProperties": _nodes(batch, container)}
    else:
        content |= {"containerProperties": container}
    return {"jobDefinitionName": definition_name(content), **content}


def tempdir(batch: Batch) -> str | None:
    """Where a step's temporary files go, if its tmpfs is to hold them."""
    return batch.tmpfs_path if batch.has_tmpfs and batch.tmpfs_tempdir else None


def _nodes(batch: Batch, container: dict[str, Any]) -> dict[str, Any]:
    """One range of equal nodes; the first is the one whose end is the job's."""
    everywhere = {"targetNodes": ALL_NODES, "container": container}
    return {"numNodes": batch.nodes, "mainNode": 0, "nodeRangeProperties": [everywhere]}
