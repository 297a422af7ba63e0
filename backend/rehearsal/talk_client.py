"""A client of the client WebSocket (`docs/client-websocket.md`), for the command `talk`, tests and benchmarks.

Types or speaks to an agent and keeps what comes back: captions, and audio as it would be heard, of which it tells the
product what was played. Decides nothing about either side. asyncio; one task reads, one tells what was played.

    async with TalkClient(base_url, api_key, agent_id, on_message=print) as talk:
        await talk.type("When are you open?")
        await talk.ended()
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from backend.rehearsal.loudspeaker import Loudspeaker
from backend.rehearsal.product_api import ApiError

OPEN_WITHIN_S = 10.0
TELL_EVERY_S = 0.1
FRAME_S = 0.02
_LARGEST_MESSAGE = 1 << 20

Message = dict[str, Any]


class TalkClient:
    """One session. `messages` are all that came but audio, each with `at`, its instant on the monotonic clock."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        agent_id: str,
        *,
        on_message: Callable[[Message], None] = lambda message: None,
        tells_played: bool = True,
    ) -> None:
        self._url = f"{base_url.rstrip('/').replace('http', 'ws', 1)}/api/talk/{quote(agent_id, safe='')}"
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._on_message = on_message
        self._tells_played = tells_played
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._has_started = asyncio.Event()
        self._has_ended = asyncio.Event()
        self.messages: list[Message] = []
        self.start: Message = {}
        """`session_start`; empty when the client was refused."""
        self.started_at = 0.0
        self.loudspeaker = Loudspeaker(8000)
        self.close_code: int | None = None

    async def __aenter__(self) -> Self:
        """Connected, and greeted or refused. Raises ApiError when there is no product, or no access."""
        try:
            self._socket = await connect(
                self._url, additional_headers=self._headers, open_timeout=OPEN_WITHIN_S, max_size=_LARGEST_MESSAGE,
                compression=None,
            )  # fmt: skip
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise ApiError(f"{self._url}: {error or type(error).__name__}") from error
        self.started_at = time.monotonic()
        self._tasks = [asyncio.create_task(self._read())]
        if self._tells_played:
            self._tasks.append(asyncio.create_task(self._tell_played()))
        waits = [asyncio.create_task(event.wait()) for event in (self._has_started, self._has_ended)]
        try:
            await asyncio.wait(waits, timeout=OPEN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks[1:]:
            task.cancel()
        if self._socket is not None:
            await self._socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what the caller does ---

    async def type(self, text: str) -> None:
        await self.send({"type": "text", "text": text})

    async def speak(self, pcm: bytes, sample_rate: int) -> float:
        """Say it, at the pace of speech. Returns the instant at which its last sample was sent."""
        frame = 2 * round(sample_rate * FRAME_S)
        begun = time.monotonic()
        for number, start in enumerate(range(0, len(pcm), frame), 1):
            await self.send_audio(pcm[start : start + frame], sample_rate)
            await asyncio.sleep(max(0.0, begun + number * FRAME_S - time.monotonic()))
        return time.monotonic()

    async def send_audio(self, pcm: bytes, sample_rate: int) -> None:
        audio = base64.b64encode(pcm).decode()
        await self.send({"type": "audio", "audio": audio, "sample_rate": sample_rate})

    async def hang_up(self) -> None:
        await self.send({"type": "control", "action": "hang_up"})

    async def interrupt(self) -> None:
        await self.send({"type": "control", "action": "interrupt"})

    async def send(self, message: Message | str) -> None:
        """Harmless once the session has ended."""
        assert self._socket is not None, "use `async with`"
        try:
            await self._socket.send(message if isinstance(message, str) else json.dumps(message))
        except ConnectionClosed:
            pass  # said by `ended`

    # --- what comes back ---

    def of(self, type_: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == type_]

    @property
    def end_reason(self) -> str:
        """Of `session_end`; "" before, and when the connection just went."""
        return str(next((message["reason"] for message in self.of("session_end")), ""))

    @property
    def is_over(self) -> bool:
        return self._has_ended.is_set()

    async def ended(self, within_s: float | None = None) -> bool:
        """Wait until the connection is gone. False: it is still there after `within_s`."""
        try:
            await asyncio.wait_for(self._has_ended.wait(), within_s)
        except TimeoutError:
            return False
        return True

    def recording(self) -> bytes:
        """The agent as heard so far: mono s16le at 8 kHz."""
        return self.loudspeaker.recording(self.started_at, time.monotonic())

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for text in self._socket:
                self._take(json.loads(text))
        except ConnectionClosed:
            pass
        self.close_code = self._socket.close_code
        self._has_ended.set()

    def _take(self, message: Message) -> None:
        now = time.monotonic()
        if message["type"] == "audio":
            self.loudspeaker.arrived(message["sequence"], base64.b64decode(message["audio"]), now)
            return
        if message["type"] == "clear":
            self.loudspeaker.clear(now)
        self.messages.append({**message, "at": now})
        if message["type"] == "session_start":
            self.start = message
            self._has_started.set()
        self._on_message(message)

    async def _tell_played(self) -> None:
        told = 0
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            played = self.loudspeaker.played(time.monotonic())
            if played > told:
                told = played
                await self.send({"type": "control", "action": "played", "sequence": played})
