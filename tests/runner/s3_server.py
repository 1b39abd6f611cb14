"""A small S3 on 127.0.0.1, with the metadata services' paths and a queue: what our processes talk to."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCESS, SECRET, TOKEN = "AKIDEXAMPLE", "secret/key", "session-token"
FAILURES = {409: "ConditionalRequestConflict", 503: "SlowDown", 403: "AccessDenied"}
CREDENTIALS = json.dumps({"AccessKeyId": ACCESS, "SecretAccessKey": SECRET, "Token": TOKEN}).encode()


class S3Server(ThreadingHTTPServer):
    """`objects` by `/bucket/key`; `failures` are answered first, one status each; `requests` is what was asked.

    `messages` are the bodies sent to the queue, whatever its URL. `connections` has the client's port
    of each request. `parts`: of multipart uploads, only how many bytes each was.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.failures: list[int] = []
        self.messages: list[Any] = []
        self.parts: dict[str, int] = {}
        self.connections: list[int] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]


@contextmanager
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def signature_is_valid(method: str, path: str, headers: dict[str, str], url: str) -> bool:
    """Whether botocore, given the same request and time, signs it the same."""
    given = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)",
        headers["authorization"],
    )
    assert given is not None
    signed = {name: headers[name] for name in given[3].split(";")}
    request = AWSRequest(method, f"{url}{path}", headers=signed)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials(given[1], SECRET), "s3", given[2])
    canonical = auth.canonical_request(request)
    return auth.signature(auth.string_to_sign(request, canonical), request) == given[4]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Server

    def do_GET(self) -> None:
        if self._failed():
            return
        if self.path == "/credentials":
            self._answer(200 if self.headers.get("Authorization") == "token" else 403, CREDENTIALS)
        elif self.path.startswith("/latest/"):
            self._answer_metadata()
        elif self.path not in self.server.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._answer_object(self.server.objects[self.path])

    def do_PUT(self) -> None:
        body = self._body()
        if self._failed():
            return
        if self.path == "/latest/api/token":
            self._answer(200, b"imds-token")
            return
        if "partNumber=" in self.path:
            self.server.parts[self.path] = len(body)
            self._answer(200)
            return
        if self.headers.get("If-None-Match") == "*" and self.path in self.server.objects:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        self.server.objects[self.path] = body
        self._answer(200)

    def do_POST(self) -> None:
        if "uploads" in self.path or "uploadId=" in self.path:
            self._answer_multipart()
            return
        body = json.loads(self._body())
        sent = []
        for entry in body.get("Entries", [body]):
            text = entry["MessageBody"]
            self.server.messages.append(json.loads(text))
            sent.append(
                {
                    "Id": entry.get("Id"),
                    "MessageId": "m-1",
                    "MD5OfMessageBody": hashlib.md5(text.encode()).hexdigest(),
                }
            )
        self._answer(200, json.dumps({"Successful": sent} if "Entries" in body else sent[0]).encode())

    def _answer_multipart(self) -> None:
        self._body()
        names = "<Bucket>data</Bucket><Key>big</Key><UploadId>u1</UploadId>"
        kind = "Initiate" if "uploads" in self.path else "Complete"
        self._answer(200, f"<{kind}MultipartUploadResult>{names}</{kind}MultipartUploadResult>".encode())

    def _answer_metadata(self) -> None:
        if self.headers.get("X-aws-ec2-metadata-token") != "imds-token":
            self._answer(401)
        else:
            self._answer(200, b"the-role" if self.path.endswith("/security-credentials/") else CREDENTIALS)

    def _answer_object(self, body: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted is None:
            self._answer(200, body)
        else:
            self._answer(206, body[int(wanted[1]) : int(wanted[2]) + 1])

    do_HEAD = do_GET

    def _body(self) -> bytes:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return raw
        body = b""
        while raw:
            head, _, raw = raw.partition(b"\r\n")
            size = int(head.split(b";")[0], 16)
            if not size:
                break
            body, raw = body + raw[:size], raw[size + 2 :]
        return body

    def _failed(self) -> bool:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.connections.append(self.client_address[1])
        self.server.requests.append((self.command, self.path, headers))
        if not self.server.failures:
            return False
        status = self.server.failures.pop(0)
        self._answer(status, f"<Error><Code>{FAILURES[status]}</Code></Error>".encode())
        return True

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent: the tests read `requests`."""
