"""What was said and what of it was heard: the playback ledger of the owner.

Decides: when a piece of agent speech counts as heard, cleared or failed, and until when the agent counts as speaking.
Does not decide: what to say, or what follows from silence. `conversation.py` runs it; the twin that all workers share is
`store/playbacks.py`.

Each piece has an id, a rising `number` and a `generation`; a barge-in raises the generation, which makes everything
older void. The carrier also returns marks of audio that it threw away, so an echo of an older generation says
"cleared", never "heard".

| state ↓ event →        | audio started | all handed over | ended (heard)     | failed | cleared | past its deadline |
|------------------------|---------------|-----------------|-------------------|--------|---------|-------------------|
| REQUESTED              | SENDING       | SENT            | –                 | FAILED | CLEARED | – (no_progress.py)|
| SENDING                | –             | SENT            | HEARD             | FAILED*| CLEARED | HEARD (assumed)   |
| SENT                   | –             | –               | HEARD             | FAILED*| CLEARED | HEARD (assumed)   |
| HEARD, CLEARED, FAILED | –             | –               | –                 | –      | –       | –                 |

“Ended” is a mark, `playback.ended`, the flag of another worker, or, for the carrier's own voice, `CarrierSpeechEnded`.
* a piece that failed after some audio was handed over (SENT) stays audible until that audio has played.

What was heard of a piece that is cut is the words whose audio was nearly all played by then (`resume.py`): the time since
`starts_at`, set against the voice's word timings. A mark in the middle of a piece corrects `starts_at`, so that a voice
that came too slowly, and left gaps, does not count as heard ahead of time; the pieces behind it move with it. Marks that
come back because of `clear` are of an older generation by then and move nothing.

Two times are kept apart. `starts_at` follows the evidence: the carrier's word that it plays a piece, or the end of the
piece before it, may move it later. `over_by` never moves once the length is known: however late a report comes, the
agent counts as speaking for the audio's length plus `END_GRACE_S` at most. A piece whose end was lost is closed then, as
heard at the moment when by the evidence its audio is over, which may still lie ahead: the silence clock starts there.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.call.commands import SpeechKind
from backend.call.resume import heard_words

END_GRACE_S = 2.0
"""How much later than its audio a piece's end may be reported before we stop waiting for it."""
LATEST_CARRIER_REPORT_S = 10.0
"""How long after such a piece must be over the carrier's report about it may still come."""
SLOWEST_SPEECH_S_PER_CHARACTER = 0.15
SLOWEST_SPEECH_S_PER_SYMBOL = 0.6
"""Bounds a piece whose length is not known yet: about half the slowest natural pace, for letters of an alphabet, and for
digits, signs and the syllables of other scripts, each of which is a word when spoken."""


BY_VOICE, BY_FALLBACK_VOICE, BY_CARRIER = 1, 2, 3
"""The ways of saying a piece, in the order in which they are tried."""


class PieceState(enum.Enum):
    REQUESTED = "requested"
    SENDING = "sending"
    SENT = "sent"
    HEARD = "heard"
    CLEARED = "cleared"
    FAILED = "failed"


_AUDIBLE = (PieceState.SENDING, PieceState.SENT)
_OPEN = (PieceState.REQUESTED, *_AUDIBLE)
_SYMBOLS = frozenset("0123456789$€£¥%&@#*+=/_")


@dataclass(slots=True)
class Piece:
    """One piece of agent speech. Instants are monotonic seconds; `duration_s` is None until all of it is handed over."""

    playback_id: str
    generation: int
    number: int
    kind: SpeechKind
    text: str
    asked_at: float
    attempt: int = 1
    """In which way it is said: BY_VOICE, BY_FALLBACK_VOICE, BY_CARRIER."""
    state: PieceState = PieceState.REQUESTED
    starts_at: float = 0.0
    on_its_way_at: float = 0.0
    """When its first audio was handed over: it cannot have begun before."""
    bound_from: float = 0.0
    """`starts_at` as first known; `over_by` counts from here."""
    is_start_confirmed: bool = False
    is_end_reported: bool = False
    """Only of what the carrier says with its own voice: its `CarrierSpeechEnded` came."""
    duration_s: float | None = None
    ended_at: float = 0.0
    heard_fraction: float = 0.0
    """How much of it was heard, 0 to 1, once it is over."""
    heard_words: int = 0
    """Of a piece that was cleared: how many words of the text the caller heard."""
    word_starts_s: list[float] = field(default_factory=list)
    """When its words begin, in seconds after its first sample, for as many as the voice has told."""
    progress_s: float = 0.0
    """How far marks say that it was played."""
    said_words: int | None = None
    """How many words of the text were handed over; None: all, or it is not over yet."""

    @property
    def playing_until(self) -> float:
        """When its audio is over at the caller's ear, as far as is known."""
        return self.starts_at + self.length_s

    @property
    def over_by(self) -> float:
        """Until when it may count as speaking at most."""
        return self.bound_from + self.length_s + END_GRACE_S

    @property
    def length_s(self) -> float:
        """Its audio's length, or an upper bound of it while that is not known."""
        if self.duration_s is not None:
            return self.duration_s
        symbols = sum(1 for character in self.text if character in _SYMBOLS or character >= "\u2e80")
        letters = len(self.text) - symbols
        return 1.0 + letters * SLOWEST_SPEECH_S_PER_CHARACTER + symbols * SLOWEST_SPEECH_S_PER_SYMBOL


class Ledger:
    """All pieces of one call, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.generation = 1
        self.pieces: list[Piece] = []
        self.heard_until = 0.0
        """When agent audio was last heard to end; 0 before the first. May lie ahead, see `over_by`."""

    # --- asking ---

    def ask(self, kind: SpeechKind, text: str, now: float, attempt: int = 1) -> Piece:
        """A new piece, queued behind the others."""
        number = len(self.pieces) + 1
        piece = Piece(f"{self.generation}-{number}", self.generation, number, kind, text, now, attempt)
        self.pieces.append(piece)
        return piece

    # --- what happened to a piece ---

    def started(self, playback_id: str, now: float) -> Piece | None:
        """Its first audio is on its way. Plays after whatever is still playing."""
        piece = self._open(playback_id)
        if piece is None or piece.state != PieceState.REQUESTED:
            return None
        piece.state = PieceState.SENDING
        self._queue_behind_others(piece, now)
        return piece

    def played_from(self, playback_id: str, now: float) -> None:
        """The carrier says that it plays the piece from now on. Saying it again changes nothing."""
        piece = self._open(playback_id)
        if piece is not None and piece.state in _AUDIBLE and not piece.is_start_confirmed:
            piece.is_start_confirmed = True
            piece.starts_at = now
            self._move_those_behind(piece)

    def words_timed(self, playback_id: str, first: int, starts_s: Sequence[float]) -> None:
        """When its words from number `first` on begin. A gap to what is known makes it useless."""
        piece = self._open(playback_id)
        if piece is not None and first <= len(piece.word_starts_s):
            piece.word_starts_s[first:] = starts_s

    def progressed(self, playback_id: str, played_s: float, now: float) -> None:
        """So much of it was played just now. An older mark that comes late changes nothing."""
        piece = self._open(playback_id)
        if piece is not None and piece.state in _AUDIBLE and played_s > piece.progress_s:
            piece.progress_s = played_s
            piece.starts_at = now - played_s
            self._move_those_behind(piece)

    def handed_over(self, playback_id: str, duration_s: float, now: float) -> None:
        """All its audio is sent: its length is known now."""
        piece = self._open(playback_id)
        if piece is None:
            return
        if piece.state == PieceState.REQUESTED:
            self._queue_behind_others(piece, now)
        piece.state = PieceState.SENT
        piece.duration_s = duration_s

    def ended(self, playback_id: str, now: float) -> list[Piece]:
        """It was heard to its end; so were the ones before it, whose own reports may be lost. Returns those newly heard."""
        piece = self._open(playback_id)
        if piece is None or piece.state == PieceState.REQUESTED:
            return []
        return self._heard_up_to(piece.number, now)

    def ended_up_to(self, generation: int, number: int, now: float) -> list[Piece]:
        """Everything of `generation` up to `number` was heard (the flag of another worker). An old flag changes nothing."""
        if generation != self.generation:
            return []
        return self._heard_up_to(number, now)

    def carrier_speech_ended(self, now: float) -> Piece | None:
        """The carrier's own voice finished a text; it says them in order, one report each. So the report is about the
        oldest one not reported yet, also if that was cleared or given up meanwhile: a late report ends no newer piece.
        A report that was lost delays those after it, up to the estimate, for as long as it may still be expected."""
        spoken = [piece for piece in self._recent() if piece.attempt == BY_CARRIER and not piece.is_end_reported]
        for piece in spoken:
            if piece.state == PieceState.FAILED or now > piece.over_by + LATEST_CARRIER_REPORT_S:
                continue
            piece.is_end_reported = True
            if piece.state not in _AUDIBLE:
                return None
            self._close(piece, PieceState.HEARD, now, 1.0)
            return piece
        return None

    def failed(self, playback_id: str, sent_s: float, now: float) -> Piece | None:
        """No more audio will come. Returns the piece if nothing of it was handed over, for another try."""
        piece = self._open(playback_id)
        if piece is None:
            return None
        if sent_s > 0:
            self.handed_over(playback_id, sent_s, now)
            return None
        self._close(piece, PieceState.FAILED, now, 0.0)
        return piece

    def cut_short(self, playback_id: str, said_words: int) -> None:
        """The voice broke off: more than these words will not be said, whatever the audio's end is called."""
        piece = self.find(playback_id)
        if piece is not None:
            piece.said_words = said_words

    def clear(self, now: float) -> list[Piece]:
        """The caller must hear nothing more: raise the generation. Returns what was cut, and how much of it was heard."""
        self.generation += 1
        self.heard_until = min(self.heard_until, now)
        cut = [piece for piece in self.pieces if piece.state in _OPEN]
        for piece in cut:
            played_s = now - piece.starts_at if piece.state in _AUDIBLE else 0.0
            whole_s = piece.playing_until - piece.starts_at
            fraction = min(1.0, max(0.0, played_s / whole_s)) if whole_s > 0 else 0.0
            handed_over = " ".join(piece.text.split()[: piece.said_words])  # all of it, unless the voice broke off
            piece.heard_words = heard_words(handed_over, piece.word_starts_s, played_s, whole_s)
            self._close(piece, PieceState.CLEARED, now, fraction, was_heard=fraction > 0)
        return cut

    def expire(self, now: float) -> list[Piece]:
        """Stop waiting for ends that are overdue. Returns the pieces that now count as heard."""
        over = [piece for piece in self.audible() if now >= piece.over_by]
        for piece in over:
            self._close(piece, PieceState.HEARD, piece.playing_until, 1.0)
        return over

    # --- what follows ---

    def deadline(self) -> float | None:
        """When the next piece must be over at the latest."""
        return min((piece.over_by for piece in self.audible()), default=None)

    def audible(self) -> list[Piece]:
        """Pieces of which audio is playing or on its way."""
        return [piece for piece in self._recent() if piece.state in _AUDIBLE]

    def requested(self) -> list[Piece]:
        """Pieces of which no audio has come yet."""
        return [piece for piece in self._recent() if piece.state == PieceState.REQUESTED]

    def unfinished_kinds(self) -> set[SpeechKind]:
        """What is being said, or still to be said."""
        return {piece.kind for piece in self._recent() if piece.state in _OPEN}

    def is_quiet(self) -> bool:
        """Nothing is playing, nothing is on its way."""
        return not any(piece.state in _OPEN for piece in self._recent())

    def last_owed_heard_at(self) -> float:
        """When speech that the caller was waiting for (all but fillers) was last heard to its end; 0 before the first."""
        recent = self.pieces[-16:]
        ends = (piece.ended_at for piece in recent if piece.kind != "filler" and piece.state == PieceState.HEARD)
        return max(ends, default=0.0)

    def find(self, playback_id: str) -> Piece | None:
        return next((piece for piece in reversed(self.pieces) if piece.playback_id == playback_id), None)

    def _recent(self) -> list[Piece]:
        # Open pieces are always among the latest: a turn has few, and a barge-in closes all.
        return self.pieces[-64:]

    def _open(self, playback_id: str) -> Piece | None:
        piece = self.find(playback_id)
        if piece is None or piece.generation != self.generation or piece.state not in _OPEN:
            return None
        return piece

    def _queue_behind_others(self, piece: Piece, now: float) -> None:
        before = [other for other in self.audible() if other.number < piece.number]
        piece.on_its_way_at = now
        piece.starts_at = max([now, self.heard_until, *(other.playing_until for other in before)])
        piece.bound_from = max([now, *(other.bound_from + other.length_s for other in before)])

    def _move_those_behind(self, moved: Piece) -> None:
        """They are heard one after the other: what stands behind it begins when it is over, unless a report of its own says
        when. Otherwise a report that comes late would have a piece heard to a part, and the next one too."""
        over_at = moved.playing_until
        for piece in self.audible():
            if piece.number > moved.number:
                if not (piece.progress_s or piece.is_start_confirmed):
                    piece.starts_at = max(piece.on_its_way_at, over_at)
                over_at = piece.playing_until

    def _heard_up_to(self, number: int, now: float) -> list[Piece]:
        over = [piece for piece in self.audible() if piece.number <= number]
        for piece in over:
            self._close(piece, PieceState.HEARD, now, 1.0)
        if over:
            for piece in self.audible()[:1]:  # it cannot have begun before the one ahead of it was over
                piece.starts_at = max(piece.starts_at, now)
        return over

    def _close(
        self, piece: Piece, state: PieceState, at: float, fraction: float, was_heard: bool | None = None
    ) -> None:
        piece.state = state
        piece.ended_at = at
        piece.heard_fraction = fraction
        if was_heard if was_heard is not None else state == PieceState.HEARD:
            self.heard_until = max(self.heard_until, at)
