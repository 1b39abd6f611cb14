# What `python3 -c` runs in any image with Python 3.9 or newer: fetch the runner bundle from S3, start it.
# It is stored in every job definition, so it is small, and comments are taken out (steprelay.runner.bootstrap).
# Imports wait for a clean path; pathlib is not worth its import; 3.9 is below what the rest of the project needs;
# the addresses asked are the platform's own.
# ruff: noqa: E402, PTH103, PTH104, PTH112, PTH116, PTH118, PTH119, PTH120, PTH123, S310, SIM115, TC003, UP031, UP036
from __future__ import annotations  # older Pythons must get as far as being told that they are too old

import sys

# The image's working folder comes first on the path, and may hold files named like the modules below.
sys.path[:] = [p for p in sys.path if p not in ("", ".")]
import datetime
import hashlib
import hmac
import io
import json
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from typing import Any, NoReturn

E = os.environ
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Hopeless(Exception):
    pass


def say(text: str) -> NoReturn:
    sys.stderr.write(f"steprelay: {text}\n")
    sys.exit(1)


def attempt(what: str, call: Callable[[], Any], tries: int = 7) -> Any:
    # Backoff over connection errors, throttling and 5xx; any other answer is final.
    for left in reversed(range(tries)):
        try:
            return call()
        except urllib.error.HTTPError as error:
            problem = f"{what}: {error.code} {error.read(500).decode('utf-8', 'replace')}"
            if error.code < 500 and error.code != 429:
                raise Hopeless(problem) from None
        except (OSError, EOFError) as error:
            problem = f"{what}: {error}"
        if left:
            time.sleep(min(8, 0.25 * 2 ** (tries - left)))
    raise Hopeless(problem)


def ask(url: str, headers: dict[str, str], method: str = "GET") -> str:
    request = urllib.request.Request(url, headers=headers, method=method)
    return str(attempt(url, lambda: DIRECT.open(request, timeout=5).read().decode()))


def credentials() -> tuple[str, str, str | None]:
    if E.get("AWS_ACCESS_KEY_ID"):
        return E["AWS_ACCESS_KEY_ID"], E.get("AWS_SECRET_ACCESS_KEY", ""), E.get("AWS_SESSION_TOKEN")
    url = E.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if E.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        url = "http://169.254.170.2" + E["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    if url:
        token = E.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        if E.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = open(E["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read().strip()
        found = json.loads(ask(url, {"Authorization": token} if token else {}))
    else:
        base = E.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/") + "/latest/"
        head = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        head = {"X-aws-ec2-metadata-token": ask(base + "api/token", head, "PUT")}
        base += "meta-data/iam/security-credentials/"
        found = json.loads(ask(base + ask(base, head).split()[0], head))
    return found["AccessKeyId"], found["SecretAccessKey"], found.get("Token")


def keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def place(bucket: str, key: str, region: str) -> tuple[str, str]:
    # (scheme and host, path): path style for custom endpoints and for dotted names, which TLS cannot match.
    custom = E.get("AWS_ENDPOINT_URL_S3") or E.get("AWS_ENDPOINT_URL")
    host = f"s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    path = "/" + urllib.parse.quote(key)
    if custom or "." in bucket:
        return (custom or f"https://{host}").rstrip("/"), f"/{bucket}{path}"
    return f"https://{bucket}.{host}", path


def signed(base: str, path: str, region: str) -> dict[str, str]:
    access, secret, token = credentials()
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = urllib.parse.urlsplit(base)
    headers = {"host": parts.netloc, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": now}
    if token:
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join(["GET", parts.path + path, "", lines, names, "UNSIGNED-PAYLOAD"])
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = keyed(signing, part)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = keyed(signing, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}").hex()
    given = f"Credential={access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {given}"}


def get(bucket: str, key: str) -> bytes:
    region = E.get("AWS_REGION") or E.get("AWS_DEFAULT_REGION") or "us-east-1"
    base, path = place(bucket, key, region)

    def once() -> bytes:
        request = urllib.request.Request(base + path, headers=signed(base, path, region))
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = bytes(answer.read())
        if len(body) != int(answer.headers.get("Content-Length") or len(body)):
            raise EOFError("the answer was cut short")
        return body

    return bytes(attempt(f"s3://{bucket}/{key}", once))


def root() -> str:
    folder = os.path.join(tempfile.gettempdir(), f"steprelay-runner-{os.getuid()}")
    os.makedirs(folder, 0o700, exist_ok=True)
    # Somebody else's folder of that name is not one to run code from.
    return folder if os.stat(folder).st_uid == os.getuid() else tempfile.mkdtemp()


def fetch(address: str) -> str:
    bucket, _, key = address[5:].partition("/")
    if not (address.startswith("s3://") and key.endswith(".zip")):
        raise Hopeless(f"STEPRELAY_BUNDLE must be s3://bucket/key.zip, given {address!r}")
    folder = os.path.join(root(), os.path.basename(key)[:-4])
    if not os.path.isdir(folder):
        making = tempfile.mkdtemp(dir=os.path.dirname(folder))
        zipfile.ZipFile(io.BytesIO(get(bucket, key))).extractall(making)
        try:
            os.rename(making, folder)
        except OSError:
            shutil.rmtree(making)
            if not os.path.isdir(folder):
                raise
    return folder


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        say("steps need Python 3.11 or newer, this image has %d.%d: choose another image" % sys.version_info[:2])
    try:
        found = fetch(E.get("STEPRELAY_BUNDLE", ""))
    except (Hopeless, zipfile.BadZipFile) as error:
        say(f"the runner cannot be fetched: {error}")
    # What the image brings comes before our copy of boto3, so that nobody's pinned versions are shadowed.
    sys.path.insert(0, found)
    sys.path.append(os.path.join(found, "_vendor"))
    from steprelay.runner.main import main

    sys.exit(main())
