"""From what AWS says of a job to its class."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steprelay_core.failure import CLASSES, RULES, Symptoms, Told, read_symptoms, symptoms_of

EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"


def class_of(reason: str = "", container: str = "", exit_code: int | None = None, **more: Any) -> str:
    symptoms = Symptoms("FAILED", Told("statusReason", reason), Told("container.reason", container), exit_code, **more)
    return read_symptoms(symptoms).class_


# (class, statusReason, the container's reason, exit code)
FAILURES: tuple[tuple[str, str, str, int | None], ...] = (
    ("cancelled", "steprelay: cancelled: the run failed", "", 143),
    ("queue_timeout", "Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:X", "", None),
    ("queue_timeout", "Terminated by JobStateTimeLimit action due to reason: CAPACITY:X", "", None),
    ("queue_timeout", "steprelay: queue timeout: 30 min", "", None),
    ("timeout", "Job attempt duration exceeded timeout", "", 137),
    ("timeout", "Job attempt duration exceeded timeout", "", None),
    ("spot", "Host EC2 (instance i-0a1b2c3d4e5f60718) terminated.", "", None),
    ("spot", "Host EC2 (instance i-0a1b2c3d4e5f60718) stopped.", "", 137),
    ("spot", "Host EC2 Terminated", "", 143),
    ("spot", "Your Spot Task was interrupted.", "", 143),
    ("oom", EXITED, "OutOfMemoryError: Container killed due to memory usage", 137),
    ("oom_suspected", EXITED, "", 137),
    ("oom_suspected", "", "", 137),
    ("image_permanent", NOT_STARTED, "CannotPullContainerError: manifest for robust:v9: manifest unknown", None),
    ("image_permanent", NOT_STARTED, "CannotPullContainerError: API error (500): unauthorized: incorrect", None),
    ("image_permanent", NOT_STARTED, "CannotPullContainerError: no basic auth credentials", None),
    ("image_permanent", NOT_STARTED, "CannotPullContainerError: API error (404): repository robust not found", None),
    ("image_permanent", "CannotPullContainerError: does not contain descriptor matching platform 'x'", "", None),
    ("image_permanent", NOT_STARTED, "CannotPullImageManifestError: failed to resolve ref robust:v9: not found", None),
    ("image_permanent", NOT_STARTED, "CannotPullContainerAuthError: no credentials", None),
    ("image_permanent", NOT_STARTED, "CannotStartContainerError: exec user process caused: exec format error", None),
    ("image_transient", NOT_STARTED, "CannotPullContainerError: dial tcp 10.0.0.1:443: i/o timeout", None),
    ("image_transient", NOT_STARTED, "CannotPullContainerError: context canceled", None),
    ("image_transient", NOT_STARTED, "CannotPullContainerError: unexpected status code: 503 Service Unavailable", None),
    ("image_transient", NOT_STARTED, "CannotPullContainerError: toomanyrequests: access denied for now", None),
    ("image_transient", NOT_STARTED, "CannotPullECRContainerError: RequestError: send request failed", None),
    ("image_transient", NOT_STARTED, "CannotPullContainerAuthError: dial tcp: i/o timeout", None),
    ("host", NOT_STARTED, "CannotPullContainerError: write /var/lib/docker/tmp: no space left on device", None),
    ("host", NOT_STARTED, "DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s", None),
    ("host", NOT_STARTED, "ContainerRuntimeTimeoutError: Could not transition to running", None),
    ("host", NOT_STARTED, "CannotCreateContainerError: API error (500): devmapper: Thin Pool has 4350 free", None),
    ("host", "Timeout waiting for network interface provisioning to complete.", "", None),
    ("host", "Timeout waiting for EphemeralStorage provisioning to complete.", "", None),
    ("host", "ECS is performing maintenance on the underlying infrastructure hosting the task", "", 143),
    ("host", EXITED, "ContainerVanishedError: No container matching saved ID found", None),
    ("host", NOT_STARTED, "", None),
    ("host", NOT_STARTED, "AGENT", None),
    ("unknown_outcome", EXITED, "CannotInspectContainerError: Could not transition to inspecting; timed out", None),
    ("resource_init", "ResourceInitializationError: dial tcp 10.0.0.1:443: i/o timeout", "", None),
    ("resource_init", "ResourceInitializationError: pull command failed: : signal: killed", "", None),
    (
        "resource_init",
        "ResourceInitializationError: RequestCanceled: request context canceled caus",
        "",
        None,
    ),
    ("config", "ResourceInitializationError: service call has been retried 1 time(s): AccessDeniedException", "", None),
    ("config", "ResourceInitializationError: the specified log group does not exist", "", None),
    ("config", "ResourceInitializationError: AccessDeniedException\ncaused by: i/o timeout", "", None),
    ("config", "Container Overrides length must be at most 8192", "", None),
    ("config", "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - too large", "", None),
    ("config", "JobQueue deleted", "", None),
    ("config", "ECS was unable to assume the role 'arn:aws:iam::111122223333:role/x'", "", None),
    ("config", NOT_STARTED, "CannotStartContainerError: OCI runtime create failed: no such file or directory", None),
    ("config", NOT_STARTED, "CannotCreateContainerError: invalid mount config for type bind", None),
    ("config", NOT_STARTED, "CannotCreateVolumeError: no driver", None),
    ("capacity", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - none", "", None),
    ("dependency", "Dependent Job failed", "", None),
    ("aggregate", "Array Child Job failed", "", None),
    ("program", EXITED, "", 1),
    ("program", EXITED, "", 0),
    ("program", "", "", 3),
)


@pytest.mark.parametrize(("expected", "reason", "container", "exit_code"), FAILURES)
def test_a_failure_reads_as_its_class(expected: str, reason: str, container: str, exit_code: int | None) -> None:
    assert class_of(reason, container, exit_code) == expected


# As the sources of the ECS agent name them; image pulls and initialisation, which have several classes, are above.
AGENT_ERRORS = {
    "host": """DockerTimeoutError CannotGetDockerclientError CannotGetDockerClientVersionError CannotStopContainerError
        CannotCreateContainerError CannotGetContainerTopError CannotRemoveContainerError CannotListContainersError
        CannotListImagesError CannotInspectVolumeError CannotRemoveVolumeError CannotListPluginsError
        NoSuchContainerError CannotCreateContainerExecError CannotStartContainerExecError
        CannotInspectContainerExecError ImpossibleStateTransitionError ContainerVanishedError ContainerNetworkingError
        TaskStoppedBeforePullBeginError ENIInformationError NetworkNamespaceError InternalError""",
    "config": """DockerStateError CannotStartContainerError CannotCreateVolumeError InvalidVolumeError HostConfigError
        DockerClientConfigError TaskDependencyError""",
    "unknown_outcome": "CannotInspectContainerError CannotDescribeContainerError",
    "image_transient": "CannotPullContainerError CannotPullImageManifestError CannotPullECRContainerError",
    "image_permanent": "CannotPullContainerAuthError",
}


@pytest.mark.parametrize(
    ("expected", "name"), [(one, name) for one, all_ in AGENT_ERRORS.items() for name in all_.split()]
)
def test_every_error_that_the_ecs_agent_names_has_a_class(expected: str, name: str) -> None:
    assert class_of(NOT_STARTED, f"{name}: something or other") == expected


@pytest.mark.parametrize(
    ("reason", "container", "exit_code"),
    [
        ("Something that AWS never said before", "", None),
        ("Something that AWS never said before", "", 1),
        (EXITED, "SomethingNewError: what it is", 1),
        (EXITED, "SomethingNewError: what it is", 137),
        (NOT_STARTED, "SomethingNewError: what it is", None),
        ("", "", None),
    ],
)
def test_a_reason_that_is_not_known_is_never_guessed_into_another_class(
    reason: str, container: str, exit_code: int | None
) -> None:
    symptoms = Symptoms("FAILED", Told("statusReason", reason), Told("container.reason", container), exit_code)
    reading = read_symptoms(symptoms)
    assert reading.class_ == "unknown"
    said = " ".join(told.text for told in reading.evidence)
    assert reason in said
    assert container in said


def test_whoever_was_stopped_by_somebody_counts_as_cancelled_whatever_the_machine_says() -> None:
    assert class_of("not needed any more", exit_code=143, stopped="isTerminated") == "cancelled"
    assert class_of("Host EC2 (instance i-0abc) terminated.", stopped="isCancelled") == "cancelled"


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ("timeout", "Job attempt duration exceeded timeout"),
        ("queue_timeout", "Canceled by JobStateTimeLimit action due to reason: CAPACITY:X"),
    ],
)
def test_what_batch_itself_has_stopped_is_not_taken_for_a_person_s_doing(expected: str, reason: str) -> None:
    assert class_of(reason, stopped="isTerminated") == expected


def test_an_array_that_failed_without_a_reason_follows_its_children() -> None:
    assert class_of(parent=True) == "aggregate"
    assert class_of() == "unknown"
    assert class_of("Something new", parent=True) == "unknown"


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"])
def test_a_job_that_did_not_fail_has_no_failure_class(status: str) -> None:
    detail = {"status": status, "statusReason": EXITED, "container": {"exitCode": 0}}
    assert read_symptoms(symptoms_of(detail)).class_ == "none"


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ("capacity", "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested"),
        ("capacity", "UNDETERMINED - Batch job is blocked, root cause is undetermined."),
        ("config", "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - Batch service role has a permission issue."),
        ("config", "ACTION_REQUIRED - CE(s) associated with the job queue are invalid."),
        ("none", "Host EC2 (instance i-0abc) terminated."),
        ("none", ""),
    ],
)
def test_a_job_that_waits_in_runnable_is_told_by_what_it_waits_for(expected: str, reason: str) -> None:
    assert read_symptoms(symptoms_of({"status": "RUNNABLE", "statusReason": reason})).class_ == expected


@pytest.mark.parametrize(("expected", "reason"), [("capacity", "CAPACITY:X"), ("unknown", "blocked-reason")])
def test_a_job_that_blocks_its_queue_always_has_a_class(expected: str, reason: str) -> None:
    assert read_symptoms(symptoms_of({"statusReason": reason}, blocked=True)).class_ == expected


def test_the_text_that_decided_comes_first_and_says_where_it_stood() -> None:
    attempt = {
        "statusReason": EXITED,
        "container": {"reason": "OutOfMemoryError: Container killed due to memory usage"},
    }
    reading = read_symptoms(
        symptoms_of({"status": "FAILED", "attempts": [{}, attempt], "container": {"exitCode": 137}})
    )
    assert [told.where for told in reading.evidence] == [
        "attempts[1].container.reason",
        "attempts[1].statusReason",
        "exitCode",
    ]


def test_of_several_containers_the_one_that_failed_tells() -> None:
    containers = [{"name": "a", "exitCode": 0}, {"name": "b", "exitCode": 3}]
    detail = {
        "status": "FAILED",
        "statusReason": EXITED,
        "ecsProperties": {"taskProperties": [{"containers": containers}]},
    }
    assert symptoms_of(detail).exit_code == 3


def test_every_text_that_the_page_shows_is_read_as_the_class_it_stands_under() -> None:
    wrong = []
    for rule in RULES:
        for text in rule.reads:
            shown = re.sub(r", and nothing more$", "", text)
            if "`" in text or text.startswith(("exit code", "an array")) or text.endswith("exit code"):
                continue
            if class_of(shown) != rule.class_:
                wrong.append((rule.class_, text, class_of(shown)))
    assert wrong == []


def test_every_rule_leads_to_a_class_of_the_table_and_every_class_of_batch_has_a_rule() -> None:
    assert {rule.class_ for rule in RULES} | {"unknown", "none", "internal"} == set(CLASSES)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = """status statusReason container reason exitCode attempts arrayProperties size index isCancelled isTerminated
    ecsProperties taskProperties containers"""


jobs = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS.split()), inner, max_size=6),
    max_leaves=10,
)


@given(jobs)
def test_whatever_stands_in_a_job_it_gets_a_class_and_evidence(detail: Any) -> None:
    reading = read_symptoms(symptoms_of(detail))
    assert reading.class_ in CLASSES
    assert reading.evidence


@given(st.text(), st.text(), st.none() | st.integers(), st.booleans(), st.booleans())
def test_whatever_a_failed_job_says_nothing_of_it_is_lost(
    reason: str, container: str, exit_code: int | None, parent: bool, blocked: bool
) -> None:
    said = Symptoms(
        "FAILED", Told("statusReason", reason), Told("container.reason", container), exit_code, None, parent, blocked
    )
    texts = [told.text for told in read_symptoms(said).evidence]
    assert [text for text in (reason, container) if text and text not in texts] == []
