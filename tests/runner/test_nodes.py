"""Multi-node steps: the main node reports, the others run beside it."""

import ipaddress
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steprelay.runner.claim import Claim, decode_claim
from steprelay.runner.nodes import (
    ONLY_NODE,
    NoMainNode,
    Patience,
    job_of,
    node_of,
    own_address,
    wait_for_main_node,
)
from steprelay.sdk.parallel import Parallel
from tests.runner.containers import Containers
from tests.runner.lab import Lab, flow

NODES, MAIN_IP = 3, "10.0.0.7"
NAMES = ["MF_PARALLEL_MAIN_IP", "MF_PARALLEL_NUM_NODES", "MF_PARALLEL_NODE_INDEX",
         "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"]  # fmt: skip


def _variables(index: int, *, attempt: int = 1, job: str = "job-1") -> dict[str, str]:
    """What AWS Batch gives the nodes: the main one is not told its own address."""
    main = {"AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": MAIN_IP} if index else {}
    return {
        "AWS_BATCH_JOB_ID": f"{job}#{index}", "AWS_BATCH_JOB_ATTEMPT": str(attempt),
        "AWS_BATCH_JOB_NODE_INDEX": str(index), "AWS_BATCH_JOB_NUM_NODES": str(NODES),
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0", **main,
    }  # fmt: skip


# ---- which node this is


def test_a_job_that_is_not_multi_node_is_its_own_main_node() -> None:
    node = node_of({"AWS_BATCH_JOB_ID": "job-1"})
    assert node == ONLY_NODE
    assert (node.is_main, node.parallel, node.variables) == (True, Parallel("127.0.0.1", 1, 0), {})


def test_the_main_node_finds_its_own_address() -> None:
    node = node_of(_variables(0), address=lambda: "10.0.0.9")
    assert (node.is_main, node.parallel) == (True, Parallel("10.0.0.9", NODES, 0))
    assert [node.variables[name] for name in NAMES] == ["10.0.0.9", str(NODES), "0", "10.0.0.9"]


def test_the_main_node_of_a_job_on_one_machine_is_told_where_the_nodes_meet() -> None:
    environment = {**_variables(0), "STEPRELAY_LOCAL_ADDRESS": "127.0.0.1"}
    assert node_of(environment, address=lambda: "10.0.0.9").parallel.main_ip == "127.0.0.1"


def test_another_node_is_told_the_main_nodes_address() -> None:
    node = node_of(_variables(2), address=lambda: pytest.fail("nobody asked for our own address"))
    assert (node.is_main, node.parallel) == (False, Parallel(MAIN_IP, NODES, 2))
    assert [node.variables[name] for name in NAMES] == [MAIN_IP, str(NODES), "2", MAIN_IP]


def test_the_main_node_need_not_be_the_first() -> None:
    environment = {**_variables(2), "AWS_BATCH_JOB_MAIN_NODE_INDEX": "2"}
    assert node_of(environment).is_main
    assert not node_of({**_variables(0), "AWS_BATCH_JOB_MAIN_NODE_INDEX": "2"}).is_main


def test_the_job_is_known_without_the_nodes_index() -> None:
    assert job_of(_variables(2), node_of(_variables(2))) == "job-1"
    assert job_of({"AWS_BATCH_JOB_ID": "job-1:3"}, ONLY_NODE) == "job-1:3"
    assert job_of({}, ONLY_NODE) is None


def test_ones_own_address_is_an_ipv4_address_that_others_can_use() -> None:
    address = ipaddress.IPv4Address(own_address())
    assert not address.is_unspecified
    assert not address.is_multicast


# ---- waiting for the main node


class Time:
    """A clock that only pauses move; each pause does the next thing of the `script`."""

    def __init__(self, *script: Callable[[], object]) -> None:
        self.now = 0.0
        self._script = list(script)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        if self._script:
            self._script.pop(0)()

    @property
    def patience(self) -> Patience:
        return Patience(seconds=10, interval=2, clock=lambda: self.now, pause=self.pause)


def _claim(job: str | None = "job-1", batch_attempt: int | None = 1, owner: str = "runner:main") -> Claim:
    return Claim(job, batch_attempt, owner, 1.0)


def _nothing() -> None:
    """A pause in which nobody does anything."""


class Bucket:
    """A task, and its claim as one node after the other sees it."""

    def __init__(self, folder: Path) -> None:
        self.lab = Lab(folder)
        self.task = self.lab.task("start")

    def hold(self, claim: Claim) -> Callable[[], None]:
        return lambda: self.lab.store.put(self.task.key("claim.json"), claim.encode())

    def wait(self, mine: Claim, time: Time) -> Claim | None:
        return wait_for_main_node(self.lab.store, self.task, mine, time.patience)


def test_a_node_goes_on_once_its_main_node_holds_the_claim(tmp_path: Path) -> None:
    bucket = Bucket(tmp_path)
    time = Time(_nothing, bucket.hold(_claim()))
    assert bucket.wait(_claim(), time) is None
    assert time.now == 4


@pytest.mark.parametrize(
    "holder", [_claim(None, None, "dispatcher"), _claim("job-2", 1), _claim("job-1", 2)], ids=lambda claim: claim.owner
)
def test_a_node_leaves_when_another_has_the_attempt(tmp_path: Path, holder: Claim) -> None:
    bucket = Bucket(tmp_path)
    bucket.hold(holder)()
    assert bucket.wait(_claim(), Time()) == holder


def test_a_node_of_a_later_try_waits_until_its_main_node_has_taken_over(tmp_path: Path) -> None:
    bucket = Bucket(tmp_path)
    bucket.hold(_claim(batch_attempt=1))()
    time = Time(_nothing, _nothing, bucket.hold(_claim(batch_attempt=2)))
    assert bucket.wait(_claim(batch_attempt=2), time) is None
    assert time.now == 6


def test_a_node_gives_up_when_nobody_comes(tmp_path: Path) -> None:
    time = Time()
    with pytest.raises(NoMainNode, match=r"the main node of job job-1 has not begun attempt 1 of start within 10 s"):
        Bucket(tmp_path).wait(_claim(), time)
    assert time.now == 10


def test_a_node_without_a_job_id_has_nobodys_claim(tmp_path: Path) -> None:
    bucket = Bucket(tmp_path)
    bucket.hold(_claim(None, None, "dispatcher"))()
    assert bucket.wait(_claim(None, None), Time()) is not None


# ---- whole containers


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    lab = Lab(
        tmp_path,
        flow(
            f"""
        @step
        def start(self):
            parallel = current.parallel
            self.seen = [*parallel, *(os.environ[name] for name in {NAMES})]
            print(json.dumps([parallel.main_ip, parallel.num_nodes, parallel.node_index, *self.seen[3:]]))
            self.items = "ab"
            self.next(self.each, foreach="items")
        @step
        def each(self):
            self.seen = tuple(current.parallel)
        @step
        def meet(self):
            here = current.parallel.node_index
            pathlib.Path(os.environ["BUCKET"], f"here-{{here}}").touch()
            while not pathlib.Path(os.environ["BUCKET"], f"here-{{1 - here}}").exists():
                time.sleep(0.01)
        @step
        def fail(self):
            raise ValueError("no good")
        @step
        def crash(self):
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
        @step
        def wait(self):
            print("waiting", flush=True)
            time.sleep(600)
    """,
            before="import faulthandler, json, os, pathlib, signal, time",
        ),
    )
    with Containers(lab) as running:
        yield running


def _run_beside(containers: Containers, step: str, *ways: Any, **changes: Any) -> tuple[int, str, str]:
    """Run node 1 of a job whose main node has claimed the attempt; exit code and output."""
    _hold(containers.lab, step, _claim())
    before = containers.lab.store.keys()
    process = containers.start(step, *ways, environment=_variables(1), **changes)
    output, error = process.communicate(timeout=60)
    brief = f"runs/TheFlow-1/{step}/_/brief-1-0.json"
    assert sorted({*before, brief}) == containers.lab.store.keys(), "another node than the main one wrote something"
    return process.returncode, output, error


def _hold(lab: Lab, step: str, claim: Claim) -> None:
    lab.store.put(f"runs/TheFlow-1/{step}/0/1/claim.json", claim.encode())


EACH: dict[str, Any] = {"to": ["each"], "foreach": "items"}


def test_the_main_node_claims_for_the_job_and_leaves_the_outcome(containers: Containers) -> None:
    assert containers.run("start", EACH, environment=_variables(0))[0] == 0
    claim = decode_claim(containers.lab.store.get("runs/TheFlow-1/start/0/1/claim.json"))
    outcome = json.loads(containers.lab.store.get("runs/TheFlow-1/start/0/1/outcome.json"))
    assert (claim.job_id, outcome["job_id"], outcome["foreach_count"]) == ("job-1", "job-1", 2)
    address = own_address()
    assert containers.lab.artifacts(containers.lab.outcome("start"))["seen"] == [
        address, NODES, 0, address, str(NODES), "0", address,
    ]  # fmt: skip


def test_another_node_runs_the_same_code_and_writes_nothing(containers: Containers) -> None:
    code, output, error = _run_beside(containers, "start", EACH)
    assert (code, error) == (0, "")
    assert json.loads(output) == [MAIN_IP, NODES, 1, MAIN_IP, str(NODES), "1", MAIN_IP]


def test_all_nodes_run_at_the_same_time(containers: Containers) -> None:
    other = containers.start("meet", environment={**_variables(1), "ANNOUNCE": "1"})
    assert other.stdout.readline() == "looking\n"
    main = containers.start("meet", environment=_variables(0))
    assert [process.wait(60) for process in (main, other)] == [0, 0]
    assert containers.lab.outcome("meet").succeeded


def test_a_command_runs_on_every_node_with_the_same_variables(containers: Containers) -> None:
    script = (
        'echo "$MF_PARALLEL_MAIN_IP $MF_PARALLEL_NUM_NODES $MF_PARALLEL_NODE_INDEX"; echo 1 > $STEPRELAY_OUTPUT/x.json'
    )
    code, output, error = _run_beside(containers, "start", command=["sh", "-c", script])
    assert (code, output, error) == (0, f"{MAIN_IP} {NODES} 1\n", "")


@pytest.mark.parametrize("catch", [None, {"var": "problem", "print_exception": True}])
def test_a_failure_on_another_node_is_told_in_its_log_alone(containers: Containers, catch: Any) -> None:
    code, _, error = _run_beside(containers, "fail", "end", catch=catch)
    assert code == 1
    assert error.endswith("ValueError: no good\n")
    assert "runner/" not in error


@pytest.mark.parametrize(
    ("step", "changes", "told"),
    [
        ("crash", {}, "steprelay: the step's process was killed by SIGSEGV\n"),
        ("start", {"command": ["sh", "-c", "exit 3"]}, "exited with 3\n"),
        ("start", {"package": "packages/gone.tar.gz"}, "steprelay: packages/gone.tar.gz\n"),
        ("start", {"tempdir": "/dev/null"}, "wants its temporary files in /dev/null, which is not a folder"),
        ("wait", {"timeout_seconds": 0.5}, "took longer than its @timeout of 0.5 s\n"),
    ],
)
def test_another_node_that_cannot_go_on_exits_with_1_and_says_why(
    containers: Containers, step: str, changes: dict[str, Any], told: str
) -> None:
    code, _, error = _run_beside(containers, step, **changes)
    assert code == 1
    assert told in error


def test_a_node_that_is_stopped_makes_no_noise(containers: Containers) -> None:
    _hold(containers.lab, "wait", _claim())
    process = containers.start("wait", environment=_variables(1))
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 143


def test_a_node_that_is_stopped_while_it_waits_makes_no_noise(containers: Containers) -> None:
    process = containers.start("start", environment={**_variables(1), "ANNOUNCE": "1"})
    assert process.stdout.readline() == "looking\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 143


def test_a_node_without_a_main_node_fails_and_says_so(containers: Containers) -> None:
    code, error = containers.run("start", environment={**_variables(1), "PATIENCE": "0"})
    assert code == 1
    assert error == (
        "steprelay: the main node of job job-1 has not begun attempt 1 of start within 0 s; its log tells why\n"
    )


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("holder", [_claim(None, None, "dispatcher"), _claim("job-2", 1, "runner:other")])
def test_every_node_leaves_an_attempt_that_is_somebody_elses(containers: Containers, index: int, holder: Claim) -> None:
    _hold(containers.lab, "fail", holder)
    code, error = containers.run("fail", environment=_variables(index))
    assert (code, error) == (75, f"steprelay: attempt 1 of fail belongs to {holder.owner}: leaving\n")


def test_the_nodes_of_a_later_try_run_in_their_predecessors_place(containers: Containers) -> None:
    _hold(containers.lab, "meet", _claim())
    again = [containers.start("meet", environment=_variables(index, attempt=2)) for index in (1, 0)]
    assert [process.wait(60) for process in again] == [0, 0]
    assert json.loads(containers.lab.store.get("runs/TheFlow-1/meet/0/1/outcome.json"))["batch_attempt"] == 2


def test_a_step_on_one_node_is_alone(containers: Containers) -> None:
    assert containers.run("each")[0] == 0
    assert containers.lab.artifacts(containers.lab.outcome("each"))["seen"] == ("127.0.0.1", 1, 0)
