"""Multi-node jobs: which node this is, and how the others come to know that the attempt is their job's.

The main node claims the attempt and reports on it, as the only one. The others run the same code beside it.
"""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from steprelay.runner.brief import Task
from steprelay.runner.claim import Claim, decode_claim, may_take_over
from steprelay.runner.store import Missing, Store
from steprelay.sdk.parallel import Parallel

_MAIN_ADDRESS = "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"
# From a Batch whose nodes are processes of one machine: where they meet, so that nobody else is let in.
_LOCAL_ADDRESS = "STEPRELAY_LOCAL_ADDRESS"
# Nobody has this address (RFC 5737); it only serves to ask which of ours a packet would leave by.
_ELSEWHERE = ("192.0.2.1", 9)


class NoMainNode(Exception):
    """The main node has not claimed the attempt in time."""


@dataclass(frozen=True, slots=True)
class Node:
    """One container of a job. `variables`: what a multi-node job's code finds on every node; else empty."""

    parallel: Parallel
    is_main: bool
    variables: Mapping[str, str]


ONLY_NODE = Node(Parallel(), is_main=True, variables={})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long (seconds) a node waits for the main one, which AWS Batch starts first, and how often it looks."""

    seconds: float = 600.0
    interval: float = 1.0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


PATIENT = Patience()


def own_address() -> str:
    """The IPv4 address by which others reach this machine; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_ELSEWHERE)
            return str(asking.getsockname()[0])
        except OSError:  # no way out of here; the hosts file may still know
            return _named_address()


def _named_address() -> str:
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return Parallel().main_ip


def node_of(environment: Mapping[str, str], address: Callable[[], str] = own_address) -> Node:
    """The node that AWS Batch's variables make of this container.

    AWS: the main node's address is given to the other nodes only, so the main one has to know its own (`address`).
    """
    index = environment.get("AWS_BATCH_JOB_NODE_INDEX")
    if not index:
        return ONLY_NODE
    main = environment.get("AWS_BATCH_JOB_MAIN_NODE_INDEX") or "0"
    parallel = Parallel(
        main_ip=environment.get(_MAIN_ADDRESS) or environment.get(_LOCAL_ADDRESS) or address(),
        num_nodes=int(environment.get("AWS_BATCH_JOB_NUM_NODES") or 1),
        node_index=int(index),
    )
    variables = {
        "MF_PARALLEL_MAIN_IP": parallel.main_ip,
        "MF_PARALLEL_NUM_NODES": str(parallel.num_nodes),
        "MF_PARALLEL_NODE_INDEX": str(parallel.node_index),
        _MAIN_ADDRESS: parallel.main_ip,
    }
    return Node(parallel, is_main=parallel.node_index == int(main), variables=variables)


def job_of(environment: Mapping[str, str], node: Node) -> str | None:
    """The id of the job; the nodes' own ids have `#` and their index behind it."""
    job_id = environment.get("AWS_BATCH_JOB_ID")
    return job_id.removesuffix(f"#{node.parallel.node_index}") if job_id else None


def wait_for_main_node(store: Store, task: Task, mine: Claim, patience: Patience) -> Claim | None:
    """Wait until the main node has claimed what `mine` would; None if it has, else the claim that somebody else holds.

    Raises:
        NoMainNode: if nobody has claimed it in time, or only an earlier attempt of this job has.
    """
    until = patience.clock() + patience.seconds
    while True:
        held = _held(store, task)
        # What an earlier try of this job holds, the main node is about to take over.
        if held is not None and not may_take_over(mine, held):
            ours = held.job_id is not None and (held.job_id, held.batch_attempt) == (mine.job_id, mine.batch_attempt)
            return None if ours else held
        if patience.clock() >= until:
            raise NoMainNode(
                f"the main node of job {mine.job_id} has not begun attempt {task.brief.attempt} of {task.name} "
                f"within {patience.seconds:g} s; its log tells why"
            )
        patience.pause(patience.interval)


def _held(store: Store, task: Task) -> Claim | None:
    try:
        return decode_claim(store.get(task.key("claim.json")))
    except Missing:
        return None
