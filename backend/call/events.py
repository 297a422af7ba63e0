"""All that can happen to a call, in the past tense.

Who makes them: the carrier's webhooks and media stream (parsed under `carrier/`), the engines' greenlets (through
`session.py`), and the other workers (through Redis). Who reads them: `leg.py` on any worker while the call is being
set up, `conversation.py` on the owner from then on. An event holds facts only; what follows is decided there.

`at` fields are instants on the owner's monotonic clock, in seconds. An event without `at` happened when it was handed
in.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["incoming", "outgoing"]
TYPED = "typed"
"""In the place of a recogniser's name: words that were not heard but written."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


# --- the carrier leg ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallInitiated(Event):
    """A leg came into being: somebody rings us, or our dial was taken up."""

    direction: Direction
    from_number: str
    to_number: str


@dataclass(frozen=True, slots=True)
class CallAnswered(Event):
    """The leg is answered: commands and audio are possible from here on."""


@dataclass(frozen=True, slots=True)
class CallBridged(Event):
    """The leg was joined with another one (a transfer succeeded)."""


@dataclass(frozen=True, slots=True)
class StreamingStarted(Event):
    """The carrier says that it opened the media stream."""


@dataclass(frozen=True, slots=True)
class StreamingStopped(Event):
    """The media stream ended or could not be opened; the leg may live on."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallHungUp(Event):
    """The leg is over. `cause` and `source` are the carrier's own words."""

    cause: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class MachineDetected(Event):
    """Answering-machine detection ended."""

    result: Literal["human", "machine", "unsure"]


@dataclass(frozen=True, slots=True)
class MachineGreetingEnded(Event):
    """The machine's own greeting is over: a message may be left now."""


# --- the media stream, on the owner -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MediaStarted(Event):
    """This worker holds the call's media stream and is its owner."""


@dataclass(frozen=True, slots=True)
class MediaStopped(Event):
    """The owner's media socket is gone."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """Voice activity of the caller began at `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechEnded(Event):
    """Voice activity of the caller ended at `at` (its last audible sample, not the moment of noticing)."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechLasted(Event):
    """The speech that began at `at` has lasted, by its sound, as long as the agent lets a sound without words last before it
    interrupts (`TurnTakingSettings.interruption_by_sound_s`). Once per speech, after its SpeechStarted."""

    at: float


@dataclass(frozen=True, slots=True)
class TranscriptReceived(Event):
    """The recogniser understood something. An interim text replaces the interim text before it."""

    text: str
    is_final: bool
    confidence: float = 1.0
    recogniser: str = "carrier"
    """Who understood it: `AgentConfig.recogniser`, or `TYPED` when the caller wrote it."""
    voice_began_at: float | None = None
    """When the first of these words began, and the last one ended; None where the recogniser does not know."""
    voice_ended_at: float | None = None
    was_cut: bool = False
    """There was more text than any caller says between two breaths; the rest was thrown away."""


@dataclass(frozen=True, slots=True)
class TurnEndPredicted(Event):
    """The caller's voice was judged in the pause after the speech that ended at `at` (as SpeechEnded gave it): with this
    probability, 0 to 1, the caller has finished."""

    probability: float
    at: float


@dataclass(frozen=True, slots=True)
class RecogniserReady(Event):
    """The recogniser that this worker feeds hears the caller, for the first time or again."""


@dataclass(frozen=True, slots=True)
class RecogniserLost(Event):
    """It does not hear the caller any more; it is being opened anew. `is_voice_lost`: the caller has just said something
    that brought no words."""

    is_voice_lost: bool = False


@dataclass(frozen=True, slots=True)
class RecogniserAway(Event):
    """It could not be opened (anew) soon enough. `is_voice_lost` as above."""

    is_voice_lost: bool = False


RecogniserReport = RecogniserReady | RecogniserLost | RecogniserAway


@dataclass(frozen=True, slots=True)
class DtmfReceived(Event):
    """The caller pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class SilenceRequested(Event):
    """The caller asked the agent to stop talking by a control of theirs, such as a button: no sound to judge."""


# --- playback of agent speech -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SynthesisStarted(Event):
    """The first audio of a playback is on its way to the caller (delivery `stream`), or the carrier was asked to play
    it (delivery `playback`)."""

    playback_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class SynthesisFinished(Event):
    """All audio of a playback was handed over: `duration_s` of it, trailing silence trimmed."""

    playback_id: str
    generation: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class SynthesisFailed(Event):
    """A playback produced no further audio; `sent_s` seconds had been handed over."""

    playback_id: str
    generation: int
    error: str
    sent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechCutShort(Event):
    """The voice broke off in the middle and the rest will not be said: only the first `said_words` words of the text
    were handed over."""

    playback_id: str
    generation: int
    said_words: int


@dataclass(frozen=True, slots=True)
class WordsTimed(Event):
    """When words of a playback begin, in seconds after its first sample: word `first` (of the text split at white space,
    from 0) and those after it. Says nothing of words further on; what was said of these words before is void."""

    playback_id: str
    generation: int
    first: int
    starts_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PlaybackProgressed(Event):
    """The carrier has played the first `played_s` seconds of a playback just now: a mark inside it came back."""

    playback_id: str
    generation: int
    played_s: float


@dataclass(frozen=True, slots=True)
class PlaybackStarted(Event):
    """The carrier began to play a playback (delivery `playback`)."""

    playback_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class PlaybackEnded(Event):
    """The carrier finished one playback: a mark came back, or `playback.ended` reached this worker (the fast path)."""

    playback_id: str
    generation: int
    status: Literal["completed", "cancelled", "failed"] = "completed"


@dataclass(frozen=True, slots=True)
class AgentDoneSpeaking(Event):
    """Another worker learned that the last outstanding playback ended, and said so with the flag: everything of
    `generation` up to and including number `up_to` has ended."""

    generation: int
    up_to: int


@dataclass(frozen=True, slots=True)
class CarrierSpeechEnded(Event):
    """The carrier's own voice finished a text, or was stopped. It does not say which text."""


@dataclass(frozen=True, slots=True)
class ToneHeard(Event):
    """How a second of the caller's speech sounded: a word such as "calm" or "tense" (`live/tone/prosody.py`)."""

    label: str


# --- the model ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SentenceWritten(Event):
    """The model finished one speakable sentence."""

    turn_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCalled(Event):
    """The model asked for a tool."""

    turn_id: str
    tool_call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerFinished(Event):
    """The model has nothing more to say in this turn."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class AnswerFailed(Event):
    """The model gave up in this turn."""

    turn_id: str
    error: str


# --- results of commands, and the world around --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HangUpAccepted(Event):
    """The carrier took our request to hang up; `call.hangup` will confirm it."""


@dataclass(frozen=True, slots=True)
class HangUpRefused(Event):
    """Our request to hang up did not reach the carrier or was refused for now."""


@dataclass(frozen=True, slots=True)
class TransferFailed(Event):
    """The transfer could not be made; the caller is still with us."""

    target: str


@dataclass(frozen=True, slots=True)
class CarrierCommandFailed(Event):
    """Any other command was refused or got no answer."""

    command: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class WhisperRequested(Event):
    """Somebody who watches the call instructs the model, for its next answer. The caller is not to hear it."""

    text: str


@dataclass(frozen=True, slots=True)
class TransferRequested(Event):
    """Somebody who watches the call wants the caller handed over, to one of the agent's targets, by name."""

    target: str


@dataclass(frozen=True, slots=True)
class ListenerPresent(Event):
    """Somebody listens to the call, on some worker. The session's business (`session/listen_in.py`), not the core's."""


@dataclass(frozen=True, slots=True)
class DrainRequested(Event):
    """This worker is being stopped: the call should end politely within `within_s` seconds."""

    within_s: float
