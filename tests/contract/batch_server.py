"""AWS Batch for the tests: the local Batch behind HTTP, with queues of every kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from steprelay.local.batch import LocalBatch, LocalBatchConfig
from steprelay_core.aws.clients import Clients


@contextmanager
def serving(workdir: Path) -> Iterator[str]:
    """The address of a local Batch that runs jobs as processes."""
    config = LocalBatchConfig(workdir, vcpus=2, memory_mib=4096, environment={"PATH": "/usr/bin:/bin"})
    batch = LocalBatch(config, events=lambda _event: None, logs=lambda _group, _stream, _lines: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(batch))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    batch.start()
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        batch.stop()


def create_queues(clients: Clients) -> None:
    """Queues `on-ec2`, `on-spot`, `on-fargate` and `own-machines`, the last with an unmanaged environment."""
    network = {"subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    for queue, kind in [("on-ec2", "EC2"), ("on-spot", "SPOT"), ("on-fargate", "FARGATE_SPOT")]:
        resources: Any = {"type": kind, "maxvCpus": 8, **network}
        if kind != "FARGATE_SPOT":
            resources |= {"instanceTypes": ["optimal"], "instanceRole": "ecsInstanceRole"}
        clients.batch.create_compute_environment(
            computeEnvironmentName=f"{queue}-machines", type="MANAGED", computeResources=resources
        )
        _create_queue(clients, queue, f"{queue}-machines")
    clients.batch.create_compute_environment(computeEnvironmentName="cellar", type="UNMANAGED")
    _create_queue(clients, "own-machines", "cellar")


def _create_queue(clients: Clients, queue: str, environment: str) -> None:
    clients.batch.create_job_queue(
        jobQueueName=queue, priority=1, computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}]
    )


def _handler(batch: LocalBatch) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = batch.handle(self.command, self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class named it
            """Say nothing: what went wrong is in the answer."""

    return Handler
