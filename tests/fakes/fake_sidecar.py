"""An STT sidecar that does what the test says: a real WebSocket server in threads of its own, foreign to the engine.

    with FakeSidecar() as sidecar:
        stt = SidecarStt([sidecar.url], TOKEN)
        ...
        sidecar.session.say("two pizzas", is_final=True)

`behaviour` holds for the connections that come after it was set: "ok"; "busy" (1013); "mute" (upgrades, then says
nothing); "no_upgrade" (HTTP 403); "fails" (1011 at the first audio); "garbage" (everything that is no message, then "ok").
"""

import json
import socket
import threading
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from backend.engines import stt_protocol

TOKEN = "a-token-of-the-tests"
GARBAGE: tuple[str | bytes, ...] = (
    b"\x00\x01", "", "no json", "[]", "7", '{"type": 7}', '{"type": "nonsense"}', '{"type": "transcript"}',
    '{"type": "transcript", "text": 7, "is_final": true, "utterance": 1}',
    '{"type": "transcript", "text": "x", "is_final": "yes", "utterance": 1}',
    '{"type": "transcript", "text": "x", "is_final": true, "utterance": "one"}',
    '{"type": "alive", "audio_s": "long"}', '{"type": "alive", "audio_s": -1}', '{"type": "alive", "audio_s": 1e999}',
    '{"type": "alive", "audio_s": true}', "[" * 5000,
)  # fmt: skip


def cut(connection: ServerConnection) -> None:
    try:
        connection.socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already


class Session:
    """One connection that got as far as `start`."""

    def __init__(self, connection: ServerConnection, start: dict[str, Any]) -> None:
        self._connection = connection
        self.start = start
        self.audio = bytearray()
        self.sizes: list[int] = []
        """Bytes of each audio message."""
        self.controls: list[dict[str, Any]] = []
        self.close_code: int | None = None
        """How the client closed."""
        self.is_over = threading.Event()
        self.utterance = 1

    @property
    def audio_s(self) -> float:
        return len(self.audio) / 2 / float(self.start["sample_rate"])

    def send(self, fields: dict[str, Any]) -> None:
        self._connection.send(json.dumps(fields))

    def say(self, text: str, *, is_final: bool = False, utterance: int | None = None, **fields: Any) -> None:
        """A transcript; a final one ends the utterance."""
        number = self.utterance if utterance is None else utterance
        positions = {"start_s": 0.0, "end_s": self.audio_s}
        self.send(
            {"type": "transcript", "text": text, "is_final": is_final, "utterance": number, **positions, **fields}
        )
        if is_final and utterance is None:
            self.utterance += 1

    def alive(self, audio_s: float | None = None) -> None:
        self.send({"type": "alive", "audio_s": self.audio_s if audio_s is None else audio_s})

    def close(self, code: int) -> None:
        self._connection.close(code)

    def cut(self) -> None:
        """The connection goes, without a word."""
        cut(self._connection)


class FakeSidecar:
    """A server on a free port."""

    def __init__(self, behaviour: str = "ok", port: int = 0) -> None:
        self.behaviour = behaviour
        self.sessions: list[Session] = []
        self.connections = 0
        self._open: list[ServerConnection] = []
        self._server: Server = serve(
            self._handle, "127.0.0.1", port, process_request=self._upgrade, compression=None, ping_interval=None
        )
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._open:
            cut(connection)  # no closing handshake: the test's greenlets do not run while we wait here
        self._server.shutdown()
        self._thread.join(5)

    @property
    def session(self) -> Session:
        """The latest one."""
        return self.sessions[-1]

    # --- the server's side ---

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        return connection.respond(HTTPStatus.FORBIDDEN, "no\n") if self.behaviour == "no_upgrade" else None

    def _handle(self, connection: ServerConnection) -> None:
        try:
            self._serve(connection, self.behaviour)
        except (ConnectionClosed, OSError):
            pass  # the client went away, or the test is over

    def _serve(self, connection: ServerConnection, behaviour: str) -> None:
        self._open.append(connection)
        auth = json.loads(connection.recv(timeout=5))
        if behaviour == "mute":
            for _ in connection:
                pass
            return
        if auth != {"type": "auth", "token": TOKEN}:
            connection.close(stt_protocol.POLICY)
            return
        start = json.loads(connection.recv(timeout=5))
        if behaviour == "busy":
            connection.close(stt_protocol.TRY_AGAIN_LATER)
            return
        session = Session(connection, start)
        self.sessions.append(session)
        session.send({"type": "ready", "recogniser": "fake"})
        if behaviour == "garbage":
            for message in GARBAGE:
                connection.send(message)
        try:
            for message in connection:
                if isinstance(message, bytes):
                    session.audio += message
                    session.sizes.append(len(message))
                    if behaviour == "fails":
                        connection.close(stt_protocol.FAILED)
                else:
                    session.controls.append(json.loads(message))
        finally:
            session.close_code = connection.close_code
            session.is_over.set()
