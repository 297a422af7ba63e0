"""One leg on the carrier's side: its webhooks, its one media stream, its playbacks, its end.

Decides which webhooks a leg sends and in which order. The carrier (`carrier.py`) calls `tick` for every 20 ms slot, the
REST side (`commands.py`) what a command does; the person at the other end is in `far_end.py`. All times are on the
carrier's clock.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from backend.rehearsal.carrier.codec import FRAME_S, Pcm
from backend.rehearsal.carrier.hearing import AudibleSegment, Hearing
from backend.rehearsal.carrier.leg import LegRecord, LegState, iso
from backend.rehearsal.carrier.media import MediaStream, StreamParams
from backend.rehearsal.carrier.mouth import Mouth
from backend.rehearsal.carrier.playout import (
    FramePlayed,
    MarkReached,
    Playback,
    PlaybackEnded,
    PlaybackStarted,
    Playout,
    next_slot,
)
from backend.rehearsal.carrier.transcription import Transcription

if TYPE_CHECKING:
    from backend.rehearsal.carrier.carrier import RehearsalCarrier


class Line:
    """The leg as the carrier handles it. Rehearsals hold a `Leg`, which adds the person."""

    user_id = "00000000-0000-4000-8000-000000000001"

    def __init__(self, carrier: "RehearsalCarrier", record: LegRecord, codec: str) -> None:
        self._carrier = carrier
        self.record = record
        self.codec = codec
        self.rung_at = carrier.now()
        self.stream: MediaStream | None = None
        self.transcription: Transcription | None = None
        self.amd_mode = "disabled"
        self.webhook_url = ""
        self.has_had_command = False
        self.bridged_with: Line | None = None
        self.heard_dtmf = ""
        """All digits that the product sent to this far end."""
        self._playout = Playout(self.rung_at)
        self._mouth = Mouth()
        self._hearing = Hearing()
        self._ring_slot = next_slot(self.rung_at)
        self._just_heard: Pcm | None = None
        self._streams_opened = 0
        self._has_ended = asyncio.Event()

    # -- who it is -----------------------------------------------------------------------------------------------------

    @property
    def call_control_id(self) -> str:
        return self.record.call_control_id

    @property
    def call_session_id(self) -> str:
        return self.record.call_session_id

    @property
    def direction(self) -> str:
        """Either "incoming": this far end rang the product; "outgoing": the product dialled it."""
        return self.record.direction

    @property
    def from_number(self) -> str:
        return self.record.from_number

    @property
    def to_number(self) -> str:
        return self.record.to_number

    @property
    def client_state(self) -> str | None:
        return self.record.client_state

    @property
    def is_answered(self) -> bool:
        return self.record.state is LegState.ANSWERED

    @property
    def ended(self) -> bool:
        return not self.record.is_alive

    @property
    def hangup_cause(self) -> str | None:
        return self.record.hangup_cause

    @property
    def hangup_source(self) -> str | None:
        return self.record.hangup_source

    async def wait_ended(self, timeout_s: float) -> bool:
        """Whether the leg ends within so many seconds, or has ended already."""
        if self._has_ended.is_set():
            return True
        try:
            await asyncio.wait_for(self._has_ended.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    # -- what the carrier does with the leg ---------------------------------------------------------------------------

    @property
    def playout(self) -> Playout:
        return self._playout

    @property
    def comfort_noise_dbfs(self) -> float | None:
        return self._carrier.config.comfort_noise_dbfs

    @property
    def media_connect_timeout_s(self) -> float:
        return self._carrier.config.media_connect_timeout_s

    @property
    def drops_marks(self) -> bool:
        return self._carrier.dice.faults.drop_marks

    def now(self) -> float:
        return self._carrier.now()

    def log(self, kind: str, **data: Any) -> None:
        self._record(kind, self.now(), **data)

    def webhook(self, event_type: str, extra: dict[str, Any]) -> None:
        self._carrier.webhooks.send(event_type, {**self.record.base_payload(), **extra}, self.webhook_url)

    def announce(self) -> None:
        """call.initiated, the first the product hears of the leg."""
        state = "parked" if self.direction == "incoming" else "bridging"
        payload: dict[str, Any] = {
            **self._numbers(),
            "direction": self.direction,
            "state": state,
            "start_time": self.record.start_time,
            "caller_id_name": self.from_number,
            "connection_codecs": "PCMU,PCMA",
            "offered_codecs": self.codec,
            "custom_headers": [],
            "sip_headers": [],
            "tags": [],
        }
        self.webhook("call.initiated", payload)

    def become_answered(self) -> None:
        """Either end picked up."""
        self.record.answered(self.now())
        self.log("answered")
        payload = {**self._numbers(), "start_time": self.record.start_time, "state": "answered"}
        self.webhook("call.answered", {**payload, "custom_headers": [], "sip_headers": [], "tags": []})
        if self.stream is not None:
            self.stream.send_start()

    def open_stream(self, params: StreamParams) -> None:
        """Only when `stream` is None: a leg has one."""
        self._streams_opened += 1
        self.stream = MediaStream(self, params, self._streams_opened)
        self._playout.media = self.stream.buffer
        self._carrier.spawn(self.stream.run())
        drop_at_s = self._carrier.dice.faults.drop_socket_at_s
        if drop_at_s is not None and self._streams_opened == 1:
            self._carrier.spawn(self._drop_socket(self.stream, drop_at_s))

    def close_stream(self) -> None:
        """The product's streaming_stop. In soft mode the leg's stream stays in use until the product has closed too."""
        stream, soft = self.stream, self._carrier.config.soft_close_on_stop
        assert stream is not None  # `commands.py` has refused otherwise
        stream.buffer.clear()
        self.webhook("streaming.stopped", {"stream_url": stream.params.url})
        self._carrier.spawn(self._finish_stream(stream, soft=soft))
        if not soft:
            self._forget_stream(stream)

    def stream_ended(self, stream: MediaStream, failure: str) -> None:
        """The socket is gone without our doing. The leg stays up, and nobody redials."""
        self._forget_stream(stream)
        if not failure:
            self.webhook("streaming.stopped", {"stream_url": stream.params.url})
            return
        params = {"stream_url": stream.params.url, "track": stream.params.track}
        payload = {"failure_reason": failure, "stream_id": stream.stream_id, "stream_type": "websocket"}
        self.webhook("streaming.failed", {**payload, "stream_params": params})

    def end(self, cause: str, source: str) -> None:
        """The leg ends, once. Its bridged partner ends with it."""
        if self.ended:
            return
        was_answered = self.is_answered
        self.record.ended(cause, source, self.now(), iso(self._carrier.wall()))
        self._mouth.fall_silent()
        for queue in (self._playout.playbacks, self._playout.overlays):
            for event in queue.stop("all", "call_hangup", self.now()):
                self._playback_ended(event)
        self._end_segment()
        self.log("hangup", cause=cause, source=source)
        payload: dict[str, Any] = {
            **self._numbers(),
            "start_time": self.record.start_time,
            "state": "hangup",
            "hangup_cause": cause,
            "hangup_source": source,
            "sip_hangup_cause": "200" if cause == "normal_clearing" else "unspecified",
            "call_quality_stats": None,
            "custom_headers": [],
            "sip_headers": [],
            "tags": [],
        }
        self.webhook("call.hangup", payload)
        stream, self.stream = self.stream, None
        if stream is not None:
            if was_answered and not stream.is_closing:
                self.webhook("streaming.stopped", {"stream_url": stream.params.url})
            self._carrier.spawn(stream.finish(soft=True, says_stop=was_answered))
        self._has_ended.set()
        partner, self.bridged_with = self.bridged_with, None
        if partner is not None:
            partner.end("normal_clearing", source)

    def tick(self, slot: int) -> None:
        """Slot `slot` begins: play into the caller's ear, send what the caller said in the slot that has passed."""
        if self.ended:
            return
        at = slot * FRAME_S
        just_heard, self._just_heard = self._just_heard, None
        for event in self._playout.advance(at):
            if isinstance(event, FramePlayed):
                self._just_heard = event.pcm
                if self._hearing.hear(event.slot, event.pcm):
                    started_at = self._hearing.started_at or at
                    self._record("agent_audio_started", started_at, started_at=started_at)
            elif isinstance(event, MarkReached):
                if self.stream is not None:
                    self.stream.return_mark(event.name, cleared=False)
            elif isinstance(event, PlaybackStarted):
                self._playback_started(event)
            else:
                self._playback_ended(event)
        segment = self._hearing.settle(at)
        if segment is not None:
            self._log_segment(segment)
        said = self._mouth.take(slot - 1)
        if self.stream is not None:
            self.stream.send_frames(said, just_heard, swap=self._carrier.dice.swaps_frame())

    def stop_playbacks(self, which: str, *, overlay: bool) -> None:
        queue = self._playout.overlays if overlay else self._playout.playbacks
        for event in queue.stop("current" if which == "current" else "all", "cancelled", self.now()):
            self._playback_ended(event)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _record(self, kind: str, at: float, **data: Any) -> None:
        self._carrier.log.add(at, self.call_control_id, kind, data)

    def _numbers(self) -> dict[str, str]:
        return {"from": self.from_number, "to": self.to_number}

    def _last_slot(self) -> int:
        return next_slot(self.record.ended_at if self.record.ended_at is not None else self.now())

    def _forget_stream(self, stream: MediaStream) -> None:
        stream.buffer.clear()
        if self.stream is stream:
            self.stream = None

    async def _finish_stream(self, stream: MediaStream, *, soft: bool) -> None:
        await stream.finish(soft=soft)
        self._forget_stream(stream)

    async def _drop_socket(self, stream: MediaStream, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if self.stream is stream:
            self.log("fault", what="socket dropped")
            await stream.drop()

    async def _sleep_until(self, at: float) -> None:
        """Until `at`, or until the leg ends."""
        await self.wait_ended(max(0.0, at - self.now()))

    def _end_segment(self) -> None:
        segment = self._hearing.finish()
        if segment is not None:
            self._log_segment(segment)

    def _log_segment(self, segment: AudibleSegment) -> None:
        self._record(
            "agent_audio_ended",
            segment.ended_at,
            started_at=segment.started_at,
            ended_at=segment.ended_at,
            starved_s=segment.starved_s,
        )

    def _playback_started(self, event: PlaybackStarted) -> None:
        playback = event.playback
        self._record("playback_started", event.at, source=playback.kind, media_url=playback.media_url)
        if playback.kind == "speak":
            self.webhook("call.speak.started", {})
        else:
            self.webhook("call.playback.started", self._media(playback))

    def _playback_ended(self, event: PlaybackEnded) -> None:
        playback = event.playback
        shown = {"source": playback.kind, "media_url": playback.media_url}
        self._record("playback_ended", event.at, **shown, status=event.status, detail=event.detail)
        if playback.kind == "speak":
            self.webhook("call.speak.ended", {"status": event.status})
        else:
            status = {"status": event.status, "status_detail": event.detail}
            self.webhook("call.playback.ended", {**self._media(playback), **status})

    def _media(self, playback: Playback) -> dict[str, Any]:
        return {"media_url": playback.media_url, "media_name": playback.media_name, "overlay": playback.overlay}
