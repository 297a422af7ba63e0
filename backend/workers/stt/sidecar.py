"""The sidecar inside its process: it listens, loads, seats clients, and leaves in order.

Decides what a connection is before it says anything (HTTP for /health and /metrics, else a WebSocket, at most so many of
them without a seat), and when the whole sidecar is of no use any more. One client's story is in `session.py`.

| `GET /health` | when                                               | body                                      |
|---------------|----------------------------------------------------|-------------------------------------------|
| 503           | the model is loading, or a step hangs for STUCK_S  | JSON: status, recogniser, sessions, seats |
| 200           | it can recognise (also with all seats taken)       | the same                                  |

A step that hangs cannot be ended from outside; its sessions see their `alive` stand still and leave. After LOST_S `run`
ends by itself with False, and whoever runs the process starts it anew.
"""

import asyncio
import json
import logging
import os
from time import perf_counter

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from backend.engines.stt_protocol import LARGEST_AUDIO
from backend.errors import SettingsError
from backend.settings import Settings
from backend.workers.stt.compute import Compute
from backend.workers.stt.figures import SidecarFigures
from backend.workers.stt.recogniser import build_recogniser
from backend.workers.stt.session import House, Seats, Session

STUCK_S = 10
LOST_S = 30
HANDSHAKE_WITHIN_S = 2.0
MOST_WITHOUT_SEAT = 64
"""Connections beyond the seats; each of them has two seconds to authenticate."""
UNREAD_MESSAGES = 64
"""Messages of a client that the library reads ahead."""
DRAIN_S = 4.0
UNLOAD_S = 3.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Sidecar:
    """Built and run inside one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._figures = SidecarFigures()
        compute = Compute(build_recogniser(settings), self._figures)
        seats = Seats(settings.stt_max_concurrent_sessions, self._figures)
        self._house = House(settings.stt_token.get_secret_value(), compute, seats, self._figures)
        self._sessions: set[Session] = set()
        self._hangs_s = 0

    async def run(self, stop: asyncio.Event) -> bool:
        """Until `stop`. Raises SettingsError when it cannot listen, RecogniserBroken when the model cannot be loaded.
        False: something hangs and is left behind."""
        begun = perf_counter()
        server = await self._listen()
        compute = self._house.compute
        compute.start()
        try:
            loading = asyncio.create_task(compute.load())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
                self._house.is_loaded = True
                log.info(
                    "stt.ready",
                    address=f"{self._settings.stt_host}:{self._settings.stt_port}",
                    pid=os.getpid(),
                    recogniser=compute.recogniser.name,
                    seats=self._house.seats.seats,
                    load_s=round(perf_counter() - begun, 3),
                )
            while not stop.is_set() and self._hangs_s < LOST_S:
                await self._watch(stopping)
        finally:
            log.info("stt.draining", sessions=len(self._sessions))
            is_idle = await self._leave(server)
            log.info("stt.stopped", left_behind=not is_idle)
        return is_idle

    async def _listen(self) -> Server:
        settings = self._settings
        quiet = logging.getLogger("offhook.stt.websockets")
        quiet.setLevel(logging.CRITICAL)  # a stranger's broken handshake is no error of ours
        try:
            return await serve(
                self._serve, settings.stt_host, settings.stt_port,
                process_request=self._answer, compression=None, open_timeout=HANDSHAKE_WITHIN_S, ping_interval=None,
                max_size=LARGEST_AUDIO, max_queue=UNREAD_MESSAGES, server_header=None, logger=quiet,
            )  # fmt: skip
        except OSError as error:
            where = f"{settings.stt_host}:{settings.stt_port}"
            raise SettingsError(
                f"STT_HOST, STT_PORT: cannot listen on {where} ({os.strerror(error.errno or 0)})"
            ) from None

    async def _watch(self, stopping: "asyncio.Task[bool]") -> None:
        """One second of life: does the compute thread still come round?"""
        before = self._house.compute.heartbeat()
        await asyncio.wait((stopping,), timeout=1.0)
        after = self._house.compute.heartbeat()
        self._hangs_s = self._hangs_s + 1 if before is not None and before == after else 0
        if self._hangs_s == STUCK_S:
            log.error("stt.step_hangs", sessions=self._house.seats.taken)

    async def _leave(self, server: Server) -> bool:
        server.close(close_connections=False)
        for session in list(self._sessions):
            session.go_away()
        try:
            async with asyncio.timeout(DRAIN_S):
                await server.wait_closed()
        except TimeoutError:
            pass  # a step hangs: its sessions cannot be given back
        return await self._house.compute.stop(UNLOAD_S)

    async def _serve(self, connection: ServerConnection) -> None:
        session = Session(self._house, connection)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/health":
            status, body = self._health()
            return _page(status, "application/json", json.dumps(body).encode() + b"\n")
        if path == "/metrics":
            return _page(200, "text/plain; version=0.0.4; charset=utf-8", self._figures.page())
        if len(self._sessions) >= self._house.seats.seats + MOST_WITHOUT_SEAT:
            return connection.respond(503, "too many connections\n")
        return None

    def _health(self) -> tuple[int, dict[str, str | int]]:
        house = self._house
        status = "loading" if not house.is_loaded else "hangs" if self._hangs_s >= STUCK_S else "ready"
        return 200 if status == "ready" else 503, {
            "status": status,
            "recogniser": house.compute.recogniser.name,
            "sessions": house.seats.taken,
            "seats": house.seats.seats,
        }


def _page(status: int, content_type: str, body: bytes) -> Response:
    headers = Headers({"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status, "OK" if status == 200 else "Service Unavailable", headers, body)
