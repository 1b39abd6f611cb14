"""SAM CLI, loaded once and forked for each command: loading it takes seconds, a fork milliseconds.

Runs in SAM's own environment. Each line of stdin is {"arguments": [..], "stdout": path, "stderr": path}: what `sam`
would do with these arguments is done in a fork, and its exit code is answered on a line of stdout.
"""

import importlib
import json
import os
import sys

_LOADED_BEFORE = ("samcli.commands.local.invoke.cli", "samcli.commands.local.cli_common.invoke_context")


def main() -> None:
    """Answer commands until stdin ends."""
    for module in _LOADED_BEFORE:
        importlib.import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become_sam(**json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _become_sam(arguments: list[str], stdout: str, stderr: str) -> None:
    for stream, path in ((0, os.devnull), (1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), stream)
    sys.argv = ["sam", *arguments]
    code: object = 1
    try:
        importlib.import_module("samcli.cli.main").cli()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
