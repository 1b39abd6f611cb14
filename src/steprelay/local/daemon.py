"""The relay's own process: one emulator, one local Batch, one deployed template. Started by `steprelay.local.relay`."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from steprelay.local import guardian
from steprelay.local.deployment import STACK, Deployment
from steprelay.local.environment import emulator_settings, job_environment
from steprelay.local.gate import Gate
from steprelay.local.kept import Kept
from steprelay.local.lost_functions import release_claims
from steprelay.local.processes import MARK, ProcessId
from steprelay.local.record import Platform, RelayFolder, RelayInfo
from steprelay.local.sources import Sources
from steprelay.local.sweeping import SWEEP_SECONDS, Sweeping
from steprelay.runner.s3 import S3Store
from steprelay.runner.store import Store

if TYPE_CHECKING:
    from steprelay.local.sparing import Runs

logger = logging.getLogger("steprelay.relay")

_MIB = 1024 * 1024
_STOP_SECONDS = 5.0
# The three that any run passes through; the others start when they are first needed.
_WARM = ("LightStepFunction", "JobChangedFunction", "PackageUploadedFunction")


def main(project: str, chaos: str = "", platform: Platform = "ec2", port: str = "0") -> None:
    """Run the relay of this project until SIGTERM, with these faults on purpose and a queue of this platform.

    `port`: the one of the relay before, whose clients may still be there; another one if it is taken.

    Standard input has the values of jobs' secrets, as a JSON object.
    """
    _log_to_standard_error()
    secrets = _read_secrets()
    folder = RelayFolder(Path(project))
    token = os.environ[MARK]
    listener = _listener(int(port))
    sources = Sources.find()
    info = RelayInfo(
        state="starting",
        token=token,
        process=ProcessId.of(os.getpid()),
        port=listener.getsockname()[1],
        version=version("steprelay"),
        fingerprint=sources.fingerprint(),
        chaos=chaos,
        platform=platform,
    )
    folder.write(info)
    guardian.start(token, folder.temporary)
    os.environ.update(emulator_settings(info.port, token, folder.temporary))
    try:
        asyncio.run(_Relay(folder, info, sources, secrets).run(listener))
    except Exception as error:
        logger.exception("the relay could not start")
        folder.write(replace(info, state="failed", failure=str(error)))
        os._exit(1)
    # Threads of the emulator wait on things that never come; none of them has anything left to do.
    os._exit(0)


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


class CannotGoOn(Exception):
    """The state that a killed relay left is no use."""


class _Relay:
    def __init__(self, folder: RelayFolder, info: RelayInfo, sources: Sources, secrets: dict[str, str]) -> None:
        from steprelay.local import emulator_hooks
        from steprelay.local.batch import LocalBatch
        from steprelay.local.batch.warm import WarmLauncher

        self._gate = Gate(emulator_hooks.application(), info.token)

        self._hooks = emulator_hooks
        self._folder, self._info, self._sources = folder, info, sources
        self._kept = Kept(folder.state / "kept.db")
        config = _batch_config(folder, info, secrets, self._has_another_attempt)
        self._batch = LocalBatch(
            config,
            events=emulator_hooks.publish,
            logs=emulator_hooks.write_log,
            launcher=WarmLauncher(config.environment),
            keeper=self._kept,
        )

    async def run(self, listener: socket.socket) -> None:
        """Serve, deploy, say so, and wait for the end."""
        self._hooks.check()
        self._hooks.install(self._batch.handle)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        self._batch.start()
        server = asyncio.create_task(_serve(self._gate, listener, stop))
        deployment = Deployment(self._info.port, self._info.token)
        sweeping = Sweeping(deployment.client)
        try:
            outputs = await asyncio.to_thread(deployment.create, self._sources, _parameters(self._info))
            await asyncio.to_thread(self._go_on, outputs, S3Store(outputs["DataBucket"], deployment.client("s3")))
            self._info = replace(self._info, state="ready", outputs=outputs)
            self._gate.open = True
            self._folder.write(self._info)
            if self._info.chaos:
                sweeping.start()
            logger.info("ready on %s", self._info.endpoint_url)
            threading.Thread(target=self._hooks.warm, args=(_WARM,), daemon=True).start()
            _start_warm_commands(self._folder.project)
            await stop.wait()
            logger.info("stopping")
        finally:
            sweeping.stop()
            await asyncio.to_thread(self._batch.stop)
            await asyncio.to_thread(self._hooks.stop_functions)
            stop.set()
            await asyncio.wait([server], timeout=_STOP_SECONDS)

    def _has_another_attempt(self, parameters: Mapping[str, str]) -> bool:
        from steprelay.local.sparing import has_another_attempt

        # Before it is ready, what runs is not known: nobody is to be killed.
        return self._gate.open and has_another_attempt(self._runs, parameters)

    @cached_property
    def _runs(self) -> "Runs":
        from steprelay.local.sparing import runs_of

        return runs_of(self._info)

    def _go_on(self, outputs: Mapping[str, str], data: Store) -> None:
        """Go on with what the relay before left, and keep all for the next.

        Raises:
            CannotGoOn: if that cannot be used.
        """
        from steprelay.local import emulator_state

        try:
            emulator_state.keep_objects(self._folder.state / "objects")
            emulator_state.keep_items(self._kept)
            self._batch.restore()
            light = emulator_state.waiting_messages(self._kept, f"{STACK}-LightQueue-")
            release_claims(light, data)
            emulator_state.keep_schedules(self._kept, self._hooks.zoned)
            # Last: from here on, functions are at work.
            emulator_state.keep_messages(self._kept)
            emulator_state.tell_of_uploads(outputs["PackageBucket"])
        except Exception as error:
            raise CannotGoOn(
                f"what the relay before left cannot be gone on with ({type(error).__name__}: {error}); "
                "the next start is without it"
            ) from error


def _start_warm_commands(project: Path) -> None:
    """The process in which commands find everything imported. By name: nothing here needs the command line."""
    if sys.platform == "linux":
        command = [sys.executable, "-m", "steprelay.cli.warm.server", str(project)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


async def _serve(application: Any, listener: socket.socket, stop: asyncio.Event) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    # The socket was bound before the emulator was imported, as that reads its own port then.
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.2
    config.loglevel = "WARNING"
    await serve(application, config, shutdown_trigger=stop.wait, mode="asgi")


def _read_secrets() -> dict[str, str]:
    """From standard input, which is empty afterwards for whatever this process starts."""
    given = sys.stdin.buffer.read()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    secrets: dict[str, str] = json.loads(given or "{}")
    return secrets


def _batch_config(
    folder: RelayFolder, info: RelayInfo, secrets: dict[str, str], survives: Callable[[Mapping[str, str]], bool]
) -> Any:
    from steprelay.local.batch import LocalBatchConfig
    from steprelay.local.batch.chaos import parse_chaos
    from steprelay.local.environment import ACCOUNT, REGION

    return LocalBatchConfig(
        workdir=folder.temporary / "jobs",
        vcpus=float(_processors()),
        memory_mib=psutil.virtual_memory().total // _MIB,
        environment=job_environment(os.environ, info.port),
        chaos=parse_chaos(info.chaos),
        region=REGION,
        account=ACCOUNT,
        secrets=secrets,
        # Flows name the queues of their account.
        makes_up_queues=True,
        survives_memory_kill=survives,
    )


def _parameters(info: RelayInfo) -> dict[str, str]:
    """What a laptop gives the template."""
    return {
        # On demand rather than spot, which has no multi-node jobs.
        "ComputeType": info.platform.upper(),
        "SubnetIds": "subnet-00000000",
        "SecurityGroupIds": "sg-00000000",
        # A process each, and each with its own interpreter.
        "DispatchConcurrency": "2",
        "LightConcurrency": str(max(2, _processors())),
        # The local Batch takes as many jobs as it is given.
        "SubmitsPerSecond": "0",
        **({"JobSilenceSeconds": str(SWEEP_SECONDS)} if info.chaos else {}),
    }


def _processors() -> int:
    return len(psutil.Process().cpu_affinity()) if sys.platform == "linux" else psutil.cpu_count() or 1


def _log_to_standard_error() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s [%(name)s] %(message)s")
    logging.getLogger("steprelay").setLevel(logging.INFO)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type] # the platform, which `relay` has checked
