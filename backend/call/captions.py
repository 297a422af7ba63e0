"""What of a call can be read along: the words of both sides, as they become known.

Decides: when a line is told and when it is final. Pure; a shell hands in each event after the conversation has taken it.
Who shows the lines (the client WebSocket, a live view) is not decided here.

| fact                                      | caption                                                                  |
|-------------------------------------------|--------------------------------------------------------------------------|
| the caller's words, interim or final      | caller, as understood; an interim one replaces the one before it         |
| a mark inside a piece of agent speech     | agent, the words heard so far, not final; replaces the one before it     |
| a piece was heard to its end              | agent, final, heard                                                      |
| a piece was cut                           | agent, final, the words that were heard, partly; none if there were none |
| a piece failed, or was never audible      | none                                                                     |
"""

from dataclasses import dataclass
from typing import Literal

from backend.call.events import Event, PlaybackProgressed, TranscriptReceived
from backend.call.history import Entry
from backend.call.playback import Ledger, Piece, PieceState
from backend.call.resume import heard_words

_OVER = (PieceState.HEARD, PieceState.CLEARED, PieceState.FAILED)


@dataclass(frozen=True, slots=True)
class Caption:
    """One line. A final one ends the line; the next one of the same speaker begins another."""

    speaker: Literal["caller", "agent"]
    text: str
    is_final: bool
    heard: Literal["heard", "partly"] = "heard"


class Captions:
    """Of one call. `ledger` is only read."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen = 0
        """Pieces of the ledger that were looked at."""
        self._open: list[Piece] = []

    def take(self, event: Event | None, now: float) -> list[Caption]:
        """The lines that this event made, which the conversation has taken. None: time has passed."""
        lines = []
        if isinstance(event, TranscriptReceived) and (text := event.text.strip()):
            lines.append(Caption("caller", text, event.is_final))
        self._open += self._ledger.pieces[self._seen :]
        self._seen = len(self._ledger.pieces)
        if isinstance(event, PlaybackProgressed):
            lines += self._heard_so_far(event.playback_id, now)
        over = [piece for piece in self._open if piece.state in _OVER]
        if over:
            self._open = [piece for piece in self._open if piece.state not in _OVER]
            lines += [line for piece in over if (line := _final(piece)) is not None]
        return lines

    def _heard_so_far(self, playback_id: str, now: float) -> list[Caption]:
        piece = next((piece for piece in self._open if piece.playback_id == playback_id), None)
        if piece is None or piece.state in _OVER:
            return []
        words = heard_words(piece.text, piece.word_starts_s, now - piece.starts_at, piece.length_s)
        return [Caption("agent", " ".join(piece.text.split()[:words]), False)] if words else []


def _final(piece: Piece) -> Caption | None:
    text = Entry("agent", piece.text, piece.asked_at, [piece]).heard_text()
    if piece.state == PieceState.FAILED or not text:
        return None
    return Caption("agent", text, True, "heard" if piece.state == PieceState.HEARD else "partly")
