"""What is refused of a multi-node parallel job, and that everything is told at once."""

from typing import Any

import pytest

from tests.local.batch.harness import CONTAINER, Document, Lab, Refused


def _group(target: str, **container: Any) -> Document:
    return {"targetNodes": target, "container": {**CONTAINER, **container}}


def _properties(*groups: Document, nodes: int = 4, main: int = 0) -> Document:
    return {"nodeProperties": {"numNodes": nodes, "mainNode": main, "nodeRangeProperties": list(groups)}}


ALL = _group("0:")
REFUSED_DEFINITIONS: dict[str, tuple[Document, str]] = {
    "no nodeProperties": ({}, "multinode and nodeProperties belong together"),
    "containerProperties as well": (
        {**_properties(ALL), "containerProperties": CONTAINER},
        "leave containerProperties out",
    ),
    "Fargate": ({**_properties(ALL), "platformCapabilities": ["FARGATE"]}, "isn't supported on Fargate"),
    "no nodes": (_properties(ALL, nodes=0), "numNodes is at least 1; given 0"),
    "a main node that there is not": (_properties(ALL, main=4), "one of the 4 nodes, 0 to 3; given 4"),
    "a negative main node": (_properties(ALL, main=-1), "0 to 3; given -1"),
    "no ranges": (_properties(), "has 1 to 5 ranges; given 0"),
    "six ranges": (_properties(*[_group(f"{n}:{n}") for n in range(6)], nodes=6), "has 1 to 5 ranges; given 6"),
    "nodes without a range": (_properties(_group("0:0"), _group("2:2")), "without a range: 1, 3"),
    "a range beyond the last node": (_properties(ALL, _group("2:4")), "[1].targetNodes is a range of the 4 nodes"),
    "a range from high to low": (_properties(ALL, _group("3:1")), "given '3:1'"),
    "a range without a colon": (_properties(ALL, _group("3")), "given '3'"),
    "a range in words": (_properties(ALL, _group("all")), "given 'all'"),
    "ranges that cross": (_properties(_group("0:2"), _group("1:3")), "1:3 and 0:2 overlap"),
    "one range twice": (_properties(_group("0:"), _group(":3")), ":3 and 0: overlap"),
    "a range without a container": (_properties({"targetNodes": "0:"}), "[0].container is required"),
    "a container without an image": (_properties(_group("0:", image="")), "[0].container.image is required"),
    "half a vCPU": (
        _properties(_group("0:", resourceRequirements=[{"type": "VCPU", "value": "0.5"}])),
        "MEMORY required",
    ),
    "a reserved variable": (
        _properties(_group("0:", environment=[{"name": "AWS_BATCH_X", "value": "1"}])),
        "AWS_BATCH are reserved",
    ),
    "two instance types": (
        _properties(_group("0:", instanceType="p3.large"), _group("1:1", instanceType="c5.large")),
        "the same instance type; given c5.large, p3.large",
    ),
    "EKS": (_properties({**ALL, "eksProperties": {}}), "eksProperties is not offered"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED_DEFINITIONS.values(), ids=REFUSED_DEFINITIONS)
def test_a_definition_is_refused_with(lab: Lab, changes: Document, message: str) -> None:
    with pytest.raises(Refused) as refused:
        lab.call("RegisterJobDefinition", jobDefinitionName="refused", type="multinode", **changes)
    assert message in str(refused.value)


def test_nodes_are_no_part_of_a_definition_of_type_container(lab: Lab) -> None:
    with pytest.raises(Refused, match="multinode and nodeProperties belong together"):
        lab.call(
            "RegisterJobDefinition",
            jobDefinitionName="refused",
            type="container",
            containerProperties=CONTAINER,
            **_properties(ALL),
        )


@pytest.mark.parametrize("groups", [("0:",), (":",), ("0:3",), (":1", "2:"), ("0:", "1:2", "2:2"), ("1:1", ":")])
def test_ranges_may_lie_beside_and_within_each_other(lab: Lab, groups: tuple[str, ...]) -> None:
    lab.define_nodes("accepted", *({"targetNodes": target} for target in groups), nodes=4)


def _override(target: str, **overrides: Any) -> Document:
    return {"nodeOverrides": {"nodePropertyOverrides": [{"targetNodes": target, "containerOverrides": overrides}]}}


REFUSED_SUBMISSIONS: dict[str, tuple[Document, str]] = {
    "an array": ({"arrayProperties": {"size": 2}}, "arrayProperties can't be used with a multi-node parallel job"),
    "overrides of a single container": (
        {"containerOverrides": {"command": ["true"]}},
        "containerOverrides can't be used with a multi-node parallel job",
    ),
    "no nodes": ({"nodeOverrides": {"numNodes": 0}}, "numNodes is at least 1; given 0"),
    "fewer nodes than the main one's index": ({"nodeOverrides": {"numNodes": 2}}, "main node's index 2; given 2"),
    "nodes that do not reach a range": ({"nodeOverrides": {"numNodes": 1}}, "lower boundary of every node range"),
    "a target that there is not": (_override("3:3", command=["true"]), "[0].targetNodes is a range of the 3 nodes"),
    "a reserved variable": (_override(":", environment=[{"name": "AWS_BATCH_X", "value": "1"}]), "are reserved"),
    "half a vCPU": (
        _override("1:1", resourceRequirements=[{"type": "VCPU", "value": "0.5"}]),
        "whole number of at least 1; given 0.5",
    ),
    "EKS": (
        {"nodeOverrides": {"nodePropertyOverrides": [{"targetNodes": ":", "eksPropertiesOverride": {}}]}},
        "eksPropertiesOverride is not offered",
    ),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED_SUBMISSIONS.values(), ids=REFUSED_SUBMISSIONS)
def test_a_submission_is_refused_with(lab: Lab, changes: Document, message: str) -> None:
    lab.define_nodes("nodes", {"targetNodes": "0:"}, {"targetNodes": "1:"}, main=2)
    with pytest.raises(Refused) as refused:
        lab.call("SubmitJob", jobName="a-job", jobQueue="queue", jobDefinition="nodes", **changes)
    assert (refused.value.code, message in str(refused.value)) == ("ClientException", True)


def test_the_number_of_nodes_stays_where_no_range_is_open(lab: Lab) -> None:
    lab.define_nodes("closed", {"targetNodes": "0:2"})
    with pytest.raises(Refused, match="needs a node range with an open upper boundary"):
        lab.call("SubmitJob", jobName="a-job", jobQueue="queue", jobDefinition="closed", nodeOverrides={"numNodes": 4})


def test_overrides_that_are_too_long_fail_the_job_although_it_is_accepted(lab: Lab) -> None:
    lab.define_nodes("nodes")
    variable = {"name": "LONG", "value": "x" * 8200}
    answer = lab.call(
        "SubmitJob",
        jobName="a-job",
        jobQueue="queue",
        jobDefinition="nodes",
        **_override("1:1", environment=[variable]),
    )
    job = lab.ends(answer["jobId"])
    assert (job["status"], job["statusReason"]) == ("FAILED", "Container Overrides length must be at most 8192")
    assert len(job["attempts"]) == 1


def test_all_problems_of_a_definition_are_told_at_once(lab: Lab) -> None:
    with pytest.raises(Refused) as refused:
        lab.call(
            "RegisterJobDefinition", jobDefinitionName="a b", type="multinode", **_properties(_group("0:1"), main=9)
        )
    for part in ("valid pattern", "given 9", "without a range: 2, 3"):
        assert part in str(refused.value)
