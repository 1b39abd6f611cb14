"""The environments of an embedded relay: its own, its jobs', and its clients'.

Nothing of AWS passes from the shell that started the relay: its profile could name a real account.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from steprelay.local.processes import MARK

REGION = "us-east-1"
ACCOUNT = "000000000000"

# What a process needs to run at all, and what its output and its certificates depend on.
_INHERITED = frozenset(
    {
        "DOCKER_HOST",
        "HOME",
        "LANG",
        "LOGNAME",
        "PATH",
        "PYTHONPATH",
        "SHELL",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    }
)


# What the relay's own job queue runs on, where `local up` is not told.
PLATFORM_VARIABLE = "STEPRELAY_LOCAL_PLATFORM"


def client_environment(port: int) -> dict[str, str]:
    """What any AWS client needs to talk to the relay at this port, and to nobody else."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def daemon_environment(shell: Mapping[str, str], token: str, temporary: Path) -> dict[str, str]:
    """The environment a relay is started with. Its functions inherit it, as its emulator has it so."""
    inherited = {name: value for name, value in shell.items() if name in _INHERITED or name.startswith("LC_")}
    # `python3` in a job's command is to be the interpreter that runs here, with the packages it has.
    path = os.pathsep.join([str(Path(sys.executable).parent), shell.get("PATH", os.defpath)])
    return {
        **inherited,
        MARK: token,
        "PATH": path,
        "PYTHONUTF8": "1",
        "TMPDIR": str(temporary),
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_METRICS_DISABLED": "true",
    }


def emulator_settings(port: int, token: str, temporary: Path) -> dict[str, str]:
    """MiniStack's documented settings: one port on 127.0.0.1, nothing kept on disk, no service of no use here."""
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        # Comes back in the answer to a health request.
        "MINISTACK_EDITION": token,
        "SERVICES": "batch,cloudformation,dynamodb,events,iam,lambda,logs,s3,scheduler,sqs,sts",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "USE_SSL": "0",
        "AUTH": "false",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        # Some of its services write a key when they are imported, whatever is said above.
        "STATE_DIR": str(temporary / "state"),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_STRICT": "0",
        "LAMBDA_WARM_TTL_SECONDS": "60",
        "LOG_LEVEL": "WARNING",
    }


def job_environment(own: Mapping[str, str], port: int) -> dict[str, str]:
    """The base environment of every job: a container would have no more."""
    kept = {name: value for name, value in own.items() if name in _INHERITED or name.startswith("LC_")}
    return {**kept, MARK: own[MARK], "TMPDIR": own["TMPDIR"], **client_environment(port)}


def secret_values(shell: Mapping[str, str]) -> dict[str, str]:
    """Where jobs' secrets come from: a shell's variables, but for those with which AWS's clients find an account."""
    return {name: value for name, value in shell.items() if not name.startswith("AWS_")}
