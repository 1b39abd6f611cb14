"""A SubmitJob request with its definition and queue → what the engine runs. Pure."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from steprelay.local.batch.arns import short_name
from steprelay.local.batch.model import JobSpec
from steprelay.local.batch.nodes import Node, nodes_of
from steprelay.local.batch.outcome import OVERRIDES_TOO_LONG
from steprelay.local.batch.retry import RetryStrategy
from steprelay.local.batch.rules import MOST_TAGS, OVERRIDES_LIMIT, compact_length, resources
from steprelay.local.batch.surroundings import surroundings

Document = Mapping[str, Any]

PARAMETER = re.compile(r"Ref::([A-Za-z0-9_-]+)")
# Members that ContainerDetail takes over from ContainerProperties unchanged.
LISTS = ("volumes", "mountPoints", "ulimits", "secrets")


def job_spec(request: Document, definition: Document, queue: Document, secrets: Container[str] = ()) -> JobSpec:
    """The merged job; the request has passed the rules. The dicts in it are fresh, but share leaves.

    `secrets`: the variables whose value is known here.
    """
    if "nodeProperties" in definition:
        return _multinode(request, definition, queue, secrets)
    node = Node(definition["containerProperties"], request.get("containerOverrides", {}))
    return _spec(request, definition, queue, node, secrets)


def _multinode(request: Document, definition: Document, queue: Document, secrets: Container[str]) -> JobSpec:
    properties = definition["nodeProperties"]
    main_node: int = properties["mainNode"]
    nodes = nodes_of(request, definition)
    specs = [_spec(request, definition, queue, node, secrets) for node in nodes]
    main = specs[main_node]
    return replace(
        main,
        container={},
        vcpus=sum(spec.vcpus for spec in specs),
        memory_mib=sum(spec.memory_mib for spec in specs),
        refusal=next((spec.refusal for spec in specs if spec.refusal), None),
        nodes=tuple(_node(spec, main, is_main=at == main_node) for at, spec in enumerate(specs)),
        main_node=main_node,
        node_properties={**properties, "numNodes": len(nodes)},
    )


def _node(spec: JobSpec, main: JobSpec, *, is_main: bool) -> JobSpec:
    """What is the whole job's is not the node's: its timeout, its retries, and what the main node's log says."""
    if is_main:
        return spec
    around = spec.surroundings
    if around.note == main.surroundings.note:
        around = replace(around, note=None)
    return replace(spec, timeout_seconds=None, surroundings=around)


def _spec(request: Document, definition: Document, queue: Document, node: Node, secrets: Container[str]) -> JobSpec:
    container, overrides = node.container, node.overrides
    parameters = {**definition["parameters"], **request.get("parameters", {})}
    command = substitute(overrides.get("command", container.get("command", ())), parameters)
    environment = _environment(container, overrides)
    asked = {**resources(container), **resources(overrides)}
    retry_strategy = request.get("retryStrategy", definition.get("retryStrategy")) or {"attempts": 1}
    timeout = request.get("timeout", definition.get("timeout")) or {}
    group, prefix = _log_names(container, definition["jobDefinitionName"])
    return JobSpec(
        name=request["jobName"],
        queue_arn=queue["jobQueueArn"],
        queue_name=queue["jobQueueName"],
        compute_environment=short_name(queue["computeEnvironmentOrder"][0]["computeEnvironment"]),
        priority=queue["priority"],
        definition_arn=definition["jobDefinitionArn"],
        command=tuple(command),
        environment=environment,
        image=container["image"],
        container=_container_detail(container, command, environment, asked),
        vcpus=float(asked["VCPU"]),
        memory_mib=int(asked["MEMORY"]),
        retry=RetryStrategy.parse(retry_strategy),
        retry_strategy={"evaluateOnExit": [], **retry_strategy},
        timeout_seconds=timeout.get("attemptDurationSeconds"),
        parameters=parameters,
        propagate_tags=request.get("propagateTags", definition["propagateTags"]),
        platform_capabilities=tuple(definition["platformCapabilities"]),
        depends_on=tuple(request.get("dependsOn", ())),
        log_group=group,
        log_prefix=prefix,
        share_identifier=request.get("shareIdentifier"),
        scheduling_priority=request.get("schedulingPriorityOverride", definition.get("schedulingPriority")),
        array_size=request.get("arrayProperties", {}).get("size"),
        refusal=_refusal(request, definition, overrides),
        surroundings=surroundings(container, int(asked.get("GPU", 0)), secrets),
    )


def job_tags(request: Document) -> dict[str, str]:
    """A job's own tags; its definition's go to the ECS task only."""
    return dict(request.get("tags", {}))


def substitute(command: Iterable[str], parameters: Mapping[str, str]) -> list[str]:
    """Every `Ref::name` replaced by its parameter; one without a value stays as it is."""
    return [PARAMETER.sub(lambda found: parameters.get(found[1], found[0]), part) for part in command]


def _environment(container: Document, overrides: Document) -> dict[str, str]:
    entries = [*container.get("environment", ()), *overrides.get("environment", ())]
    return {entry["name"]: entry.get("value", "") for entry in entries}


def _container_detail(
    container: Document, command: Sequence[str], environment: Mapping[str, str], asked: Mapping[str, str]
) -> dict[str, Any]:
    replaced = {"vcpus", "memory"}
    return {
        **{name: [] for name in LISTS},
        **{key: value for key, value in container.items() if key not in replaced},
        "command": command,
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
        "resourceRequirements": [{"type": kind, "value": value} for kind, value in asked.items()],
        "networkInterfaces": [],
    }


def _log_names(container: Document, definition_name: str) -> tuple[str, str]:
    options = container.get("logConfiguration", {}).get("options", {})
    group = options.get("awslogs-group", "/aws/batch/job")
    return group, options.get("awslogs-stream-prefix", definition_name)


def _refusal(request: Document, definition: Document, overrides: Document) -> str | None:
    """Why the job will fail though SubmitJob accepts it."""
    if compact_length(overrides) > OVERRIDES_LIMIT:
        return OVERRIDES_TOO_LONG
    propagate = request.get("propagateTags", definition["propagateTags"])
    together = {**definition["tags"], **request.get("tags", {})}
    if propagate and len(together) > MOST_TAGS:
        return f"The combined tags of the job and its definition must be at most {MOST_TAGS}"
    return None
