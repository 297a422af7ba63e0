"""The caller's audio to a recogniser, its words to the conversation: the shell around `call/hearing_loss.py`.

Decides: which audio a new stream begins with, and how text from outside is made fit for a conversation. When a stream is
opened, closed or counts as dead is decided in `hearing_loss.py`; who hears the caller meanwhile and whether the caller is
asked to repeat, in `listening.py`. `feed`, `voice` and `step` run in the hub or the worker's ticker, `abort` and `close` in
any greenlet; none blocks.

The last `KEPT_S` of audio are kept. A new stream begins where the words known so far end, or where the voice that brought
none began: nothing that is said around an interruption or a reconnection is lost, and nothing is understood twice.

| a stream ends            | words that were only interim    | audio of the gap                                             |
|--------------------------|---------------------------------|--------------------------------------------------------------|
| by an interruption       | become final, as they are       | kept, and fed when it is open again (200 ms later)           |
| lost                     | become final, as they are       | kept, and fed; unless the carrier stood in meanwhile (AWAY)  |
| the call is over         | dropped                         | dropped                                                      |

Text is cleaned of control characters and cut at `LONGEST_TEXT` characters; what was cut, empty, or came after the end is
counted (`offhook_transcripts_skipped_total`).
"""

import re
from collections import deque
from collections.abc import Callable

import structlog

from backend.call.events import (
    Event,
    RecogniserAway,
    RecogniserLost,
    RecogniserReady,
    SpeechEnded,
    SpeechStarted,
    TranscriptReceived,
)
from backend.call.hearing_loss import SHORTEST_VOICE_S, HearingLoss, HearingStep
from backend.clock import Clock
from backend.engines.base import Stt, SttStream, Transcript
from backend.errors import EngineError
from backend.metrics import RECOGNISER_STEPS, TRANSCRIPTS_SKIPPED

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

KEPT_S = 5.0
PRE_ROLL_S = 0.3
"""Before the first voiced sample, so that no consonant is lost."""
LONGEST_TEXT = 5000
"""As for the carrier's webhooks: some seven minutes of speech."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Transcriber:
    """One call's recogniser. `post` takes the events, `name` is `AgentConfig.recogniser`."""

    def __init__(
        self,
        stt: Stt,
        name: str,
        language: str,
        clock: Clock,
        post: Callable[[Event], None],
        *,
        sample_rate: int = 8000,
        call_control_id: str = "",
    ) -> None:
        self._stt = stt
        self._name = name
        self._language = language
        self._clock = clock
        self._post = post
        self._call_control_id = call_control_id
        self._bytes_per_s = 2 * sample_rate
        self._sample_rate = sample_rate
        self._loss = HearingLoss(tells_progress=stt.tells_progress)
        self._stream: SttStream | None = None
        self._listener: _Listener | None = None
        self._is_closed = False
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._heard_s = 0.0
        """Seconds of the caller's audio so far: the scale of everything below that ends in `_s`."""
        self._last_frame_at = clock.monotonic()
        self._known_until_s = 0.0
        """Up to here the words are known."""
        self._others_until_s = 0.0
        """Up to here they are the business of who stood in."""
        self._is_voiced = False
        self._voice_from_s = self._voice_to_s = 0.0
        self._is_away = False
        self._interim: TranscriptReceived | None = None

    # --- what the call does ---

    def start(self) -> None:
        """The call wants to be heard from now on."""
        self._loss.start(self._clock.monotonic())
        self.step()

    def feed(self, pcm: bytes) -> None:
        """Caller audio, mono s16le."""
        self._last_frame_at = self._clock.monotonic()
        self._heard_s += len(pcm) / self._bytes_per_s
        self._kept.append(pcm)
        self._kept_bytes += len(pcm)
        while self._kept_bytes > KEPT_S * self._bytes_per_s:
            self._kept_bytes -= len(self._kept.popleft())
        if self._loss.is_open and self._stream is not None:
            self._stream.feed(pcm)
            self._loss.fed(len(pcm) / self._bytes_per_s, self._last_frame_at)

    def voice(self, event: SpeechStarted | SpeechEnded) -> None:
        """Voice activity, as the ear found it."""
        is_open = self._loss.is_open and self._stream is not None
        if isinstance(event, SpeechStarted):
            self._loss.voice_started(event.at)
            self._is_voiced = True
            self._voice_from_s = self._position(event.at)
            if is_open and self._stream is not None:
                self._stream.speech_started()
        else:
            self._loss.voice_ended(event.at)
            self._is_voiced = False
            self._voice_to_s = self._position(event.at)
            if is_open and self._stream is not None:
                self._stream.speech_ended()

    def step(self) -> None:
        """Time has passed: called at each voice step of the worker."""
        if self._is_closed:
            return
        now = self._clock.monotonic()
        for step in self._loss.due(now):
            RECOGNISER_STEPS.count(recogniser=self._name, step=step.value)
            match step:
                case HearingStep.OPEN:
                    self._open()
                case HearingStep.CLOSE:
                    self._shut()
                case HearingStep.LOST:
                    self._keep_interim()
                    self._post(RecogniserLost(self._loss.is_voice_lost(now)))
                case HearingStep.AWAY:
                    self._is_away = True
                    self._post(RecogniserAway(self._loss.is_voice_lost(now)))
                case HearingStep.BACK:
                    if self._is_away:
                        self._is_away = False
                        self._others_until_s = self._known_until_s = self._heard_s
                    self._post(RecogniserReady())

    def abort(self) -> None:
        """The caller interrupts the agent: this stream ends now, and another one begins 200 ms later by itself. Returns at
        once. What is said meanwhile is kept."""
        if self._is_closed:
            return
        self._keep_interim()
        self._loss.interrupted(self._clock.monotonic())
        self.step()

    def close(self) -> None:
        """The call is over. Idempotent."""
        self._is_closed = True
        self._shut()
        self._kept.clear()

    @property
    def is_hearing(self) -> bool:
        """A stream is open that is worth something, as far as is known."""
        return self._loss.is_open

    # --- the stream ---

    def _open(self) -> None:
        self._listener = _Listener(self)
        self._stream = self._stt.open(
            self._listener, sample_rate=self._sample_rate, language=self._language, call=self._call_control_id
        )

    def _shut(self) -> None:
        stream, self._stream, self._listener = self._stream, None, None
        if stream is not None:
            stream.close()

    def opened(self) -> None:
        """The stream listens: it begins with what nobody has understood yet."""
        now = self._clock.monotonic()
        self._loss.opened(now)
        stream, listener = self._stream, self._listener
        if stream is None or listener is None:
            return
        voice_to_s = self._heard_s if self._is_voiced else self._voice_to_s
        is_unknown = not self._is_away and voice_to_s > self._known_until_s + SHORTEST_VOICE_S
        oldest_s = self._heard_s - self._kept_bytes / self._bytes_per_s
        # Somebody else heard what was said until now, but a word may be beginning that nobody has noticed yet.
        begin_s = max(self._heard_s - PRE_ROLL_S, oldest_s) if self._is_away else self._heard_s
        if is_unknown:
            begin_s = max(self._known_until_s, self._voice_from_s - PRE_ROLL_S, oldest_s)
            stream.speech_started()
        listener.begins_at_s = begin_s
        samples = round((self._heard_s - begin_s) * self._sample_rate)
        if samples:
            stream.feed(b"".join(self._kept)[-2 * samples :])
            self._loss.fed(samples / self._sample_rate, now)
        if is_unknown and not self._is_voiced:
            stream.speech_ended()
        self.step()

    def heard(self, transcript: Transcript, begins_at_s: float) -> None:
        """Words of the stream whose audio began at `begins_at_s`."""
        text = clean_text(transcript.text)
        if len(text) > LONGEST_TEXT:
            TRANSCRIPTS_SKIPPED.count(recogniser=self._name, reason="cut")
            text = text[:LONGEST_TEXT].rstrip()
        if not text:
            TRANSCRIPTS_SKIPPED.count(recogniser=self._name, reason="empty")
            return
        self._loss.words_heard(self._clock.monotonic())
        began_s = None if transcript.start_s is None else begins_at_s + transcript.start_s
        ended_s = None if transcript.end_s is None else begins_at_s + transcript.end_s
        if self._is_away or (ended_s is not None and ended_s <= self._others_until_s):
            TRANSCRIPTS_SKIPPED.count(recogniser=self._name, reason="somebody_elses")
            return
        event = TranscriptReceived(
            text,
            transcript.is_final,
            transcript.confidence,
            self._name,
            None if began_s is None else self._instant(began_s),
            None if ended_s is None else self._instant(ended_s),
        )
        self._interim = None if transcript.is_final else event
        self._known_until_s = max(
            self._known_until_s, min(self._heard_s, self._heard_s if ended_s is None else ended_s)
        )
        self._post(event)

    def progressed(self, stream_s: float) -> None:
        self._loss.progressed(stream_s, self._clock.monotonic())

    def ended(self, error: EngineError) -> None:
        log.warning(
            "recogniser_closed",
            call_control_id=self._call_control_id,
            recogniser=self._name,
            error=str(error),
            retryable=error.retryable,
        )
        self._stream = self._listener = None
        self._loss.closed(self._clock.monotonic(), retryable=error.retryable)
        self.step()

    def is_current(self, listener: "_Listener") -> bool:
        return listener is self._listener

    def skipped(self) -> None:
        TRANSCRIPTS_SKIPPED.count(recogniser=self._name, reason="stream_is_over")

    # --- inside ---

    def _keep_interim(self) -> None:
        """No better text of these words will come."""
        event, self._interim = self._interim, None
        if event is not None:
            self._post(
                TranscriptReceived(
                    event.text, True, event.confidence, self._name, event.voice_began_at, event.voice_ended_at
                )
            )

    def _instant(self, position_s: float) -> float:
        return self._last_frame_at - (self._heard_s - position_s)

    def _position(self, at: float) -> float:
        return max(0.0, min(self._heard_s, self._heard_s - (self._last_frame_at - at)))


class _Listener:
    """Implements `SttListener` for one stream: what comes from a stream that was left is dropped."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        self.begins_at_s = 0.0
        """Where in the caller's audio the stream's begins."""

    def on_ready(self) -> None:
        if self._transcriber.is_current(self):
            self._transcriber.opened()

    def on_transcript(self, transcript: Transcript) -> None:
        if self._transcriber.is_current(self):
            self._transcriber.heard(transcript, self.begins_at_s)
        else:
            self._transcriber.skipped()

    def on_progress(self, audio_s: float) -> None:
        if self._transcriber.is_current(self):
            self._transcriber.progressed(audio_s)

    def on_closed(self, error: EngineError) -> None:
        if self._transcriber.is_current(self):
            self._transcriber.ended(error)


def clean_text(text: str) -> str:
    """Without control characters and lone surrogates, which no log, database or model should get."""
    return _CONTROL.sub(" ", text).strip()
