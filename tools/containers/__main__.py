"""`tools/containers/run [pytest arguments]`: prepare, then run the container tests.

Exits as pytest does, 1 when the preparation fails, 75 when this machine cannot run them at all: the reason is in
.container-tests-skipped then.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from tools.containers.commands import Failed, Unavailable
from tools.containers.places import EXIT_UNAVAILABLE, ROOT, SKIPPED
from tools.containers.prepare import prepared


def main(arguments: list[str]) -> int:
    """Prepare and test, and tell how long each part took."""
    started = time.monotonic()
    # So that the engine is stopped then, too.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))
    SKIPPED.unlink(missing_ok=True)
    try:
        with prepared(ROOT, _say):
            return _pytest(arguments)
    except Unavailable as reason:
        _say(f"container tests skipped: {reason}")
        SKIPPED.write_text(f"{reason}\n")
        return EXIT_UNAVAILABLE
    except Failed as problem:
        _say(f"container tests not run: {problem}")
        return 1
    finally:
        _say(f"{'all':<56}{time.monotonic() - started:6.1f} s")


def _pytest(arguments: list[str]) -> int:
    # Two at a time: an invocation is as much waiting for Docker as it is work.
    command = [sys.executable, "-m", "pytest", "-n", "2", "-m", "container", "tests/containers", *arguments]
    with subprocess.Popen(command, cwd=ROOT) as pytest:
        try:
            return pytest.wait()
        except KeyboardInterrupt:  # pytest was told as well: let it tidy up
            return pytest.wait()
        except SystemExit:
            pytest.send_signal(signal.SIGINT)
            raise


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
