"""The far end of one call: the person whom the product talks to.

This is what a rehearsal holds in its hand: it speaks, presses keys, listens and hangs up. Decides nothing about the
call; how the carrier handles the leg is in `line.py`. All times are on the carrier's clock.
"""

import asyncio

import numpy as np

from backend.rehearsal.carrier.codec import RATE
from backend.rehearsal.carrier.hearing import AudibleSegment
from backend.rehearsal.carrier.leg import LegState
from backend.rehearsal.carrier.line import Line
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.carrier.transcription import Transcription

_KEY_GAP_S = 0.1
_PAUSES_S = {"w": 0.5, "W": 1.0}


class Leg(Line):
    """One far end. Made by `RehearsalCarrier.ring`, by a dial or by a transfer."""

    # -- what it heard ------------------------------------------------------------------------------------------------

    @property
    def agent_segments(self) -> list[AudibleSegment]:
        """What was heard so far, the segment that is sounding now included."""
        return self._hearing.all_segments()

    def is_agent_audible(self, now: float) -> bool:
        """Whether the agent is (or was) audible at `now`; pauses under 0.3 s inside its speech count as audible."""
        return self._hearing.is_audible(now)

    def caller_audio(self) -> bytes:
        """8 kHz s16le from the ring on; as long as `agent_audio`."""
        return self._mouth.audio(self._ring_slot, self._last_slot())

    def agent_audio(self) -> bytes:
        """8 kHz s16le from the ring on: what was heard, when it was heard."""
        return self._hearing.audio(self._ring_slot, self._last_slot())

    # -- what the far end does ----------------------------------------------------------------------------------------

    async def answer(self, *, amd_result: str = "human") -> None:
        """The called party (or its machine: `amd_result="machine"`) picks up. Outbound legs only."""
        if self.record.state is not LegState.DIALLING:
            raise ValueError(f"this leg is {self.record.state}, it cannot be answered by the far end")
        self.become_answered()
        if self.amd_mode != "disabled":
            self._carrier.spawn(self._detect_machine(amd_result))

    async def say(self, text: str, *, voice: str = "en-us", rate_wpm: int = 170) -> tuple[float, float]:
        """Speaks, in real time. Returns when the last sample was spoken, with the times of the first and the last."""
        pcm = await asyncio.to_thread(synthesise, text, voice, rate_wpm)
        return await self.play(pcm, transcript=text)

    async def play(self, pcm: bytes, *, transcript: str | None) -> tuple[float, float]:
        """Plays 8 kHz s16le into the call. `transcript` is what the carrier's recogniser makes of it, None nothing."""
        if self.ended:
            return self.now(), self.now()
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.int16)
        started_at, ended_at = self._mouth.say(samples, self.now())
        self._record("caller_speech_started", started_at, transcript=transcript)
        if transcript:
            self._carrier.spawn(self._transcribe(transcript, started_at, ended_at))
        await self._sleep_until(ended_at)
        if self.record.ended_at is not None:
            ended_at = max(started_at, min(ended_at, self.record.ended_at))
        self._record("caller_speech_ended", ended_at, started_at=started_at, transcript=transcript)
        return started_at, ended_at

    async def press(self, digits: str) -> None:
        """Presses keys; "w" waits half a second, "W" a whole one."""
        for digit in digits:
            if self.ended:
                return
            if digit in _PAUSES_S:
                await asyncio.sleep(_PAUSES_S[digit])
                continue
            in_stream = self.stream is not None and self.stream.send_dtmf(digit)
            self.webhook("call.dtmf.received", {"digit": digit, **self._numbers()})
            self.log("dtmf_sent", digit=digit, in_stream=in_stream)
            await asyncio.sleep(_KEY_GAP_S)

    async def beep(self) -> None:
        """A voicemail's greeting is over: its tone, and the event for those who asked to detect it."""
        tone = (8000 * np.sin(2 * np.pi * 1000 / RATE * np.arange(int(0.3 * RATE)))).astype("<i2")
        await self.play(tone.tobytes(), transcript=None)
        if self.amd_mode in ("detect_beep", "greeting_end"):
            self.webhook("call.machine.greeting.ended", {"result": "beep_detected", **self._numbers()})
        elif self.amd_mode == "premium":
            self.webhook("call.machine.premium.greeting.ended", {"result": "beep_detected", **self._numbers()})

    async def hang_up(self, *, cause: str | None = None) -> None:
        """The far end ends the call: a caller gives up or says goodbye, a called party declines (`user_busy`)."""
        if cause is None and self.record.state is LegState.PARKED:
            cause = "originator_cancel"
        if cause is None and self.record.state is LegState.DIALLING:
            cause = "user_busy"
        self.end(cause or "normal_clearing", "caller" if self.direction == "incoming" else "callee")

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _transcribe(self, text: str, started_at: float, ended_at: float) -> None:
        """What the carrier's recogniser reports of one speech: interim results on the way, the whole after the end."""
        config = self._carrier.config
        for at, words, is_final in Transcription.plan(text, started_at, ended_at, config.transcript_delay_s):
            await self._sleep_until(at)
            active = self.transcription
            if self.ended or active is None or not active.hears(ended_at):
                continue
            if not is_final and not (config.interim_transcripts and active.wants_interim):
                continue
            self.webhook("call.transcription", {"transcription_data": active.data(words, is_final)})
            self.log("transcript_sent", text=words, is_final=is_final)

    async def _detect_machine(self, result: str) -> None:
        await self._sleep_until(self.now() + self._carrier.config.amd_delay_s)
        if self.ended:
            return
        kind = "call.machine.detection.ended"
        if self.amd_mode == "premium":
            kind = "call.machine.premium.detection.ended"
            result = "human_residence" if result == "human" else result
        self.webhook(kind, {"result": result, **self._numbers()})
