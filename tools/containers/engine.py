"""A Docker engine: the one that runs, or our own from Debian's docker.io for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from tools.containers.commands import Unavailable, attempt, detach, last_line, run
from tools.containers.locks import alone, join_users, last_to_leave
from tools.containers.places import ENGINE_DATA, ENGINE_RUN

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOCKET = ENGINE_RUN / "docker.sock"
_PIDFILE = ENGINE_RUN / "docker.pid"
_LOG = ENGINE_RUN / "docker.log"
_OUR_HOST = f"unix://{_SOCKET}"
_BRIDGE = Path("/sys/class/net/docker0")
_MADE_BRIDGE = ENGINE_RUN / "made-bridge"
_GAVE_UP = "failed to start daemon"
_START_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True)
class Engine:
    """A running engine: its DOCKER_HOST (None for the one of this environment) and its version."""

    host: str | None
    version: str

    def environment(self) -> dict[str, str]:
        """This process's environment, with this engine in it."""
        return os.environ | self.address()

    def address(self) -> dict[str, str]:
        """The variables that name this engine; none when it is the one of this environment."""
        return {"DOCKER_HOST": self.host} if self.host else {}

    def docker(self, *words: str | Path) -> str:
        """Run a docker command on this engine and return its output; raises Failed."""
        return run(["docker", *words], env=self.environment())

    def bridge(self) -> tuple[str, str]:
        """Address of this machine on the bridge that containers are on, and the bridge's network (CIDR)."""
        form = "{{with index .IPAM.Config 0}}{{.Subnet}} {{.Gateway}}{{end}}"
        subnet, *gateway = self.docker("network", "inspect", "bridge", "--format", form).split()
        # An engine in its first life does not tell the gateway; it is the first address then.
        return (gateway[0] if gateway else str(ip_network(subnet)[1])), subnet


@contextmanager
def docker_engine() -> Iterator[Engine]:
    """The engine that answers, else our own, stopped when its last user leaves; raises Unavailable."""
    if engine := _answering(None):
        yield engine
        return
    _check_that_we_may_start_one()
    ENGINE_RUN.mkdir(parents=True, exist_ok=True)
    users = join_users(ENGINE_RUN / "users")
    try:
        with alone(ENGINE_RUN / "lock"):
            engine = _answering(_OUR_HOST) or _start()
        yield engine
    finally:
        with alone(ENGINE_RUN / "lock"):
            if last_to_leave(users):
                _stop()


def _answering(host: str | None) -> Engine | None:
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    answer = attempt(asked, env=Engine(host, "").environment())
    return Engine(host, answer.stdout.strip()) if answer.returncode == 0 else None


def _check_that_we_may_start_one() -> None:
    if os.geteuid() != 0:
        raise Unavailable("no Docker engine answers, and only root can start one")
    if not shutil.which("dockerd") and not shutil.which("apt-get"):
        raise Unavailable("no Docker engine answers, and there is neither dockerd nor apt-get to install it")


def _start() -> Engine:
    """Start dockerd on a socket and in folders of our own.

    Without iptables and forwarding: the machine's firewall stays as it is, and a container reaches this machine
    and nothing beyond it.
    """
    if not shutil.which("dockerd"):
        _install()
    if _BRIDGE.exists():
        _MADE_BRIDGE.unlink(missing_ok=True)
    else:
        _MADE_BRIDGE.touch()
    command: list[str | Path] = ["dockerd", "--host", _OUR_HOST, "--pidfile", _PIDFILE]
    command += ["--data-root", ENGINE_DATA, "--exec-root", ENGINE_RUN / "exec"]
    command += ["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    detach(command, _LOG)
    deadline = time.monotonic() + _START_SECONDS
    while not (engine := _answering(_OUR_HOST)):
        said = _LOG.read_text(errors="replace")
        if time.monotonic() > deadline or _GAVE_UP in said:
            raise Unavailable(f"dockerd did not start: {last_line(said)} (all of it in {_LOG})")
        time.sleep(0.1)
    return engine


def _stop() -> None:
    """End our dockerd by its pid, wait for it, and take away the bridge that it made."""
    if pid := _pid():
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _pid() and time.monotonic() < deadline:
            time.sleep(0.05)
    if _MADE_BRIDGE.exists():
        attempt(["ip", "link", "delete", _BRIDGE.name])
        _MADE_BRIDGE.unlink()


def _pid() -> int | None:
    """Our dockerd's pid; it removes the file when it has ended, and a stale file may name somebody else."""
    with suppress(FileNotFoundError, ValueError):
        pid = int(_PIDFILE.read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd":
            return pid
    return None


def _install() -> None:
    _apt_get("update")
    _apt_get("install", "-y", "--no-install-recommends", "docker.io")
    if not shutil.which("docker"):  # newer Debians keep the client apart
        _apt_get("install", "-y", "--no-install-recommends", "docker-cli")


def _apt_get(*words: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = attempt(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *words], env=environment)
    if done.returncode != 0:
        said = last_line(done.stderr or done.stdout)
        raise Unavailable(f"no Docker engine answers, and apt-get {words[0]} failed: {said}")
