"""One job definition for each content, however many register it at once, and none where nobody needs it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, cast

import pytest
from botocore.stub import Stubber

from steprelay_core.aws.clients import Clients
from steprelay_core.aws.definitions import JobDefinitions
from steprelay_core.ports import Denied, Refused, Unavailable

DEFINITION = {"jobDefinitionName": "d", "type": "container"}
BY_NAME = {"jobDefinitionName": "d", "status": "ACTIVE"}


@pytest.fixture
def definitions(clients: Clients) -> JobDefinitions:
    return JobDefinitions(clients)


def revision(number: int, status: str = "ACTIVE") -> dict[str, Any]:
    arn = f"arn:d:{number}"
    return {
        "jobDefinitionName": "d",
        "jobDefinitionArn": arn,
        "revision": number,
        "type": "container",
        "status": status,
    }


def active(stub: Stubber, *numbers: int) -> None:
    """DescribeJobDefinitions tells of these revisions, the newest first."""
    found = [revision(number) for number in sorted(numbers, reverse=True)]
    stub.add_response("describe_job_definitions", {"jobDefinitions": found}, BY_NAME)


def registers(stub: Stubber, number: int) -> None:
    registered = {key: revision(number)[key] for key in ("jobDefinitionName", "jobDefinitionArn", "revision")}
    stub.add_response("register_job_definition", registered, DEFINITION)


def test_an_active_definition_is_reused_and_remembered(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub, 1)
    assert [definitions.ensure(DEFINITION), definitions.ensure(DEFINITION)] == ["arn:d:1", "arn:d:1"]


def test_of_several_active_revisions_the_lowest_is_taken_on_whichever_page(
    definitions: JobDefinitions, stub: Stubber
) -> None:
    stub.add_response("describe_job_definitions", {"jobDefinitions": [revision(10), revision(9)], "nextToken": "more"})
    more = {"jobDefinitions": [revision(2)]}
    stub.add_response("describe_job_definitions", more, BY_NAME | {"nextToken": "more"})
    assert definitions.ensure(DEFINITION) == "arn:d:2"


def test_a_definition_that_is_not_there_is_registered_as_given(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub)
    registers(stub, 1)
    active(stub, 1)
    assert definitions.ensure(DEFINITION) == "arn:d:1"


def test_who_registered_second_takes_the_first_and_clears_its_own_away(
    definitions: JobDefinitions, stub: Stubber
) -> None:
    active(stub)
    registers(stub, 2)
    active(stub, 1, 2)
    stub.add_response("deregister_job_definition", {}, {"jobDefinition": "arn:d:2"})
    assert definitions.ensure(DEFINITION) == "arn:d:1"


def test_who_registered_first_keeps_its_own_and_leaves_the_other_to_the_other(
    definitions: JobDefinitions, stub: Stubber
) -> None:
    active(stub)
    registers(stub, 1)
    active(stub, 1, 2)
    assert definitions.ensure(DEFINITION) == "arn:d:1"


def test_a_listing_that_does_not_know_the_new_one_yet_changes_nothing(
    definitions: JobDefinitions, stub: Stubber
) -> None:
    active(stub)
    registers(stub, 1)
    active(stub)
    assert definitions.ensure(DEFINITION) == "arn:d:1"


def test_what_is_remembered_is_not_believed_when_asked_anew(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub, 1)
    definitions.ensure(DEFINITION)
    active(stub)
    registers(stub, 2)
    active(stub, 2)
    assert definitions.ensure(DEFINITION, anew=True) == "arn:d:2"
    assert definitions.ensure(DEFINITION) == "arn:d:2"


def test_two_that_race_make_one(batch_clients: Clients) -> None:
    """Each has looked, and found nothing, before either registers."""
    container = {
        "image": "busybox",
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
    }
    wanted = {"jobDefinitionName": "raced", "type": "container", "containerProperties": container}
    start = Barrier(2)
    racers = [JobDefinitions(cast("Clients", Racing(batch_clients, start))) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        arns = set(pool.map(lambda racer: racer.ensure(wanted), racers))
    left = batch_clients.batch.describe_job_definitions(jobDefinitionName="raced")["jobDefinitions"]
    assert len(left) == 2
    assert arns == {each["jobDefinitionArn"] for each in left if each["status"] == "ACTIVE"}
    assert len(arns) == 1


class Racing:
    """Clients that register only once everybody is about to."""

    def __init__(self, clients: Clients, start: Barrier) -> None:
        self._clients, self._start = clients, start

    @property
    def batch(self) -> "Racing":
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "register_job_definition":
            self._start.wait(30)
        return getattr(self._clients.batch, name)


def test_a_refused_definition_is_not_remembered(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub)
    stub.add_client_error("register_job_definition", "ClientException", "the image is too long")
    active(stub, 1)
    with pytest.raises(Refused, match="job definition d: the image is too long"):
        definitions.ensure(DEFINITION)
    assert definitions.ensure(DEFINITION) == "arn:d:1"


def test_retiring_deregisters_every_active_revision(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub, 1, 3)
    stub.add_response("deregister_job_definition", {}, {"jobDefinition": "arn:d:3"})
    stub.add_response("deregister_job_definition", {}, {"jobDefinition": "arn:d:1"})
    assert definitions.retire("d") == 2


def test_a_revision_that_somebody_else_has_retired_meanwhile_is_no_error(
    definitions: JobDefinitions, stub: Stubber
) -> None:
    active(stub, 1)
    stub.add_client_error("deregister_job_definition", "ClientException", "not found")
    gone = {"jobDefinitions": [revision(1, "INACTIVE")]}
    stub.add_response("describe_job_definitions", gone, {"jobDefinitions": ["arn:d:1"]})
    assert definitions.retire("d") == 1


def test_a_revision_that_stays_active_is_an_error(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub, 1)
    stub.add_client_error("deregister_job_definition", "ClientException", "not today")
    stub.add_response("describe_job_definitions", {"jobDefinitions": [revision(1)]}, {"jobDefinitions": ["arn:d:1"]})
    with pytest.raises(Refused, match="deregistering job definition d: not today"):
        definitions.retire("d")


def test_a_relay_that_may_not_deregister_is_told_so(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub, 1)
    stub.add_client_error("deregister_job_definition", "AccessDeniedException", "no permission")
    with pytest.raises(Denied, match="no permission"):
        definitions.retire("d")


def test_throttling_while_retiring_is_no_refusal(definitions: JobDefinitions, stub: Stubber) -> None:
    active(stub, 1)
    stub.add_client_error("deregister_job_definition", "TooManyRequestsException", "later")
    with pytest.raises(Unavailable, match="later"):
        definitions.retire("d")
