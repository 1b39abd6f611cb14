"""The relay's own process: one emulator, one local Batch, one deployed template. Started by `steprelay.local.relay`."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from steprelay.local import guardian
from steprelay.local.deployment import Deployment
from steprelay.local.environment import emulator_settings, job_environment
from steprelay.local.processes import MARK, ProcessId
from steprelay.local.record import RelayFolder, RelayInfo
from steprelay.local.sources import Sources

logger = logging.getLogger("steprelay.relay")

_MIB = 1024 * 1024
_STOP_SECONDS = 5.0
# The three that any run passes through; the others start when they are first needed.
_WARM = ("LightStepFunction", "JobChangedFunction", "PackageUploadedFunction")


def main(project: str, chaos: str = "") -> None:
    """Run the relay of this project until SIGTERM, with these faults on purpose."""
    _log_to_standard_error()
    folder = RelayFolder(Path(project))
    token = os.environ[MARK]
    listener = socket.create_server(("127.0.0.1", 0))
    sources = Sources.find()
    info = RelayInfo(
        state="starting",
        token=token,
        process=ProcessId.of(os.getpid()),
        port=listener.getsockname()[1],
        version=version("steprelay"),
        fingerprint=sources.fingerprint(),
        chaos=chaos,
    )
    folder.write(info)
    guardian.start(token, folder.temporary)
    os.environ.update(emulator_settings(info.port, token, folder.temporary))
    try:
        asyncio.run(_Relay(folder, info, sources).run(listener))
    except Exception as error:
        logger.exception("the relay could not start")
        folder.write(replace(info, state="failed", failure=str(error)))
        os._exit(1)
    # Threads of the emulator wait on things that never come; none of them has anything left to do.
    os._exit(0)


class _Relay:
    def __init__(self, folder: RelayFolder, info: RelayInfo, sources: Sources) -> None:
        from steprelay.local import emulator_hooks
        from steprelay.local.batch import LocalBatch

        self._hooks = emulator_hooks
        self._folder, self._info, self._sources = folder, info, sources
        self._batch = LocalBatch(
            _batch_config(folder, info), events=emulator_hooks.publish, logs=emulator_hooks.write_log
        )

    async def run(self, listener: socket.socket) -> None:
        """Serve, deploy, say so, and wait for the end."""
        self._hooks.check()
        self._hooks.install(self._batch.handle)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        self._batch.start()
        server = asyncio.create_task(_serve(listener, stop))
        try:
            outputs = await asyncio.to_thread(Deployment(self._info.port).create, self._sources, _parameters())
            self._folder.write(replace(self._info, state="ready", outputs=outputs))
            logger.info("ready on %s", self._info.endpoint_url)
            threading.Thread(target=self._hooks.warm, args=(_WARM,), daemon=True).start()
            _start_warm_commands(self._folder.project)
            await stop.wait()
            logger.info("stopping")
        finally:
            await asyncio.to_thread(self._batch.stop)
            await asyncio.to_thread(self._hooks.stop_functions)
            stop.set()
            await asyncio.wait([server], timeout=_STOP_SECONDS)


def _start_warm_commands(project: Path) -> None:
    """The process in which commands find everything imported. By name: nothing here needs the command line."""
    if sys.platform == "linux":
        command = [sys.executable, "-m", "steprelay.cli.warm.server", str(project)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


async def _serve(listener: socket.socket, stop: asyncio.Event) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    # The socket was bound before the emulator was imported, as that reads its own port then.
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.2
    config.loglevel = "WARNING"
    await serve(app, config, shutdown_trigger=stop.wait, mode="asgi")


def _batch_config(folder: RelayFolder, info: RelayInfo) -> Any:
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
    )


def _parameters() -> dict[str, str]:
    """What a laptop gives the template. Instances take any shape of job; Fargate only certain pairs."""
    return {
        "ComputeType": "SPOT",
        "SubnetIds": "subnet-00000000",
        "SecurityGroupIds": "sg-00000000",
        # A process each, and each with its own interpreter.
        "DispatchConcurrency": "2",
        "LightConcurrency": str(max(2, _processors())),
    }


def _processors() -> int:
    return len(psutil.Process().cpu_affinity()) if sys.platform == "linux" else psutil.cpu_count() or 1


def _log_to_standard_error() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s [%(name)s] %(message)s")
    logging.getLogger("steprelay").setLevel(logging.INFO)


if __name__ == "__main__":
    main(*sys.argv[1:])
