"""How each class reads, in the order in which it is tested: the first rule that fits decides.

The texts are those of AWS Batch (user guide: "Job states", "Jobs stuck in RUNNABLE"), of Amazon ECS (developer guide:
"Stopped tasks error messages", "CannotPullContainer task errors") and of the ECS agent, whose errors are named in
agent/dockerclient/dockerapi/errors.go, agent/engine/errors.go and ecs-agent/api/errors of its sources.
"""

import re
from dataclasses import dataclass
from typing import Literal

# Put in front of every reason we give TerminateJob, so that its echo in statusReason is recognised.
CANCEL_PREFIX = "steprelay: cancelled"

# The same, for a job that is ended because it waited too long in its queue.
QUEUE_TIMEOUT_PREFIX = "steprelay: queue timeout"


@dataclass(frozen=True, slots=True)
class Rule:
    """A class, and what makes a job one of it. `reads` shows people such texts.

    `pattern` is searched for in the container's reason and in `statusReason`; if `alone`, in `statusReason` only, and
    the container must have given no reason. `exit_code`: the one it must have ended with, or any. `stopped`: it must
    have been cancelled or terminated. `parent`: it must be an array as a whole. `waiting`: the text also tells of a
    job that has not failed, but waits.
    """

    class_: str
    pattern: re.Pattern[str]
    reads: tuple[str, ...]
    alone: bool = False
    exit_code: int | Literal["any"] | None = None
    stopped: bool = False
    parent: bool = False
    waiting: bool = False


def _rule(
    class_: str,
    pattern: str,
    *reads: str,
    alone: bool = False,
    exit_code: int | Literal["any"] | None = None,
    stopped: bool = False,
    parent: bool = False,
    waiting: bool = False,
) -> Rule:
    # Reasons may have several lines: Docker's and the SDKs' errors go into them as they are.
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return Rule(class_, compiled, reads, alone, exit_code, stopped, parent, waiting)


_ANYTHING = ""
_PLAIN_EXIT = r"^(Essential container in task exited\.?)?$"
_PULL = r"CannotPull(ECR)?(Container(Auth)?|ImageManifest)Error"
_DENIED = r"AccessDenied|not authorized to perform|permission denied"
# Reasons are cut at 255 characters, within words.
_LATE = r"time[ds]?[ -]?out|deadline exc|context deadl|signal: kill|\bkilled\b|request(?: context)? cancell?ed"
# What Docker says of an image that is not there, is not ours, or is for other machines.
_NO_IMAGE = (
    r"manifest unknown|unauthorized|no basic auth|not found|does not exist|access denied|\bdenied:|AccessDenied"
    r"|not authorized|incorrect username|has (the )?permissions|invalid reference|no match.*platform"
    r"|no matching manifest|matching platform|exec format error|name unknown"
)
# How a registry says that it was asked too often.
_THROTTLED = r"too ?many ?requests|pull rate limit|rate exceeded|\b429\b|Throttling"

RULES: tuple[Rule, ...] = (
    _rule("cancelled", rf"^{CANCEL_PREFIX}", f"{CANCEL_PREFIX}: …"),
    _rule(
        "queue_timeout",
        rf"^{QUEUE_TIMEOUT_PREFIX}|^(Cancell?ed|Terminated) by JobStateTimeLimit action",
        f"{QUEUE_TIMEOUT_PREFIX}: …",
        "Canceled by JobStateTimeLimit action due to reason: …",
    ),
    # Both are Batch's own way of stopping a job, so they come before whoever else stopped it.
    _rule("timeout", r"Job attempt duration exceeded timeout", "Job attempt duration exceeded timeout"),
    _rule("cancelled", _ANYTHING, "`isCancelled` or `isTerminated`, whatever the reason says", stopped=True),
    _rule(
        "spot",
        r"Host EC2\b.*\b(terminated|stopped)|Spot (Task|Instance) was interrupted|\bSpotInterruption\b",
        "Host EC2 (instance i-…) terminated.",
        "Host EC2 (instance i-…) stopped.",
        "Your Spot Task was interrupted.",
        "SpotInterruption",
    ),
    _rule(
        "oom",
        r"OutOfMemoryError: Container killed|killed due to memory usage|container init was OOM-killed",
        "OutOfMemoryError: Container killed due to memory usage",
        "CannotStartContainerError: … container init was OOM-killed (memory limit too low?)",
    ),
    _rule(
        "host",
        rf"{_PULL}.*no space left on device",
        "CannotPullContainerError: … no space left on device",
    ),
    _rule(
        "image_transient",
        rf"{_PULL}.*({_THROTTLED})",
        "CannotPullContainerError: … toomanyrequests: Too Many Requests",
        "CannotPullContainerError: … You have reached your pull rate limit",
    ),
    _rule(
        "image_permanent",
        rf"{_PULL}.*({_NO_IMAGE})",
        "CannotPullContainerError: … manifest unknown",
        "CannotPullContainerError: … unauthorized",
        "CannotPullContainerError: … no basic auth credentials",
        "CannotPullContainerError: … not found",
        "CannotPullContainerError: … pull access denied",
        "CannotPullContainerError: … repository does not exist",
        "CannotPullContainerError: … not authorized to perform: ecr:BatchGetImage",
        "CannotPullContainerError: … Check that the role has the permissions to pull images from the registry",
        "CannotPullContainerError: … does not contain descriptor matching platform 'linux/amd64'",
        "CannotPullContainerError: … invalid reference format",
        "CannotPullImageManifestError: … manifest unknown",
    ),
    _rule(
        "image_permanent",
        r"exec format error",
        "exec format error: the image is for machines of another architecture",
    ),
    _rule(
        "image_permanent",
        rf"CannotPullContainerAuthError(?!.*({_LATE}|connection))",
        "CannotPullContainerAuthError: …",
    ),
    _rule(
        "image_transient",
        _PULL,
        "CannotPullContainerError: … i/o timeout",
        "CannotPullContainerError: … context canceled",
        "CannotPullContainerError: … request canceled while waiting for connection",
        "CannotPullContainerError: … There is a connection issue between the task and Amazon ECR",
        "CannotPullContainerError: … failed to copy: httpReaderSeeker: failed open: unexpected status code … 503",
        "CannotPullContainerError: … error pulling image configuration",
        "CannotPullECRContainerError: …",
    ),
    _rule(
        "unknown_outcome",
        r"Cannot(Inspect|Describe)ContainerError",
        "CannotInspectContainerError: …",
        "CannotDescribeContainerError: …",
    ),
    # What can be neither found nor mounted is no machine's fault, whichever error it stands in.
    _rule(
        "config",
        r"invalid mount|no such file or directory|executable file not found|bind source path does not exist",
        "CannotCreateContainerError: … invalid mount config",
        "CannotStartContainerError: … no such file or directory",
        "CannotStartContainerError: … executable file not found in $PATH",
    ),
    _rule(
        "config",
        rf"(Cannot\w+Error|ResourceInitializationError|ContainerNetworkingError).*({_DENIED}|ResourceNotFound)",
        "ResourceInitializationError: … AccessDeniedException",
        "ResourceInitializationError: … ResourceNotFoundException: Secrets Manager can't find the specified secret",
    ),
    _rule(
        "host",
        r"\b(DockerTimeout|ContainerRuntime(Timeout)?|CannotCreateContainer|CannotStopContainer|CannotRemoveContainer"
        r"|CannotListContainers|CannotListImages|CannotListPlugins|CannotGetDockerclient|CannotGetDockerClientVersion"
        r"|CannotGetContainerTop|Cannot(Create|Start|Inspect)ContainerExec|Cannot(Inspect|Remove)Volume"
        r"|NoSuchContainer|ContainerVanished|ContainerNetworking|NetworkNamespace|ENIInformation"
        r"|ImpossibleStateTransition|TaskStoppedBeforePullBegin|Internal)Error\b",
        "DockerTimeoutError: Could not transition to …; timed out after waiting …",
        "ContainerRuntimeTimeoutError: …",
        "ContainerRuntimeError: …",
        "CannotCreateContainerError: …",
        "CannotStopContainerError: …",
        "CannotRemoveContainerError: …",
        "CannotListContainersError: …",
        "CannotListImagesError: …",
        "CannotListPluginsError: …",
        "CannotGetDockerclientError: …",
        "CannotGetDockerClientVersionError: …",
        "CannotGetContainerTopError: …",
        "CannotCreateContainerExecError: …",
        "CannotStartContainerExecError: …",
        "CannotInspectContainerExecError: …",
        "CannotInspectVolumeError: …",
        "CannotRemoveVolumeError: …",
        "NoSuchContainerError: …",
        "ContainerVanishedError: …",
        "ContainerNetworkingError: …",
        "NetworkNamespaceError: …",
        "ENIInformationError: …",
        "ImpossibleStateTransitionError: …",
        "TaskStoppedBeforePullBeginError: …",
        "InternalError: …",
    ),
    _rule(
        "host",
        r"Timeout waiting for (network interface|EphemeralStorage) provisioning|timeout wait for network interface"
        r"|Rate limit exceeded while preparing network interface|maintenance on the underlying infrastructure"
        r"|^Batch no longer knows the job",
        "Timeout waiting for network interface provisioning to complete.",
        "Network interface provision complete error timeout wait for network interface provision.",
        "Timeout waiting for EphemeralStorage provisioning to complete.",
        "Rate limit exceeded while preparing network interface to be attached to instance",
        "ECS is performing maintenance on the underlying infrastructure hosting the task",
        "Batch no longer knows the job",
    ),
    # An API failure reason of ECS: the instance's agent is disconnected (AWS Batch user guide, "Job retries").
    _rule("host", r"^AGENT$", "AGENT"),
    _rule("host", r"^Task failed to start\.?$", "Task failed to start, and nothing more", alone=True),
    _rule(
        "resource_init",
        rf"ResourceInitializationError.*({_LATE})",
        "ResourceInitializationError: … i/o timeout",
        "ResourceInitializationError: … context deadline exceeded",
        "ResourceInitializationError: … signal: killed",
    ),
    _rule(
        "config",
        r"ResourceInitializationError|CannotStartContainerError|CannotCreateVolumeError|InvalidVolumeError"
        r"|HostConfigError|DockerClientConfigError|DockerStateError|TaskDependencyError",
        "ResourceInitializationError: …",
        "CannotStartContainerError: …",
        "CannotCreateVolumeError: …",
        "InvalidVolumeError: …",
        "HostConfigError: …",
        "DockerClientConfigError: …",
        "DockerStateError: …",
        "TaskDependencyError: …",
    ),
    _rule(
        "config",
        rf"Container Overrides length|JobQueue deleted|unable to assume the role|{_DENIED}",
        "Container Overrides length must be at most 8192",
        "JobQueue deleted",
        "ECS was unable to assume the role '…'",
        "… AccessDeniedException …",
    ),
    _rule(
        "config",
        r"^MISCONFIGURATION|^ACTION_REQUIRED",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - …",
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - …",
        "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - …",
        "ACTION_REQUIRED - CE(s) associated with the job queue are invalid.",
        waiting=True,
    ),
    _rule(
        "capacity",
        r"^CAPACITY|^UNDETERMINED",
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - …",
        "UNDETERMINED - Batch job is blocked, root cause is undetermined.",
        waiting=True,
    ),
    _rule("dependency", r"^Dependent Job failed", "Dependent Job failed"),
    _rule("aggregate", r"^Array Child Job failed", "Array Child Job failed"),
    _rule("aggregate", r"^$", "an array as a whole that failed, and no reason", alone=True, parent=True),
    _rule("oom_suspected", _PLAIN_EXIT, "exit code 137, and no reason", alone=True, exit_code=137),
    _rule("program", _PLAIN_EXIT, "Essential container in task exited, and an exit code", alone=True, exit_code="any"),
)
