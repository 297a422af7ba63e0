"""A LiveKit room without a server: the SDK's own sources, tracks and streams over its native library; only the room itself,
which is a connection to a server, is a stand-in. What the caller publishes is a local track of the SDK."""

import asyncio
from collections.abc import Callable
from typing import Any

import gevent

from backend.clock import SystemClock
from backend.transports.livekit import LiveKitStream
from backend.transports.native_loop import NativeLoop
from backend.transports.ticker import Ticker
from tests.transports.client_line import Heard


class StandInRoom:
    """The room as the agent sees it. Runs in the loop's thread."""

    def __init__(self, refuses: bool = False) -> None:
        self.callbacks: dict[str, Callable[..., Any]] = {}
        self.local_participant = self
        self.published: list[Any] = []
        self.is_left = False
        self._refuses = refuses

    def on(self, event: str, callback: Callable[..., Any]) -> None:
        self.callbacks[event] = callback

    async def connect(self, url: str, token: str) -> None:
        if self._refuses:
            raise ConnectionError("no such room")

    async def publish_track(self, track: Any) -> None:
        self.published.append(track)

    async def disconnect(self) -> None:
        self.is_left = True


class LiveKitLine:
    """`stream` is under test, `heard` its listener; real time."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.loop = NativeLoop()
        self.room = StandInRoom(refuses)
        self.ticker = Ticker(SystemClock())
        self.ticker.start()
        self.stream = LiveKitStream("ws://room", "token", SystemClock(), self.ticker, self.loop, lambda: self.room)
        self.heard = Heard()
        self.pump = gevent.spawn(self.stream.pump, self.heard)
        self._track: Any = None
        self.agent_heard: list[bytes] = []

    def until(self, condition: Callable[[], object]) -> None:
        with gevent.Timeout(15):
            while not condition():
                gevent.sleep(0.005)

    def over_there(self, work: Callable[[], Any]) -> None:
        self.loop.start(work())

    def caller_says(self, pcm: bytes) -> None:
        """Mono s16le at 8 kHz, published as a track of 48 kHz would be."""

        async def publish() -> None:
            from livekit import rtc

            source = rtc.AudioSource(8000, 1, 5000)
            self._track = rtc.LocalAudioTrack.create_audio_track("caller", source)
            self.room.callbacks["track_subscribed"](self._track, None, None)
            try:
                for start in range(0, len(pcm), 320):
                    piece = pcm[start : start + 320]
                    await source.capture_frame(rtc.AudioFrame(piece, 8000, 1, len(piece) // 2))
                await asyncio.Event().wait()  # until the loop is stopped: a track whose source has gone is silent
            finally:
                await source.aclose()

        self.over_there(publish)

    def listen_to_agent(self) -> None:
        """Keep what the agent publishes."""

        async def listen() -> None:
            from livekit import rtc

            stream = rtc.AudioStream.from_track(
                track=self.room.published[0], sample_rate=8000, num_channels=1, frame_size_ms=20
            )
            try:
                async for event in stream:
                    self.agent_heard.append(bytes(event.frame.data))
            finally:
                await stream.aclose()

        self.over_there(listen)

    def caller_leaves(self) -> None:
        self.loop.call(lambda: self.room.callbacks["track_unsubscribed"](self._track, None, None))
        self.pump.join(10)

    def ends(self) -> None:
        self.loop.call(lambda: self.room.callbacks["disconnected"]("CLIENT_INITIATED"))
        self.pump.join(10)
        self.ticker.stop()
        self.loop.stop()
