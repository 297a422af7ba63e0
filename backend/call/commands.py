"""All that a call can ask for, in the imperative.

`conversation.py` returns them, `session.py` carries them out in the order given. A command says what, never how: no
socket, no vendor, no engine. Every result comes back as an event.
"""

from dataclasses import dataclass
from typing import Any, Literal

SpeechKind = Literal["greeting", "answer", "check_in", "filler", "goodbye", "apology", "notice", "repeat_request"]


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands."""


# --- asked for by leg.py, before there is an owner ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer(Command):
    """Pick up the incoming leg."""


@dataclass(frozen=True, slots=True)
class StartStream(Command):
    """Ask the carrier to open the media stream, with a fresh one-time token. `attempt` counts from 1."""

    attempt: int


# --- asked for by conversation.py, on the owner -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartTranscription(Command):
    """Let the recogniser listen to the caller. `attempt` counts from 1 over the whole call."""

    attempt: int = 1
    recogniser: str = "carrier"
    """Who: `AgentConfig.recogniser`."""


@dataclass(frozen=True, slots=True)
class StopTranscription(Command):
    """The carrier's own transcription, which stood in, is not needed any more. `attempt` is that of its start."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Speak(Command):
    """Say `text`. It is queued behind what is being said. `number` counts the call's playbacks from 1."""

    playback_id: str
    generation: int
    number: int
    text: str
    kind: SpeechKind
    use_fallback_voice: bool = False


@dataclass(frozen=True, slots=True)
class SpeakByCarrier(Command):
    """Say `text` with the carrier's own voice: ours does not answer."""

    playback_id: str
    generation: int
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class AbortSpeech(Command):
    """Silence the agent now, along the chain of `barge_in.py`. Everything of generations below `generation` is void, and
    so is the answer `turn_id` ("": none is being made). `by_caller`: the caller interrupted, as opposed to the call
    having something else to say or nothing any more."""

    generation: int
    turn_id: str = ""
    by_caller: bool = False


@dataclass(frozen=True, slots=True)
class CancelPlayback(Command):
    """Stop making one playback that never became audible (it is being said in another way)."""

    playback_id: str


@dataclass(frozen=True, slots=True)
class Think(Command):
    """Ask the model for an answer to `messages`. Its sentences come back as events with this `turn_id`."""

    turn_id: str
    messages: tuple[dict[str, Any], ...]
    use_fallback_model: bool = False
    is_draft: bool = False
    """Asked before the caller's turn has ended: it may be thrown away."""


@dataclass(frozen=True, slots=True)
class StopThinking(Command):
    """Close the model's stream of that turn."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class HangUp(Command):
    """End the leg. `attempt` counts from 1; repeating it is harmless."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Transfer(Command):
    """Send the caller to one of the agent's allowed targets. `name` is the target's key, `number` its E.164 number."""

    name: str
    number: str
    attempt: int


@dataclass(frozen=True, slots=True)
class SendDtmf(Command):
    """Press keys towards the far end."""

    digits: str
    sequence: int


@dataclass(frozen=True, slots=True)
class FinishCall(Command):
    """Nothing more will be asked: store the outcome, release everything. The last command of every call."""

    outcome: str
    who_hung_up: Literal["caller", "agent", "carrier", "unknown"]
    hangup_cause: str = ""


@dataclass(frozen=True, slots=True)
class ReportTurn(Command):
    """Latencies of one turn, in seconds since the caller's end of speech; None where that step did not happen."""

    turn_id: str
    end_of_turn_s: float | None
    first_sentence_s: float | None
    first_audio_s: float | None


@dataclass(frozen=True, slots=True)
class ReportDraft(Command):
    """What became of an answer that was asked for ahead of time."""

    turn_id: str
    was_used: bool
