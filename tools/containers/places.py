"""Where the container tests keep things, and what they pin."""

from __future__ import annotations

import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
EVENTS = ROOT / "events"

SAM_LOCK = ROOT / "requirements-sam.lock"
SAM_VENV = ROOT / ".venv-sam"
SAM = SAM_VENV / "bin" / "sam"

# What AWS's own image carries beside Python: the runtime client and boto3.
RUNTIME_LOCK = Path(__file__).with_name("runtime.lock")

RUNTIME_PYTHON = (3, 13)
ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
# The functions run here, so they are built for this machine whatever the template's default is.
PARAMETERS = ("--parameter-overrides", f"Architecture={ARCHITECTURE}")
# Not AWS's name for it: the real image, where somebody has pulled it, stays what it is.
IMAGE = f"steprelay/lambda-python:3.13-{ARCHITECTURE}"

# The engine is root's and shared by every checkout of the machine, as Docker's own would be.
ENGINE_RUN = Path("/run/steprelay-containers")
ENGINE_DATA = Path("/var/lib/steprelay-containers")

# Where the reason stands when the tests cannot run here at all, and what they exit with then (EX_TEMPFAIL): `make`
# hides the exit code of what it runs.
SKIPPED = ROOT / ".container-tests-skipped"
EXIT_UNAVAILABLE = 75
