"""A LiveKit room as a media stream: the contract of `carrier/base.py` over the `livekit` SDK.

The agent is a participant: it publishes one audio track, and hears the first audio track that somebody else publishes; the
others are not heard until that one has gone. Decides when agent audio counts as played (`playout.py`, by the clock: a room
says nothing of what was played) and when the call is over: when the room is left, or the one it hears leaves it. The SDK
knows asyncio only, so it lives in `native_loop.py`'s thread; what comes from there crosses into the hub. Not used before a
fork. The SDK is imported with the first room, over there: nobody else needs it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import gevent
from gevent.event import Event

from backend.audio.framing import Framer, frame_bytes
from backend.carrier.base import MediaListener
from backend.clock import Clock
from backend.transports.native_loop import Crossing, NativeLoop
from backend.transports.playout import Playout
from backend.transports.ticker import Ticker

if TYPE_CHECKING:
    from livekit import rtc

log = logging.getLogger(__name__)

SAMPLE_RATE = 8000
FRAME_MS = 20
FRAME_BYTES = frame_bytes(SAMPLE_RATE, 2)
QUEUE_MS = 2000
"""Of agent audio inside the SDK: more than a call ever sends ahead, so that handing over never waits for long."""
GAP_S = 0.2
LEAVE_WITHIN_S = 5.0
_SILENCE = bytes(FRAME_BYTES)


class Room(Protocol):
    """What we need of the SDK's `rtc.Room`."""

    local_participant: Any

    def on(self, event: str, callback: Callable[..., Any]) -> Any: ...

    async def connect(self, url: str, token: str) -> None: ...

    async def disconnect(self) -> None: ...


def new_room() -> Room:
    """The SDK's own. Raises ImportError with what to install."""
    try:
        from livekit import rtc
    except ImportError as error:
        raise ImportError("install requirements-livekit.txt") from error
    return cast(Room, rtc.Room())


class LiveKitStream:
    """An OpenMediaStream. `make_room` is called in the loop's thread."""

    encoding = "L16"

    def __init__(
        self,
        url: str,
        token: str,
        clock: Clock,
        ticker: Ticker,
        loop: NativeLoop,
        make_room: Callable[[], Room] = new_room,
    ) -> None:
        self._url = url
        self._token = token
        self._clock = clock
        self._ticker = ticker
        self._loop = loop
        self._make_room = make_room
        self._playout = Playout()
        self._framer = Framer(FRAME_BYTES)
        self._listener: MediaListener | None = None
        self._silent_from: float | None = None
        self._ended = Event()
        self.end_reason = ""
        """Why the stream is over."""
        # Over there, in the loop's thread:
        self._frames: asyncio.Queue[tuple[int, bytes]] | None = None
        self._generation = 0
        """Raised by `clear`, in the hub; read over there: frames of an older one are void."""
        self._source: rtc.AudioSource | None = None
        self._left: asyncio.Event | None = None
        self._heard_track: Any = None
        self._listening: asyncio.Task[None] | None = None
        # From there to here:
        self._crossing: Crossing[Callable[[], None]] = Crossing(lambda do: do())

    @property
    def has_sent_audio(self) -> bool:
        """Somebody was heard."""
        return self._silent_from is not None

    # --- towards the room ---------------------------------------------------------------------------------------------

    def send_audio(self, encoded: bytes) -> None:
        for frame in self._framer.push(encoded):
            self._send(frame)

    def send_mark(self, name: str) -> None:
        if rest := self._framer.flush():
            self._send(rest)
        self._playout.mark(name, self._clock.monotonic())

    def clear(self) -> None:
        self._framer.clear()
        self._generation += 1
        if not self._ended.is_set():
            self._loop.call(self._clear_source)
        for name in self._playout.clear():
            self._returned(name)

    def close(self) -> None:
        if not self._ended.is_set():
            self._loop.call(self._leave)

    def _send(self, frame: bytes) -> None:
        if self._ended.is_set():
            return
        self._playout.sent(FRAME_MS / 1000, self._clock.monotonic())
        generation = self._generation
        self._loop.call(lambda: self._frames.put_nowait((generation, frame)) if self._frames is not None else None)

    # --- from the room ------------------------------------------------------------------------------------------------

    def pump(self, listener: MediaListener) -> None:
        """Join, and report to `listener` until the room is left; `on_started` comes once joined, `on_stopped` last, once,
        also when nobody could be joined."""
        self._listener = listener
        beat = self._ticker.add(self.tick)
        self._loop.start(self._live())
        try:
            self._ended.wait()
        finally:
            self._loop.call(self._leave)
            beat.cancel()
            with gevent.Timeout(LEAVE_WITHIN_S, False):  # it has ended, unless this greenlet was told to go
                self._ended.wait()
            if self._ended.is_set():  # the last word from over there has come: nobody puts anything in any more
                self._crossing.close()
            self._ended.set()
            listener.on_stopped(self.end_reason or "left")

    def tick(self, now: float) -> None:
        """Time has passed. Every 20 ms, in the ticker's greenlet."""
        if self._listener is None or self._ended.is_set():
            return
        while self._silent_from is not None and now >= self._silent_from:
            self._silent_from += FRAME_MS / 1000
            self._listener.on_audio(_SILENCE)
        for name in self._playout.take_due(now):
            self._returned(name)

    def _returned(self, name: str) -> None:
        if self._listener is not None and not self._ended.is_set():
            self._listener.on_mark(name)

    def _heard(self, pcm: bytes) -> None:
        if self._listener is not None and not self._ended.is_set():
            self._silent_from = self._clock.monotonic() + FRAME_MS / 1000 + GAP_S
            self._listener.on_audio(pcm)

    def _started(self) -> None:
        if self._listener is not None:
            self._listener.on_started(self.encoding, SAMPLE_RATE)

    def _over(self, reason: str) -> None:
        self.end_reason = self.end_reason or reason
        self._ended.set()

    # --- over there: all of this runs in the loop's thread --------------------------------------------------------------

    async def _live(self) -> None:
        self._frames, self._left = asyncio.Queue(), asyncio.Event()
        room: Room | None = None
        sending: asyncio.Task[None] | None = None
        reason = "left"
        try:
            room = self._make_room()
            from livekit import rtc

            room.on("track_subscribed", lambda track, *_: self._offered(track))
            room.on("track_unsubscribed", lambda track, *_: self._withdrawn(track))
            room.on("disconnected", lambda *_: self._leave())
            await room.connect(self._url, self._token)
            self._source = rtc.AudioSource(SAMPLE_RATE, 1, QUEUE_MS)
            track = rtc.LocalAudioTrack.create_audio_track("agent", self._source)
            await room.local_participant.publish_track(track)
            sending = asyncio.ensure_future(self._send_frames(self._source, rtc))
            self._cross(self._started)
            await self._left.wait()
        except Exception as error:  # the SDK raises its own kinds and plain Exception: all of them end this call only
            log.warning("a LiveKit room was lost: %s: %s", type(error).__name__, error)
            reason = f"{type(error).__name__}"
        finally:
            tasks = [task for task in (sending, self._listening) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            source, self._source = self._source, None
            try:
                if room is not None:
                    await room.disconnect()
                if source is not None:
                    await source.aclose()
            finally:
                self._cross(lambda: self._over(reason))

    async def _send_frames(self, source: "rtc.AudioSource", rtc_: Any) -> None:
        assert self._frames is not None  # made before this began
        while True:
            generation, pcm = await self._frames.get()
            if generation == self._generation:
                await source.capture_frame(rtc_.AudioFrame(pcm, SAMPLE_RATE, 1, len(pcm) // 2))

    def _clear_source(self) -> None:
        if self._source is not None:
            self._source.clear_queue()

    def _offered(self, track: Any) -> None:
        """Somebody publishes something."""
        from livekit import rtc

        if track.kind == rtc.TrackKind.KIND_AUDIO and self._heard_track is None:
            self._heard_track = track
            self._listening = asyncio.ensure_future(self._listen(track))

    def _withdrawn(self, track: Any) -> None:
        """The one we hear has gone; who only mutes withdraws nothing."""
        if track is self._heard_track:
            self._leave()

    async def _listen(self, track: Any) -> None:
        from livekit import rtc

        heard = rtc.AudioStream.from_track(
            track=track, sample_rate=SAMPLE_RATE, num_channels=1, frame_size_ms=FRAME_MS, capacity=250
        )
        try:
            async for event in heard:
                pcm = bytes(event.frame.data)
                self._cross(lambda pcm=pcm: self._heard(pcm))  # type: ignore[misc]  # bound now, not later
        finally:
            await heard.aclose()

    def _leave(self) -> None:
        if self._left is not None:
            self._left.set()

    def _cross(self, do: Callable[[], None]) -> None:
        self._crossing.put(do)
