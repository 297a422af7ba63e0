"""The contracts of the engines: a voice (Tts), a recogniser (Stt), a model (Llm), voice activity (Vad), the end of a turn
by its sound (TurnModel).

What a contract promises everywhere:
- Iterators are pulled by one greenlet; `cancel(id)` may be called from any other greenlet of the same worker, at any
  time, any number of times, also before the work began or after it ended, and never raises. After it returns the
  iterator ends within one step and the engine's connection, slot and memory for that id are given back.
- Failures are `EngineError`s (busy, timed out, failed). No other exception leaves an engine.
- Engines know nothing of calls: they get ids, text and audio.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.errors import EngineError


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """One piece of text to be spoken. `synthesis_id` is unique over all calls and time."""

    synthesis_id: str
    text: str
    voice: str
    """Voice name as the TTS worker lists it, e.g. "en-us" for espeak-ng."""
    language: str = "en"
    sample_rate: int = 8000
    """Wanted rate in Hz: 8000, 16000, 24000 or 48000."""
    frame_duration_ms: int = 100
    """Wanted length of the frames, 20 to 200; the first few are shorter."""


@dataclass(frozen=True, slots=True)
class WordStart:
    """Word `number` of the text (from 0, split at white space) begins `offset_s` seconds into its frame."""

    number: int
    offset_s: float


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A piece of synthesised speech: mono s16le at `sample_rate`."""

    pcm: bytes
    sample_rate: int
    sequence_number: int
    is_final: bool
    words: tuple[WordStart, ...] = ()
    """The words that begin in this frame, as far as the voice tells; a final frame may correct earlier ones."""


def place_words(starts_s: list[float], words: Sequence[WordStart], frame_at_s: float) -> None:
    """Enter when words begin into `starts_s`, the list over all words of the text; their frame begins at `frame_at_s`.
    A word that a voice skips or takes together with another one begins where the next one does. A word that is told
    again makes what was told of it and of later words void."""
    for word in words:
        at_s = frame_at_s + word.offset_s
        del starts_s[word.number :]
        while len(starts_s) <= word.number:
            starts_s.append(at_s)


class Tts(Protocol):
    """A voice."""

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """Frames as they are made; exactly one of them, the last, has `is_final`. Raises EngineError."""
        ...

    def cancel(self, synthesis_id: str) -> None:
        """Stop that synthesis; its iterator ends without a final frame."""
        ...


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may call. `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One request to the model. `messages` are in the chat-completions form; `turn_id` is unique over all calls."""

    turn_id: str
    messages: Sequence[dict[str, Any]]
    tools: Sequence[ToolSpec] = ()
    model: str = ""
    """"" means the model of the settings."""
    temperature: float = 0.7
    max_tokens: int = 400
    answer_schema: dict[str, Any] | None = None
    """The JSON schema of the answer, for servers that can hold a model to one; others answer as they like."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Some characters of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `arguments` is parsed JSON; arguments that do not parse arrive as {}."""

    tool_call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


class Llm(Protocol):
    """A model."""

    def answer(self, request: AnswerRequest) -> Iterator[TextDelta | ToolCall]:
        """Pieces of the answer as they come; the iterator's end is the answer's end. Raises EngineError."""
        ...

    def cancel(self, turn_id: str) -> None:
        """Close that answer's connection; its iterator ends."""
        ...


@dataclass(frozen=True, slots=True)
class SpeechEdge:
    """Voice activity changed. `at_s` counts the caller's audio in seconds since the detector's start: the first or
    last speech sample as well as it can be told, not the moment of deciding."""

    is_speech: bool
    at_s: float


class VadStream(Protocol):
    """Voice activity of one caller. Frames go in at their own pace; edges come out when the shared step has run."""

    def push(self, pcm: bytes) -> None:
        """Caller audio, mono s16le at the rate the stream was opened with, any length."""
        ...

    def edges(self) -> list[SpeechEdge]:
        """The edges found since the last call."""
        ...

    @property
    def speech_until_s(self) -> float | None:
        """Between a beginning and its end: the last instant so far, on the same count, that is speech; else None."""
        ...

    def close(self) -> None:
        """Give the slot back. Idempotent."""
        ...


class Vad(Protocol):
    """Voice activity for all calls of one worker."""

    def open(self, sample_rate: int = 8000) -> VadStream: ...

    def step(self) -> None:
        """Analyse what was pushed since the last step, all streams in one batch. Called by the worker's ticker."""
        ...


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words of the caller. An interim text is the utterance's words so far, a final one is all of them. Positions are
    seconds of the audio that this stream was fed, None where the recogniser does not know them."""

    text: str
    is_final: bool
    confidence: float = 1.0
    start_s: float | None = None
    end_s: float | None = None


class SttListener(Protocol):
    """Who opened a stream. Called from the hub or a greenlet of the engine; must not block, may call the stream."""

    def on_ready(self) -> None:
        """The recogniser listens: audio may be fed now. Once, and first."""
        ...

    def on_transcript(self, transcript: Transcript) -> None:
        """Words. In order: the interim texts of an utterance, then its final one, then the next utterance."""
        ...

    def on_progress(self, audio_s: float) -> None:
        """A sign of life: so many seconds of the audio fed were recognised."""
        ...

    def on_closed(self, error: EngineError) -> None:
        """The stream is over, or never began. Once, and last; never after `close`."""
        ...


class SttStream(Protocol):
    """One caller's words. No method blocks or raises; after the end they do nothing."""

    def feed(self, pcm: bytes) -> None:
        """Caller audio, mono s16le at the rate the stream was opened with, any length. Before `on_ready` it is lost."""
        ...

    def speech_started(self) -> None:
        """The caller's voice began in what is fed next."""
        ...

    def speech_ended(self) -> None:
        """The caller's voice fell silent: the words so far are wanted now."""
        ...

    def close(self) -> None:
        """Give connection, seat and memory back; what was not recognised yet is void. The listener hears nothing more.
        Idempotent, returns at once."""
        ...


class Stt(Protocol):
    """A recogniser that is fed with audio by this worker. The carrier's own one hears for itself: `stt_carrier.py`."""

    tells_progress: bool
    """It calls `on_progress` at least every second and gives interim words while somebody speaks: its silence is a
    failure. Otherwise its own time-outs have to do."""

    def open(self, listener: SttListener, *, sample_rate: int, language: str, call: str = "") -> SttStream:
        """A stream of its own, at once; `on_ready` or `on_closed` follows, never before this returns. `language` is a tag
        such as "en-US"; `call` is what the other side's log names the stream by."""
        ...


class TurnModel(Protocol):
    """Judges by the sound whether a caller has finished."""

    window_s: float
    """How much audio before the present moment counts; more is ignored."""

    def judge(self, pcm: bytes, sample_rate: int) -> float:
        """Probability, 0 to 1, that the speaker of the last seconds of `pcm` (mono s16le) has finished. Blocks the greenlet
        that asks, never the hub. Raises EngineError."""
        ...
