"""`sam local invoke` of one function on one payload."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.containers.build import sam_environment, template
from tools.containers.commands import Failed, last_line
from tools.containers.places import IMAGE, PARAMETERS, SAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.containers.engine import Engine

_WARM_SAM = Path(__file__).with_name("warm_sam.py")


@dataclass(frozen=True)
class InvokeResult:
    """What came back: the JSON response, the log lines, and the error where the function failed."""

    response: Any
    logs: str
    function_error: str | None


@dataclass(frozen=True)
class Invoker:
    """Invokes functions of a built stack in containers; `variables` is JSON, {logical id: {variable: value}}."""

    stack: Path
    variables: Path
    sam: subprocess.Popen[str]

    def __call__(self, function: str, event: Path) -> InvokeResult:
        """Run the function on the payload; raises Failed where SAM could not run it at all."""
        arguments: list[str | Path] = ["local", "invoke", function, "--event", event]
        arguments += ["--template", template(self.stack), "--env-vars", self.variables]
        arguments += ["--invoke-image", IMAGE, "--skip-pull-image", *PARAMETERS]
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = Path(folder) / "stdout", Path(folder) / "stderr"
            code = self._sam([str(word) for word in arguments], stdout, stderr)
            if code != 0:
                raise Failed(f"sam local invoke {function} exited {code}:\n{stderr.read_text()}")
            return result_of(stdout.read_text(), stderr.read_text())

    def _sam(self, arguments: list[str], stdout: Path, stderr: Path) -> int:
        request = {"arguments": arguments, "stdout": str(stdout), "stderr": str(stderr)}
        sent, answered = self.sam.stdin, self.sam.stdout
        if sent is None or answered is None:
            raise Failed("SAM was started without pipes")
        sent.write(json.dumps(request) + "\n")
        sent.flush()
        if not (answer := answered.readline()):
            raise Failed(f"SAM ended with {self.sam.wait()} before it answered")
        return int(answer)


@contextmanager
def invoker(stack: Path, engine: Engine, variables: Path, endpoint: str) -> Iterator[Invoker]:
    """An invoker on this engine; `endpoint` is where SAM itself finds AWS (it asks STS who it is each time)."""
    environment = sam_environment(stack) | engine.address() | {"AWS_ENDPOINT_URL": endpoint}
    command = [SAM.with_name("python"), _WARM_SAM]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=stack, env=environment, stdin=pipe, stdout=pipe, text=True) as sam:
        yield Invoker(stack, variables, sam)


def result_of(stdout: str, stderr: str) -> InvokeResult:
    """Read what `sam local invoke` printed: the response on stdout, all logs on stderr."""
    if not stdout.strip():
        return InvokeResult(None, stderr, f"no response: {last_line(stderr)}")
    response = json.loads(stdout)
    failed = isinstance(response, dict) and {"errorType", "errorMessage"} <= response.keys()
    error = f"{response['errorType']}: {response['errorMessage']}" if failed else None
    return InvokeResult(response, stderr, error)
