"""The nodes of a multi-node step, as `current.parallel` shows them."""

from typing import NamedTuple


class Parallel(NamedTuple):
    """`main_ip`: the main node's private IPv4 address; `node_index`: which of the `num_nodes` this is, from 0.

    A step on one node is the only one: its main node is itself.
    """

    main_ip: str = "127.0.0.1"
    num_nodes: int = 1
    node_index: int = 0
