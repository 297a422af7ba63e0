"""A tiny stand-in for Telnyx' REST API on loopback: answers what a test has put in line, keeps what was asked.

(`backend/rehearsal/carrier` is the faithful one; this one can say anything, however wrong.)
"""

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OK = {"data": {"result": "ok"}}


@dataclass
class Answer:
    """One answer. `delay_s`: held back so long (or until the stub closes); `body` bytes are sent as they are."""

    status: int = 200
    body: Any = field(default_factory=lambda: OK)
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]


def error(status: int, code: str, **headers: str) -> Answer:
    body = {"errors": [{"code": code, "title": "what Telnyx says", "detail": "and how"}]}
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    stub: "TelnyxStub"


class TelnyxStub:
    """`with TelnyxStub(answer, …) as stub: stub.url`. When the line is empty, it says OK."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = deque(answers)
        self.asked: list[Asked] = []
        self.at_once = self.most_at_once = 0
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.02), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v2"

    @property
    def paths(self) -> list[str]:
        return [asked.path.removeprefix("/v2") for asked in self.asked]

    def __enter__(self) -> "TelnyxStub":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        stub = self.server.stub
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with stub.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            stub.asked.append(Asked(self.command, self.path, json.loads(raw) if raw else {}, headers))
            answer = stub.answers.popleft() if stub.answers else Answer()
            stub.at_once += 1
            stub.most_at_once = max(stub.most_at_once, stub.at_once)
        stub.closing.wait(answer.delay_s)
        with stub.lock:
            stub.at_once -= 1
        if answer.status == 0:
            self.close_connection = True
            return
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        try:
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has given up waiting

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
