"""Getting words to the caller: asking for each piece of speech, and for another way of saying it when one fails.

Decides: in which way a piece is said, and what a report about a piece leads to. Does not decide what is said and when
(`conversation.py`, which runs it), nor when a piece counts as heard (`playback.py`, whose ledger it writes).

| way (`Piece.attempt`)        | fails before any audio came              | hangs until no_progress.py says RETRY   |
|------------------------------|------------------------------------------|-----------------------------------------|
| 1 the agent's voice          | 3; the session tried both voices already | cancelled; 2                            |
| 2 the fallback voice         | 3                                        | cancelled; 2 again                      |
| 3 the carrier's own voice    | it is not said at all                    | never: it is taken as sent at once      |

A filler is not worth the carrier's voice, nor a second try. The carrier's voice tells no length: an estimate bounds it,
and `CarrierSpeechEnded` usually ends it before that.
"""

from backend.call.commands import CancelPlayback, Command, Speak, SpeakByCarrier, SpeechKind
from backend.call.events import (
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    SynthesisFailed,
    SynthesisFinished,
    SynthesisStarted,
    WordsTimed,
)
from backend.call.history import History
from backend.call.playback import BY_CARRIER, BY_FALLBACK_VOICE, BY_VOICE, Ledger, Piece

CARRIER_SPEECH_S_PER_CHARACTER = 0.08

SpeechReport = (
    SynthesisStarted
    | SynthesisFinished
    | SynthesisFailed
    | WordsTimed
    | PlaybackStarted
    | PlaybackProgressed
    | PlaybackEnded
)


class Saying:
    """What one call's agent says."""

    def __init__(self, ledger: Ledger, history: History) -> None:
        self.idle_from = 0.0
        """When speech was last found to be impossible, or stopped."""
        self._ledger = ledger
        self._history = history

    def say(self, kind: SpeechKind, text: str, now: float, attempt: int = BY_VOICE) -> list[Command]:
        piece = self._ledger.ask(kind, text, now, attempt)
        self._history.agent_asked_to_say(piece, now)
        return [Speak(piece.playback_id, piece.generation, piece.number, text, kind, attempt > BY_VOICE)]

    def say_by_carrier(self, kind: SpeechKind, text: str, now: float) -> list[Command]:
        piece = self._ledger.ask(kind, text, now, BY_CARRIER)
        self._history.agent_asked_to_say(piece, now)
        self._ledger.started(piece.playback_id, now)
        self._ledger.handed_over(piece.playback_id, 1.0 + len(text) * CARRIER_SPEECH_S_PER_CHARACTER, now)
        return [SpeakByCarrier(piece.playback_id, piece.generation, piece.number, text)]

    def say_stuck_otherwise(self, now: float) -> list[Command]:
        """What was asked for and never became audible: cancel it, say it with the fallback voice."""
        stuck = self._ledger.requested()
        commands: list[Command] = []
        for piece in stuck:
            commands.append(CancelPlayback(piece.playback_id))
            self._ledger.failed(piece.playback_id, 0.0, now)
        for piece in stuck:
            if piece.kind != "filler":
                commands += self.say(piece.kind, piece.text, now, BY_FALLBACK_VOICE)
        return commands

    def stop(self, now: float) -> list[Piece]:
        """Silence: everything that was not heard yet is void. Returns what was cut."""
        self.idle_from = now
        return self._ledger.clear(now)

    def take_up_again(self, cut: Piece, now: float) -> list[Command]:
        """Say what was not heard of a piece that was cut."""
        words = cut.text.split()[cut.heard_words :]
        if not words:
            return []
        piece = self._ledger.ask(cut.kind, " ".join(words), now)
        self._history.taken_up_again(cut, piece)
        return [Speak(piece.playback_id, piece.generation, piece.number, piece.text, piece.kind)]

    def take(self, event: SpeechReport, now: float) -> list[Command]:
        """A report about a piece of the present generation."""
        match event:
            case SynthesisStarted():
                self._ledger.started(event.playback_id, now)
            case SynthesisFinished():
                self._ledger.handed_over(event.playback_id, event.duration_s, now)
            case WordsTimed():
                self._ledger.words_timed(event.playback_id, event.first, event.starts_s)
            case PlaybackProgressed():
                self._ledger.progressed(event.playback_id, event.played_s, now)
            case PlaybackStarted():
                self._ledger.played_from(event.playback_id, now)
            case PlaybackEnded(status="completed"):
                self._ledger.ended(event.playback_id, now)
            case PlaybackEnded() | SynthesisFailed():
                return self._failed(event, now)
        return []

    def _failed(self, event: PlaybackEnded | SynthesisFailed, now: float) -> list[Command]:
        sent_s = event.sent_s if isinstance(event, SynthesisFailed) else 0.0
        piece = self._ledger.failed(event.playback_id, sent_s, now)
        if piece is None:
            return []
        self.idle_from = now
        if piece.attempt == BY_CARRIER or piece.kind == "filler":
            return []
        return self.say_by_carrier(piece.kind, piece.text, now)
