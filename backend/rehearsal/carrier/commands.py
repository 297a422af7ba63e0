"""What each command does once it was found legal. `server.py` has checked token, leg, body and state.

Every method takes the leg and the body and returns what is added to the reply; a `Refusal` is a rule that depends on
the leg's stream or transcription. Slow work (fetching, synthesis, the new party of a transfer) goes on after the reply.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np

from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.carrier.leg import LegState
from backend.rehearsal.carrier.media import StreamParams
from backend.rehearsal.carrier.playout import Playback
from backend.rehearsal.carrier.rules import Refusal
from backend.rehearsal.carrier.speech import read_wav, synthesise
from backend.rehearsal.carrier.transcription import Transcription

if TYPE_CHECKING:
    from backend.rehearsal.carrier.carrier import RehearsalCarrier

Reply = dict[str, Any] | Refusal
_FETCH_S = 10.0
_REJECTED = {"CALL_REJECTED": "call_rejected", "USER_BUSY": "user_busy"}


class Commands:
    """The effects. One object per carrier; it keeps the cache of fetched audio."""

    def __init__(self, carrier: "RehearsalCarrier") -> None:
        self._carrier = carrier
        self._cache: dict[str, bytes] = {}
        self.effects: dict[str, Callable[[Leg, dict[str, Any]], Reply]] = {
            "answer": self.answer,
            "reject": self.reject,
            "hangup": self.hangup,
            "playback_start": self.playback_start,
            "playback_stop": self.playback_stop,
            "speak": self.speak,
            "streaming_start": self.streaming_start,
            "streaming_stop": self.streaming_stop,
            "transcription_start": self.transcription_start,
            "transcription_stop": self.transcription_stop,
            "send_dtmf": self.send_dtmf,
            "transfer": self.transfer,
            "record_start": self.accept,
            "record_stop": self.accept,
            "gather_stop": self.accept,
            "client_state_update": self.accept,
        }

    def accept(self, leg: Leg, body: dict[str, Any]) -> Reply:
        """Nothing that the far end could notice."""
        return {}

    def answer(self, leg: Leg, body: dict[str, Any]) -> Reply:
        leg.webhook_url = body.get("webhook_url") or leg.webhook_url
        leg.become_answered()
        if body.get("transcription"):
            leg.transcription = Transcription.from_body(body.get("transcription_config") or {}, leg.now())
        if body.get("stream_url"):
            leg.open_stream(StreamParams.from_body(body, is_answer=True))
        return {}

    def reject(self, leg: Leg, body: dict[str, Any]) -> Reply:
        leg.end(_REJECTED[body["cause"]], "callee")
        return {}

    def hangup(self, leg: Leg, body: dict[str, Any]) -> Reply:
        is_given_up = leg.direction == "outgoing" and not leg.is_answered
        cause = "originator_cancel" if is_given_up else "normal_clearing"
        leg.end(cause, "callee" if leg.direction == "incoming" else "caller")
        return {}

    # -- streaming and recognition ------------------------------------------------------------------------------------

    def streaming_start(self, leg: Leg, body: dict[str, Any]) -> Reply:
        if leg.stream is not None:
            return Refusal("90045", "This command can't be issued when media streaming is used.")
        leg.open_stream(StreamParams.from_body(body))
        return {}

    def streaming_stop(self, leg: Leg, body: dict[str, Any]) -> Reply:
        if leg.stream is None or body.get("stream_id") not in (None, leg.stream.stream_id):
            return Refusal("90048", "This command can't be issued when media streaming is not used.")
        leg.close_stream()
        return {}

    def transcription_start(self, leg: Leg, body: dict[str, Any]) -> Reply:
        if leg.transcription is not None:
            return Refusal("90054", "Transcription is already running on this call.")
        leg.transcription = Transcription.from_body(body, leg.now())
        return {}

    def transcription_stop(self, leg: Leg, body: dict[str, Any]) -> Reply:
        leg.transcription = None
        return {}

    # -- playbacks ----------------------------------------------------------------------------------------------------

    def playback_start(self, leg: Leg, body: dict[str, Any]) -> Reply:
        playback = Playback(
            "playback",
            media_url=body.get("audio_url") or "",
            media_name=body.get("media_name") or "",
            overlay=bool(body.get("overlay")),
            loops=None if body.get("loop") == "infinity" else body.get("loop", 1),
        )
        self._enqueue(leg, playback, body, self._load(playback, body))
        return {}

    def speak(self, leg: Leg, body: dict[str, Any]) -> Reply:
        playback = Playback("speak", loops=None if body.get("loop") == "infinity" else body.get("loop", 1))
        self._enqueue(leg, playback, body, self._synthesise(playback, body["payload"]))
        return {}

    def playback_stop(self, leg: Leg, body: dict[str, Any]) -> Reply:
        leg.stop_playbacks(body.get("stop") or "all", overlay=bool(body.get("overlay")))
        return {}

    def _enqueue(self, leg: Leg, playback: Playback, body: dict[str, Any], loading: Awaitable[None]) -> None:
        if body.get("stop"):
            leg.stop_playbacks(body["stop"], overlay=playback.overlay)
        queue = leg.playout.overlays if playback.overlay else leg.playout.playbacks
        queue.add(playback)
        self._carrier.spawn(loading)

    async def _synthesise(self, playback: Playback, text: str) -> None:
        try:
            spoken = await asyncio.to_thread(synthesise, text)
        except (RuntimeError, ValueError, OSError) as error:
            playback.failure = ("failed", f"{type(error).__name__}: {error}")
            return
        playback.pcm = np.frombuffer(spoken, dtype=np.int16)

    async def _load(self, playback: Playback, body: dict[str, Any]) -> None:
        """Fills in the audio, or why there is none."""
        if playback.media_name:
            playback.failure = ("file_not_found", f"no media {playback.media_name!r} in storage")
            return
        kind = body.get("audio_type") or ""
        try:
            if playback.media_url:
                content, content_type = await self._fetch(playback.media_url, use_cache=body.get("cache_audio", True))
                path = playback.media_url.partition("?")[0]
                kind = kind or ("wav" if "wav" in content_type or path.endswith(".wav") else "mp3")
            else:
                content = base64.b64decode(body["playback_content"], validate=True)
            if (kind or "mp3") != "wav":
                raise ValueError("the rehearsal carrier plays wav only, and audio_type says (or defaults to) mp3")
            playback.pcm = await asyncio.to_thread(read_wav, content)
        except aiohttp.ClientResponseError as error:
            playback.failure = ("file_not_found" if error.status == 404 else "failed", f"HTTP {error.status}")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            playback.failure = ("failed", f"{type(error).__name__}: {error}")

    async def _fetch(self, url: str, *, use_cache: bool) -> tuple[bytes, str]:
        """The product's file, over HTTP as the carrier would; cached by address unless told otherwise."""
        if use_cache and url in self._cache:
            return self._cache[url], "audio/wav"
        timeout = aiohttp.ClientTimeout(total=_FETCH_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, raise_for_status=True) as response,
        ):
            content, content_type = await response.read(), response.content_type
        if use_cache and "wav" in content_type:
            self._cache[url] = content
        return content, content_type

    # -- keys and transfers -------------------------------------------------------------------------------------------

    def send_dtmf(self, leg: Leg, body: dict[str, Any]) -> Reply:
        leg.heard_dtmf += body["digits"]
        leg.log("dtmf_heard", digits=body["digits"])
        if leg.bridged_with is not None:
            leg.bridged_with.heard_dtmf += body["digits"]
        return {}

    def transfer(self, leg: Leg, body: dict[str, Any]) -> Reply:
        other = self._carrier.new_leg(
            direction="outgoing",
            state=LegState.DIALLING,
            from_number=body.get("from") or leg.to_number,
            to_number=str(body["to"]),
            call_session_id=leg.call_session_id,
        )
        other.record.client_state = body.get("target_leg_client_state")
        other.webhook_url = body.get("webhook_url") or leg.webhook_url
        other.log("dialled", to=other.to_number, from_=other.from_number, transfer_of=leg.call_control_id)
        other.announce()
        self._carrier.spawn(self._connect(leg, other, body.get("time_limit_secs")))
        return {}

    async def _connect(self, leg: Leg, other: Leg, time_limit_s: int | None) -> None:
        """The new party answers and the two are joined, or does not and the first leg stays as it was."""
        config = self._carrier.config
        if await other.wait_ended(config.transfer_answer_delay_s):
            return
        if other.to_number in config.unreachable_numbers:
            other.end("no_answer", "unknown")
            return
        other.become_answered()
        if leg.ended:
            other.end("normal_clearing", "caller")
            return
        leg.bridged_with, other.bridged_with = other, leg
        for one in (leg, other):
            one.webhook("call.bridged", {"from": one.from_number, "to": one.to_number})
        if time_limit_s and not await other.wait_ended(time_limit_s):
            other.end("time_limit", "unknown")
