"""An external tone analyser on loopback: a real HTTP server that does as it is told."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Analyser:
    """What it was asked, and what it answers next."""

    url: str = ""
    token: str = ""
    answer: Any = field(default_factory=lambda: {"label": "angry", "confidence": 0.8})
    """bytes: as they are; else JSON."""
    status: int = 200
    allocates: bool = True
    hangs: threading.Event | None = None
    allocated: list[dict[str, Any]] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    refused: int = 0

    def samples(self, number: int) -> bytes:
        return base64.b64decode(self.windows[number]["audio"])


@contextmanager
def running(**behaviour: Any) -> Iterator[Analyser]:
    analyser = Analyser(**behaviour)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if analyser.token and self.headers.get("Authorization") != f"Bearer {analyser.token}":
                analyser.refused += 1
                self._reply(401, {})
            elif self.path == "/v1/allocate":
                analyser.allocated.append(body)
                answer = {"url": f"{analyser.url}/sessions/{len(analyser.allocated)}"} if analyser.allocates else {}
                self._reply(201, answer)
            else:
                analyser.windows.append({**body, "path": self.path})
                if analyser.hangs is not None:
                    analyser.hangs.wait(30)
                self._reply(analyser.status, analyser.answer)

        def do_DELETE(self) -> None:
            analyser.released.append(self.path)
            self._reply(204, b"")

        def _reply(self, status: int, answer: Any) -> None:
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try:
                self.wfile.write(data)
            except OSError:
                pass  # it hung up first

        def log_message(self, format: str, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    analyser.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield analyser
    finally:
        if analyser.hangs is not None:
            analyser.hangs.set()
        server.shutdown()
        thread.join()
        server.server_close()
