"""What the Batch API refuses, beyond the shapes of its model. Pure; every function returns problems.

Sources: the service model's documentation of each member, and the service's quotas (user guide).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
REASON_PATTERN = re.compile(r"[A-Za-z0-9.:\s]{0,511}\*?")
SHARE = re.compile(r"[A-Za-z0-9]{1,255}\*?")
EXIT_CODE_PATTERN = re.compile(r"[0-9]{0,511}\*?")
REQUEST_LIMIT = 30 * 1024
DEFINITION_LIMIT = 24 * 1024
OVERRIDES_LIMIT = 8192
MOST_TAGS = 50
# vCPU -> valid MiB, from the Fargate table of ResourceRequirement's documentation.
FARGATE_MEMORY: dict[float, frozenset[int]] = {
    0.25: frozenset({512, 1024, 2048}),
    0.5: frozenset(range(1024, 4096 + 1, 1024)),
    1: frozenset(range(2048, 8192 + 1, 1024)),
    2: frozenset(range(4096, 16384 + 1, 1024)),
    4: frozenset(range(8192, 30720 + 1, 1024)),
    8: frozenset(range(16384, 61440 + 1, 4096)),
    16: frozenset(range(32768, 122880 + 1, 8192)),
    32: frozenset({61440, 122880, 249856}),
}


def check_name(kind: str, name: str) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield (
            f"{kind} should match valid pattern: up to 128 letters, digits, hyphens and underscores,"
            f" the first a letter or digit; given {name!r}"
        )


def check_submission(request: Document) -> list[str]:
    """Problems of a SubmitJob request that can be told without looking anything up."""
    size = compact_length(request)
    problems = list(check_name("Job name", request["jobName"]))
    if size > REQUEST_LIMIT:
        problems.append(f"the request has {size} bytes; at most {REQUEST_LIMIT} are allowed")
    problems += _check_array(request)
    problems += _check_dependencies(request)
    overrides = request.get("containerOverrides", {})
    problems += check_environment("containerOverrides.environment", overrides.get("environment", ()))
    if not SHARE.fullmatch(request.get("shareIdentifier", "a")):
        given = request["shareIdentifier"]
        problems.append(f"shareIdentifier has at most 255 letters and digits, and one * at the end; given {given!r}")
    problems += check_run_limits(request)
    return problems


def check_definition(request: Document) -> list[str]:
    """Problems of a RegisterJobDefinition request."""
    size = compact_length(request)
    problems = list(check_name("Job definition name", request["jobDefinitionName"]))
    if size > DEFINITION_LIMIT:
        problems.append(f"the job definition has {size} bytes; at most {DEFINITION_LIMIT} are allowed")
    if request["type"] == "container" and "containerProperties" not in request:
        problems.append("the local Batch offers jobs of type container with containerProperties only")
    if "containerProperties" in request:
        platforms = request.get("platformCapabilities", ())
        problems += check_container("containerProperties", request["containerProperties"], platforms)
    return [*problems, *check_run_limits(request)]


def check_container(where: str, container: Document, platforms: Sequence[str]) -> Iterator[str]:
    """Problems of a definition's container; `where` it stands in the request."""
    if not container.get("image"):
        yield f"{where}.image is required"
    yield from check_environment(f"{where}.environment", container.get("environment", ()))
    yield from check_resources(resources(container), platforms)
    if "FARGATE" in platforms and not container.get("executionRoleArn"):
        yield f"{where}.executionRoleArn is required on Fargate"


def check_run_limits(request: Document) -> Iterator[str]:
    """retryStrategy, timeout, priority and tags, which submissions and definitions share."""
    yield from _check_retry(request.get("retryStrategy", {}))
    for name in ("schedulingPriority", "schedulingPriorityOverride"):
        if not 0 <= request.get(name, 0) <= 9999:
            yield f"{name} is between 0 and 9999; given {request[name]}"
    seconds = request.get("timeout", {}).get("attemptDurationSeconds")
    if seconds is not None and seconds < 60:
        yield f"timeout.attemptDurationSeconds must be at least 60 seconds; given {seconds}"
    yield from check_tags(request.get("tags", {}))


def check_tags(tags: Mapping[str, str]) -> Iterator[str]:
    if len(tags) > MOST_TAGS:
        yield f"a resource has at most {MOST_TAGS} tags; given {len(tags)}"
    for key, value in tags.items():
        if len(key) > 128 or len(value) > 256:
            yield f"the tag {key[:40]!r} is too long: keys have at most 128 characters, values 256"
        if key.lower().startswith("aws:"):
            yield f"the tag {key!r} starts with aws:, which is reserved"


def check_environment(where: str, entries: Sequence[Document]) -> Iterator[str]:
    for entry in entries:
        name = entry.get("name", "")
        if name.startswith("AWS_BATCH"):
            yield f"{where}: names starting with AWS_BATCH are reserved; given {name}"
        elif not name:
            yield f"{where}: every entry needs a name"


def resources(container: Document) -> dict[str, str]:
    """VCPU, MEMORY and GPU as asked for, `resourceRequirements` before the older `vcpus` and `memory`."""
    older = {"VCPU": container.get("vcpus"), "MEMORY": container.get("memory")}
    asked = {kind: str(value) for kind, value in older.items() if value is not None}
    asked.update((each["type"], each["value"]) for each in container.get("resourceRequirements", ()))
    return asked


def check_resources(asked: Mapping[str, str], platforms: Sequence[str]) -> list[str]:
    """Problems of VCPU, MEMORY and GPU on EC2 (whole vCPUs) or Fargate (its table)."""
    missing = [kind for kind in ("VCPU", "MEMORY") if kind not in asked]
    if missing:
        return [f"resourceRequirements: {' and '.join(missing)} required"]
    try:
        vcpus, memory, gpus = float(asked["VCPU"]), int(asked["MEMORY"]), int(asked.get("GPU", "0"))
    except ValueError:
        given = ", ".join(f"{kind}={value!r}" for kind, value in asked.items())
        return [f"resourceRequirements: VCPU is a number, MEMORY (MiB) and GPU whole numbers; given {given}"]
    if "FARGATE" in platforms:
        return _check_fargate(vcpus, memory, gpus)
    problems = []
    if vcpus < 1 or vcpus != int(vcpus):
        problems.append(f"resourceRequirements: on EC2, VCPU is a whole number of at least 1; given {vcpus:g}")
    if memory < 4:
        problems.append(f"resourceRequirements: MEMORY is at least 4 MiB; given {memory}")
    return problems


def compact_length(document: Document) -> int:
    """Bytes of the document as compact JSON."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def _check_fargate(vcpus: float, memory: int, gpus: int) -> list[str]:
    problems = ["resourceRequirements: there are no GPUs on Fargate"] if gpus else []
    valid = FARGATE_MEMORY.get(vcpus)
    if valid is None:
        sizes = ", ".join(f"{size:g}" for size in FARGATE_MEMORY)
        problems.append(f"resourceRequirements: Fargate VCPU is one of {sizes}; given {vcpus:g}")
    elif memory not in valid:
        values = ", ".join(map(str, sorted(valid)))
        problems.append(f"resourceRequirements: Fargate MEMORY for {vcpus:g} vCPU is one of {values}; given {memory}")
    return problems


def _check_array(request: Document) -> Iterator[str]:
    properties = request.get("arrayProperties")
    if properties is None:
        return
    size = properties.get("size")
    if size is None or not 2 <= size <= 10_000:
        yield f"arrayProperties.size must be between 2 and 10000; given {size}"


def _check_dependencies(request: Document) -> Iterator[str]:
    dependencies = request.get("dependsOn", ())
    if len(dependencies) > 20:
        yield f"a job depends on at most 20 jobs; given {len(dependencies)}"
    for at, dependency in enumerate(dependencies):
        kind, job_id = dependency.get("type"), dependency.get("jobId")
        if kind is not None and "arrayProperties" not in request:
            yield f"dependsOn[{at}]: {kind} is only for array jobs"
        if kind == "SEQUENTIAL" and job_id is not None:
            yield f"dependsOn[{at}]: SEQUENTIAL takes no jobId"
        if kind != "SEQUENTIAL" and job_id is None:
            yield f"dependsOn[{at}]: jobId is required"


def _check_retry(strategy: Document) -> Iterator[str]:
    attempts = strategy.get("attempts")
    if attempts is not None and not 1 <= attempts <= 10:
        yield f"retryStrategy.attempts must be between 1 and 10; given {attempts}"
    entries = strategy.get("evaluateOnExit", ())
    if entries and attempts is None:
        yield "retryStrategy.attempts is required beside evaluateOnExit"
    if len(entries) > 5:
        yield f"retryStrategy.evaluateOnExit has at most 5 entries; given {len(entries)}"
    for at, entry in enumerate(entries):
        yield from _check_exit_rule(f"retryStrategy.evaluateOnExit[{at}]", entry)


def _check_exit_rule(where: str, entry: Document) -> Iterator[str]:
    if entry["action"].upper() not in ("RETRY", "EXIT"):
        yield f"{where}.action is RETRY or EXIT; given {entry['action']!r}"
    for key in ("onReason", "onStatusReason"):
        if not REASON_PATTERN.fullmatch(entry.get(key, "")):
            yield (
                f"{where}.{key} takes at most 512 letters, digits, periods, colons and white space,"
                f" and one * at the end; given {entry[key]!r}"
            )
    if not EXIT_CODE_PATTERN.fullmatch(entry.get("onExitCode", "")):
        yield f"{where}.onExitCode takes digits, and one * at the end; given {entry['onExitCode']!r}"
