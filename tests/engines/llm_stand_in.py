"""A model server over plain sockets that does what the request's `model` says, and counts connections.

ok            five words, then a tail that arrives a moment after [DONE]
stall-headers nothing at all          stall-stream  two words, then nothing
status-N      that HTTP status        reset         the connection is cut instead of an answer
cut           two words, then cut     rubbish       a stream that is not JSON
"""

import json
import socket
import threading
import time
from typing import BinaryIO

STALL_S = 0.4
"""How long the tests let the engine wait for a server that stalls."""


class LlmStandIn:
    """`with LlmStandIn() as server: server.url`; each connection has a thread."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.accepted = 0
        self.left_at: dict[str, float] = {}
        """Model → when its client went away while the server was stalling."""
        self._open: list[socket.socket] = []

    def __enter__(self) -> "LlmStandIn":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the test is over
            self.accepted += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while self._answer(connection, reader):
                    pass
        except OSError:
            pass  # the client went away, or the test is over

    def _answer(self, connection: socket.socket, reader: BinaryIO) -> bool:
        length = 0
        line = reader.readline()
        if not line:
            return False
        while line := reader.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        model = json.loads(reader.read(length))["model"]
        if model == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        if model.startswith("status-"):
            words = b'{"error": {"message": "you said: my secret words"}}'
            status = model.removeprefix("status-").encode()
            connection.sendall(
                b"HTTP/1.1 %b No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(words))
                + words
            )
            return True
        if model == "stall-headers":
            return self._stall(connection, model)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5 if model == "ok" else 2):
            text = "{rubbish" if model == "rubbish" else json.dumps(_chunk(f" word{number}"))
            self._send(connection, b"data: " + text.encode() + b"\n\n")
        if model == "cut":
            return False
        if model == "stall-stream":
            return self._stall(connection, model)
        self._send(connection, b"data: [DONE]\n\n")
        time.sleep(0.005)
        connection.sendall(b"0\r\n\r\n")
        return True

    def _send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def _stall(self, connection: socket.socket, model: str) -> bool:
        connection.settimeout(10)
        try:
            connection.recv(1)
        finally:
            self.left_at[model] = time.monotonic()
        return False


def _chunk(text: str) -> dict[str, object]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
