"""One media stream: the carrier's WebSocket to the product, from `connected` to `stop`.

Decides what goes over the wire and how each message of the product is understood or refused; what is heard when is
`playout.py`'s, which messages a leg needs is `far_end.py`'s. The leg's ticker hands in one frame per 20 ms; a task of
its own writes, so that a product that does not read holds up nobody else.
"""

import asyncio
import base64
import binascii
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np

from backend.rehearsal.carrier import codec as g711
from backend.rehearsal.carrier.codec import FRAME_SAMPLES, RATE, Pcm
from backend.rehearsal.carrier.leg import iso
from backend.rehearsal.carrier.playout import MediaBuffer

if TYPE_CHECKING:
    from backend.rehearsal.carrier.line import Line

MALFORMED_FRAME = (100003, "malformed_frame")
INVALID_MEDIA = (100004, "invalid_media")
RATE_LIMIT_REACHED = (100005, "rate_limit_reached")

MIN_CHUNK_S, MAX_CHUNK_S = 0.02, 30.0
_OUT_LIMIT = 1500
"""Messages waiting for a product that does not read (30 s); what comes after is lost."""
_NOISE_FRAMES = 50
_SOFT_CLOSE_S = 10.0


@dataclass(frozen=True, slots=True)
class StreamParams:
    """What the product asked for, in dial, answer or streaming_start."""

    url: str
    track: str = "inbound_track"
    codec: str = ""
    """Codec of the caller's audio; "": the call's own."""
    mode: str = "mp3"
    """The real default. Raw audio in this mode is silently dropped."""
    bidirectional_codec: str = "PCMU"
    auth_token: str = ""
    custom_parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_body(cls, body: dict[str, Any], *, is_answer: bool = False) -> "StreamParams":
        """Answer knows neither the token nor the parameters, and ignores them."""
        wanted = body.get("stream_codec")
        pairs = [] if is_answer else body.get("custom_parameters") or []
        return cls(
            url=str(body["stream_url"]),
            track=body.get("stream_track") or "inbound_track",
            codec="" if wanted in (None, "default") else wanted,
            mode=body.get("stream_bidirectional_mode") or "mp3",
            bidirectional_codec=body.get("stream_bidirectional_codec") or "PCMU",
            auth_token="" if is_answer else body.get("stream_auth_token") or "",
            custom_parameters={str(pair["name"]): str(pair["value"]) for pair in pairs},
        )


def noise_frames(codec: str, level_dbfs: float | None) -> list[bytes]:
    """The base64 payloads that are sent in turn while the caller is silent."""
    if level_dbfs is None:
        return [base64.b64encode(g711.encode(codec, g711.SILENCE))]
    generator = np.random.default_rng(20)
    loud = generator.normal(0, 32768 * 10 ** (level_dbfs / 20), (_NOISE_FRAMES, FRAME_SAMPLES))
    frames = np.clip(loud, -32768, 32767).astype(np.int16)
    return [base64.b64encode(g711.encode(codec, frame)) for frame in frames]


class MediaStream:
    """One stream of one leg. `run` is its whole life; `finish` and `drop` end it from the carrier's side."""

    def __init__(self, leg: "Line", params: StreamParams, attempt: int) -> None:
        self.leg = leg
        self.params = params
        self.attempt = attempt
        self.stream_id = str(uuid.uuid4())
        self.buffer = MediaBuffer()
        self.encoding = params.codec or leg.codec
        self.ended = asyncio.Event()
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._session: aiohttp.ClientSession | None = None
        self._out: asyncio.Queue[bytes] = asyncio.Queue()
        self._idle = noise_frames(self.encoding, leg.comfort_noise_dbfs)
        self._has_started = False
        self._closing = False
        self._closing_is_ours = True
        self._cut_done = asyncio.Event()
        self._worker = ""
        self._sequence = 0
        self._chunks = {"inbound": 0, "outbound": 0}
        self._held: bytes | None = None
        self._last_mp3_at = -10.0
        self._said_dropped = False

    @property
    def is_closing(self) -> bool:
        """Its end has begun, from whichever side."""
        return self._closing

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connects, greets, reads until the end. Never raises for what the product does."""
        writer: asyncio.Task[None] | None = None
        self._session = aiohttp.ClientSession(trace_configs=[self._watch_upgrade()])
        try:
            if not await self._connect():
                return
            self._send_json({"event": "connected", "version": "1.0.0", **self._greeting()})
            writer = asyncio.create_task(self._write())
            self.leg.webhook("streaming.started", {"stream_url": self.params.url})
            if self.leg.is_answered:
                self.send_start()
            await self._read()
            if self._closing_is_ours:
                await self._cut_done.wait()
        finally:
            if writer is not None:
                writer.cancel()
            await self._session.close()
            self.ended.set()

    async def _connect(self) -> bool:
        assert self._session is not None  # `run` made it
        token = self.params.auth_token
        headers = {"x-telnyx-streaming-auth-token": token} if token else {}
        begun = time.monotonic()
        try:
            self._ws = await asyncio.wait_for(
                self._session.ws_connect(
                    self.params.url,
                    headers=headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_SOFT_CLOSE_S),
                    max_msg_size=8 * 2**20,
                ),
                self.leg.media_connect_timeout_s,
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RuntimeError) as error:
            if self._closing:
                return False  # we have given it up ourselves while it was connecting
            status = getattr(error, "status", 0)
            self.leg.log("stream_refused", url=self.params.url, status=status, problem=type(error).__name__)
            self._closing = True
            self.leg.stream_ended(self, "connection_failed")
            return False
        latency_ms = round(1000 * (time.monotonic() - begun), 1)
        self.leg.log(
            "stream_opened",
            url=self.params.url,
            attempt=self.attempt,
            stream_id=self.stream_id,
            connect_ms=latency_ms,
            worker=self._worker,
        )
        return not self._closing

    def _watch_upgrade(self) -> aiohttp.TraceConfig:
        """Notes which of the product's workers took the socket, if it says so in `X-Worker`."""

        async def note(_session: object, _context: object, params: aiohttp.TraceRequestEndParams) -> None:
            self._worker = params.response.headers.get("X-Worker", "")

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(note)
        return trace

    def _greeting(self) -> dict[str, Any]:
        token = self.params.auth_token
        return {"connected": {"x-telnyx-streaming-auth-token": token}} if token else {}

    async def _write(self) -> None:
        assert self._ws is not None  # started after `_connect`
        while True:
            message = await self._out.get()
            try:
                await self._ws.send_frame(message, aiohttp.WSMsgType.TEXT)
            except (aiohttp.ClientError, OSError):
                return  # the reader notices the same and ends the stream
            finally:
                self._out.task_done()

    async def _read(self) -> None:
        assert self._ws is not None  # runs after `_connect`
        while True:
            message = await self._ws.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._error(MALFORMED_FRAME, "Binary frames are not understood.")
            else:
                break
        if self._closing:
            return
        self._closing, self._closing_is_ours = True, False
        code = self._ws.close_code
        is_clean = message.type is aiohttp.WSMsgType.CLOSE
        self.leg.log("stream_closed", by="product", code=code, is_clean=is_clean, stream_id=self.stream_id)
        self.leg.stream_ended(self, "" if is_clean else "connection_lost")

    async def finish(self, *, soft: bool, says_stop: bool = True) -> None:
        """Ends it from our side: `stop` (once it had started), then TCP; `soft` waits for the product's close frame."""
        if self._closing:
            await self.ended.wait()
            return
        self._closing = True
        try:
            if self._ws is not None:
                await self._say_goodbye(self._ws, soft=soft, says_stop=says_stop)
        finally:
            await self._cut()
        self.leg.log("stream_closed", by="carrier", soft=soft, stream_id=self.stream_id)

    async def _say_goodbye(self, ws: aiohttp.ClientWebSocketResponse, *, soft: bool, says_stop: bool) -> None:
        if says_stop and self._has_started:
            stop = {"user_id": self.leg.user_id, "call_control_id": self.leg.call_control_id}
            self._send_json({"event": "stop", **self._numbered(), "stop": stop}, even_closing=True)
        try:
            await asyncio.wait_for(self._out.join(), 1.0)
        except TimeoutError:
            pass  # the product does not read: it will not see the stop either
        if soft:
            try:
                await asyncio.wait_for(ws.close(), _SOFT_CLOSE_S)
            except TimeoutError:
                pass  # the product goes on talking instead of closing

    async def drop(self) -> None:
        """The line to the product breaks: no stop, no close frame."""
        if self._closing:
            return
        self._closing = True
        await self._cut()
        self.leg.log("stream_closed", by="fault", stream_id=self.stream_id)
        self.leg.stream_ended(self, "connection_lost")

    async def _cut(self) -> None:
        try:
            if self._session is not None:
                await self._session.close()
        finally:
            self._cut_done.set()

    # -- out ----------------------------------------------------------------------------------------------------------

    def send_start(self) -> None:
        """The call is answered and the socket open: from now on there is media."""
        if self._has_started or self._ws is None or self._closing:
            return
        leg = self.leg
        start: dict[str, Any] = {
            "user_id": leg.user_id,
            "call_control_id": leg.call_control_id,
            "call_session_id": leg.call_session_id,
            "from": leg.from_number,
            "to": leg.to_number,
            "tags": [],
            "client_state": leg.client_state,
            "custom_parameters": self.params.custom_parameters,
            "media_format": {"encoding": self.encoding, "sample_rate": RATE, "channels": 1},
        }
        self._send_json({"event": "start", **self._numbered(), "start": start})
        self._has_started = True
        leg.log("stream_started", stream_id=self.stream_id, encoding=self.encoding)

    def send_frames(self, said: Pcm | None, heard: Pcm | None, *, swap: bool) -> None:
        """The 20 ms that have just passed. `said` by the caller, `heard` from the agent."""
        if not self._has_started or self._closing:
            return
        if self.params.track != "outbound_track":
            if said is None:
                payload = self._idle[self._chunks["inbound"] % len(self._idle)]
            else:
                payload = base64.b64encode(g711.encode(self.encoding, said))
            self._send_media("inbound", payload, swap)
        if self.params.track != "inbound_track":
            sound = g711.SILENCE if heard is None else heard
            self._send_media("outbound", base64.b64encode(g711.encode(self.encoding, sound)), swap)

    def _send_media(self, track: str, payload: bytes, swap: bool) -> None:
        self._sequence += 1
        self._chunks[track] += 1
        chunk = self._chunks[track]
        message = (
            b'{"event":"media","sequence_number":"%d","stream_id":"%b","media":'
            b'{"track":"%b","chunk":"%d","timestamp":"%d","payload":"%b"}}'
        ) % (self._sequence, self.stream_id.encode(), track.encode(), chunk, chunk * 20, payload)
        if swap and self._held is None:
            self._held = message
            return
        self._put(message)
        if self._held is not None:
            self._put(self._held)
            self._held = None

    def send_dtmf(self, digit: str) -> bool:
        """False when there is no stream to send it on."""
        if not self._has_started or self._closing:
            return False
        numbered = self._numbered()
        self._send_json({"event": "dtmf", **numbered, "occurred_at": iso(time.time()), "dtmf": {"digit": digit}})
        return True

    def return_mark(self, name: str, *, cleared: bool) -> None:
        if self.leg.drops_marks:
            self.leg.log("fault", what="mark dropped", name=name)
            return
        self._send_json({"event": "mark", **self._numbered(), "mark": {"name": name}})
        self.leg.log("mark_returned", name=name, cleared=cleared)

    def _error(self, error: tuple[int, str], detail: str) -> None:
        payload = {"code": error[0], "title": error[1], "detail": detail}
        self._send_json({"event": "error", "stream_id": self.stream_id, "payload": payload})
        self.leg.log("agent_audio_refused", code=error[0], detail=detail)

    def _numbered(self) -> dict[str, str]:
        self._sequence += 1
        return {"sequence_number": str(self._sequence), "stream_id": self.stream_id}

    def _send_json(self, message: dict[str, Any], *, even_closing: bool = False) -> None:
        if even_closing or not self._closing:
            self._put(json.dumps(message, separators=(",", ":")).encode())

    def _put(self, message: bytes) -> None:
        if self._out.qsize() < _OUT_LIMIT:
            self._out.put_nowait(message)

    # -- in -----------------------------------------------------------------------------------------------------------

    def _take(self, text: str) -> None:
        if self._closing:
            return
        try:
            message = json.loads(text)
            event = message["event"]
            if event == "media":
                payload = message["media"]["payload"]
            elif event == "mark":
                name = message["mark"]["name"]
            elif event != "clear":
                raise ValueError(f"unknown event {event!r}")
        except (ValueError, KeyError, TypeError) as error:
            self._error(MALFORMED_FRAME, f"The frame is not understood: {error}")
            return
        if event == "media":
            self._take_media(payload)
        elif event == "mark":
            self.leg.log("mark_received", name=name, waiting_s=round(self.buffer.waiting_s(), 3))
            if self.buffer.mark(str(name), self.leg.now()):
                self.return_mark(str(name), cleared=False)
        else:
            marks, dropped_s = self.buffer.clear()
            played = self.buffer.played_samples
            self.leg.log("cleared", dropped_s=round(dropped_s, 3), marks=len(marks), played_samples=played)
            for name in marks:
                self.return_mark(name, cleared=True)

    def _take_media(self, payload: object) -> None:
        try:
            encoded = base64.b64decode(payload if isinstance(payload, str) else "-", validate=True)
        except (binascii.Error, ValueError):
            self._error(INVALID_MEDIA, "The payload is not base64.")
            return
        if self.params.mode != "rtp":
            self._take_mp3()
            return
        seconds = len(encoded) / RATE
        if not MIN_CHUNK_S - 1e-6 <= seconds <= MAX_CHUNK_S + 1e-6:
            self._error(INVALID_MEDIA, f"A chunk has 20 ms to 30 s of audio, this one {seconds:.4f} s.")
            return
        self.buffer.push(g711.decode(self.params.bidirectional_codec, encoded), self.leg.now())

    def _take_mp3(self) -> None:
        """The mode nobody wants: whole mp3 files, one a second. Raw audio disappears without a word."""
        now = self.leg.now()
        if now - self._last_mp3_at < 1.0:
            self._error(RATE_LIMIT_REACHED, "One media message a second in mp3 mode.")
            return
        self._last_mp3_at = now
        if not self._said_dropped:
            self._said_dropped = True
            self.leg.log("agent_audio_dropped", why="stream_bidirectional_mode is not rtp")
