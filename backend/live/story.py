"""One call told while it runs: what its core took and asked for, as the events that watchers get.

Decides: what of a call is news to somebody who watches it, and in which words. Decides nothing in the call: `tell` is asked
after each `Conversation.handle` and only looks. Pure, so a recorded call tells the same story again. The shell is
`session.py`, which publishes what comes out (`feed.py`).

| event          | data besides `at` (seconds since 1970)                      | told when                             |
|----------------|-------------------------------------------------------------|---------------------------------------|
| `state`        | state (`call/doing.py`)                                     | it changed                            |
| `speaker`      | speaker: caller, agent, null                                | another one is audible                |
| `transcript`   | speaker "caller", text, is_final                            | the recogniser understood something   |
| `transcript`   | speaker "agent", text, is_final, playback_id, kind          | its audio is on its way               |
| `transcript`   | the same, is_final; heard: heard, partly, unheard; with     | it is over: heard, cut, or impossible |
|                | unheard_text where it was heard partly                      | to say                                |
| `key`          | digit                                                       | the caller pressed it                 |
| `check_in`     | number, of                                                  | one is spoken                         |
| `silence`      | counting; next: check_in, hang_up, null; due_at             | the countdown starts, moves or stops  |
| `latency`      | turn_id, end_of_turn_s, first_sentence_s, first_audio_s     | a turn's first audio is on its way    |
| `interruption` | turn_id of the answer that was being made (or ""),          | the caller stopped the agent          |
|                | playback_ids                                                |                                       |
| `tool`         | name, result                                                | the model used one                    |
| `note`         | text                                                        | a watcher instructed the model        |
| `transfer`     | target; state: ringing, bridged, failed                     | it was asked for, or became something |
| `ended`        | outcome, who_hung_up                                        | last                                  |

A final line of the caller replaces the interim ones before it; a final line of the agent replaces the one with the same
`playback_id`. What is told of the agent is what was heard, as the history has it: of a cut piece `text` is the heard part.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from backend.call.commands import AbortSpeech, Command, FinishCall, ReportTurn, Transfer
from backend.call.conversation import Conversation
from backend.call.events import (
    CallBridged,
    DtmfReceived,
    Event,
    SpeechEnded,
    SpeechStarted,
    TranscriptReceived,
    TransferFailed,
    WhisperRequested,
)
from backend.call.history import Entry
from backend.call.playback import Piece, PieceState

LiveEvent = tuple[str, dict[str, Any]]
"""Name and data."""

ENDED = "ended"
MOVED_S = 0.05
"""A countdown whose end moves by less is not told anew."""
_OVER = (PieceState.HEARD, PieceState.CLEARED, PieceState.FAILED)


class Story:
    """Of one call. `wall_offset_s`: added to the core's monotonic instants, gives seconds since 1970."""

    def __init__(self, conversation: Conversation, wall_offset_s: float) -> None:
        self._conversation = conversation
        self._offset_s = wall_offset_s
        self._ignored = conversation.ignored_events
        self._known_entries = 0
        self._known_pieces = 0
        self._open: list[Piece] = []
        """Pieces of speech that are not over, in order."""
        self._audible: set[str] = set()
        """Those whose audio was told to be on its way."""
        self._is_caller_audible = False
        self._check_ins = 0
        self._target = ""
        self._state: str = ""
        self._speaker: Literal["caller", "agent"] | None = None
        self._silence: tuple[str | None, float | None] = (None, None)
        self._is_over = False

    @property
    def check_ins(self) -> int:
        """So far in the present silence."""
        return self._check_ins

    @property
    def state(self) -> str:
        return self._state

    def tell(self, event: Event | None, commands: Sequence[Command], now: float) -> list[LiveEvent]:
        """The news after one `handle(event, now)` that returned `commands`."""
        if self._is_over:
            return []
        was_ignored = self._conversation.ignored_events > self._ignored
        self._ignored = self._conversation.ignored_events
        told = [] if event is None or was_ignored else list(self._of_event(event))
        told += self._of_history()
        told += self._of_speech(commands)
        told += self._of_check_ins()
        told += [news for command in commands for news in self._of_command(command)]
        if not self._is_over:
            told += self._of_changes()
        at = self._wall(now)
        return [(name, {"at": at, **data}) for name, data in told]

    # --- what came in ---

    def _of_event(self, event: Event) -> Iterator[LiveEvent]:
        match event:
            case TranscriptReceived() if text := event.text.strip():
                yield "transcript", {"speaker": "caller", "text": text, "is_final": event.is_final}
            case DtmfReceived():
                yield "key", {"digit": event.digit}
            case SpeechStarted():
                self._is_caller_audible = True
            case SpeechEnded():
                self._is_caller_audible = False
            case WhisperRequested():
                yield "note", {"text": event.text}
            case CallBridged():
                yield "transfer", {"target": self._target, "state": "bridged"}
            case TransferFailed():
                yield "transfer", {"target": self._target, "state": "failed"}

    def _of_history(self) -> Iterator[LiveEvent]:
        entries = self._conversation.history.entries
        for entry in entries[self._known_entries :]:
            if entry.speaker == "tool":
                yield "tool", {"name": entry.tool["name"], "result": entry.text}
        self._known_entries = len(entries)

    # --- what the agent says ---

    def _of_speech(self, commands: Sequence[Command]) -> Iterator[LiveEvent]:
        pieces = self._conversation.ledger.pieces
        self._open += pieces[self._known_pieces :]
        self._known_pieces = len(pieces)
        cut = [piece.playback_id for piece in self._open if piece.state == PieceState.CLEARED]
        for command in commands:
            if isinstance(command, AbortSpeech) and command.by_caller:
                yield "interruption", {"turn_id": command.turn_id, "playback_ids": cut}
        for piece in self._open:
            if piece.state in _OVER:
                yield from self._of_piece_over(piece)
            elif piece.state != PieceState.REQUESTED and piece.playback_id not in self._audible:
                self._audible.add(piece.playback_id)
                yield "transcript", {**_line(piece), "text": piece.text, "is_final": False}
        self._audible -= {piece.playback_id for piece in self._open if piece.state in _OVER}
        self._open = [piece for piece in self._open if piece.state not in _OVER]

    def _of_piece_over(self, piece: Piece) -> Iterator[LiveEvent]:
        if piece.state == PieceState.FAILED and piece.playback_id not in self._audible:
            return  # it is said in another way, and told then
        yield "transcript", _line_over(piece)

    def _of_check_ins(self) -> Iterator[LiveEvent]:
        dead_air = self._conversation.dead_air
        if dead_air.checkins > self._check_ins:
            most = dead_air.settings.max_checkins_before_disconnect
            yield "check_in", {"number": dead_air.checkins, "of": most}
        self._check_ins = dead_air.checkins

    # --- what was asked for ---

    def _of_command(self, command: Command) -> Iterator[LiveEvent]:
        match command:
            case ReportTurn():
                yield (
                    "latency",
                    {
                        "turn_id": command.turn_id,
                        "end_of_turn_s": command.end_of_turn_s,
                        "first_sentence_s": command.first_sentence_s,
                        "first_audio_s": command.first_audio_s,
                    },
                )
            case Transfer():
                self._target = command.name
                yield "transfer", {"target": command.name, "state": "ringing"}
            case FinishCall():
                yield from self._the_end(command)

    def _the_end(self, command: FinishCall) -> Iterator[LiveEvent]:
        self._is_over = True
        for piece in self._open:  # whatever is still open: nobody will hear more of it
            yield from self._of_piece_over(piece)
        yield from self._of_changes()
        yield ENDED, {"outcome": command.outcome, "who_hung_up": command.who_hung_up}

    # --- what changed ---

    def _of_changes(self) -> Iterator[LiveEvent]:
        state = self._conversation.doing
        if state != self._state:
            self._state = state
            yield "state", {"state": state}
        speaker = self._who_is_audible()
        if speaker != self._speaker:
            self._speaker = speaker
            yield "speaker", {"speaker": speaker}
        yield from self._of_silence()

    def _who_is_audible(self) -> Literal["caller", "agent"] | None:
        if self._is_over:
            return None
        if self._is_caller_audible:
            return "caller"
        return "agent" if self._conversation.is_agent_speaking else None

    def _of_silence(self) -> Iterator[LiveEvent]:
        dead_air = self._conversation.dead_air
        due = None if self._is_over else dead_air.deadline()
        following = None
        if due is not None:
            is_last = dead_air.checkins >= dead_air.settings.max_checkins_before_disconnect
            following = "hang_up" if is_last else "check_in"
        before, was_due = self._silence
        if following == before and (due is None or was_due is None or abs(due - was_due) < MOVED_S):
            return
        self._silence = following, due
        due_at = None if due is None else self._wall(due)
        yield "silence", {"counting": due is not None, "next": following, "due_at": due_at}

    def _wall(self, at: float) -> float:
        return round(at + self._offset_s, 3)


def _line(piece: Piece) -> dict[str, Any]:
    return {"speaker": "agent", "playback_id": piece.playback_id, "kind": piece.kind}


def _line_over(piece: Piece) -> dict[str, Any]:
    """What became of it. One that is still open when the call ends was heard as far as anybody knows."""
    entry = Entry("agent", piece.text, piece.asked_at, [piece])
    standing = entry.standing
    if piece.state == PieceState.REQUESTED or standing in ("unheard", "failed"):
        return {**_line(piece), "text": piece.text, "is_final": True, "heard": "unheard"}
    text = entry.heard_text()
    rest = " ".join(piece.text.split()[len(text.split()) :])
    line = {**_line(piece), "text": text, "is_final": True, "heard": "partly" if rest else standing}
    return {**line, "unheard_text": rest} if rest else line
