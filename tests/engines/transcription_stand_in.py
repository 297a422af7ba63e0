"""A transcription server over HTTP that does what the request's `model` says, and keeps what was sent up.

ok            two pieces of text as a stream, then the whole       whisper-1     the whole at once
status-N      that HTTP status             stall         nothing at all
cut           one piece, then the end      rubbish       a stream that is not JSON
"""

import email
import json
import threading
import time
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from backend.audio.wav import parse_wav

STALL_S = 0.4
"""How long the tests let the engine wait."""


@dataclass(frozen=True)
class Upload:
    model: str
    language: str
    is_stream: bool
    samples: int
    sample_rate: int


class TranscriptionStandIn:
    """`with TranscriptionStandIn() as server: server.url`; each connection has a thread."""

    def __init__(self) -> None:
        stand_in = self
        self.uploads: list[Upload] = []
        self.left_at: dict[str, float] = {}
        """Model → when its client went away while the server was stalling."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

            def do_POST(self) -> None:
                try:
                    stand_in._answer(self)
                except OSError:
                    self.close_connection = True  # the client went away

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        fields = _fields(request)
        wav = parse_wav(fields["file"])
        model = fields["model"].decode()
        is_stream = fields.get("stream") == b"true"
        language = fields.get("language", b"").decode()
        self.uploads.append(Upload(model, language, is_stream, len(wav.samples), wav.sample_rate))
        if model.startswith("status-"):
            body = json.dumps({"error": {"message": "you said: my secret words"}}).encode()
            self._send(request, int(model.removeprefix("status-")), "application/json", body)
        elif model == "stall":
            request.connection.settimeout(10)
            request.connection.recv(1)
            self.left_at[model] = time.monotonic()
            request.close_connection = True
        elif is_stream:
            self._send(request, 200, "text/event-stream", _stream(model))
        else:
            self._send(request, 200, "application/json", json.dumps({"text": "all at once"}).encode())

    def _send(self, request: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


def _fields(request: BaseHTTPRequestHandler) -> dict[str, bytes]:
    """The parts of a multipart form."""
    body = request.rfile.read(int(request.headers["Content-Length"]))
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message: Message = email.message_from_bytes(head + body)
    fields = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload
    return fields


def _stream(model: str) -> bytes:
    if model == "rubbish":
        return b"data: {rubbish\n\n"
    events: list[dict[str, Any]] = [{"type": "transcript.text.delta", "delta": "two "}]
    if model != "cut":
        events += [
            {"type": "transcript.text.delta", "delta": "pizzas"},
            {"type": "transcript.text.done", "text": "Two pizzas."},
        ]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
