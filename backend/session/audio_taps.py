"""What of a call's audio others may hear: recording, listening in, analysis of the tone.

`session.audio_taps.add(tap)`, at any time; from then on the tap gets both sides, 8 kHz mono s16le, each piece with `at_s`,
the second of the stream (since the session's media stream began) at which it is *heard*. Decides only that: where a piece
belongs in time. Who may listen and what becomes of it is the tap's business.

| side, delivery      | told                                                       | `at_s`                                 |
|---------------------|------------------------------------------------------------|----------------------------------------|
| caller              | each frame as it comes, 20 ms                              | counted in samples (`audio/placing.py`)|
| agent, `stream`     | each frame as it is sent: up to a second ahead of its time | behind what the carrier has to play yet|
| agent, `playback`   | 200 ms at a time, from when the carrier said that it plays | by the carrier's word of its start;    |
|                     | the file, at the pace of the caller's frames               | lacking it, of its end; lacking both, a|
|                     |                                                            | second after it should have begun      |
| agent, interrupted, | `agent_cleared(from_s)`: from there on nothing was heard   |                                        |
| or the call is over |                                                            |                                        |
| the carrier's voice | never: we do not have it (the last resort)                 |                                        |

Tells what was asked for and played, not what the carrier's network made of it. A tap that comes in the middle of a piece
misses what was sent ahead by then. A tap is called in the hub fifty times a second: it must not block. One that raises is
logged and dropped, the call goes on. While there is no tap, nothing is computed and nothing kept (delivery `playback`
keeps the piece that is being played).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from backend.audio.placing import Placing
from backend.call.events import AgentDoneSpeaking, Event, PlaybackEnded, PlaybackStarted
from backend.clock import Clock

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BYTES_PER_S = 2 * 8000
CHUNK_S = 0.2
"""Of a piece that the carrier plays from a file, so much is told at a time, and no earlier than this before its time."""
NO_WORD_AFTER_S = 1.0
"""A piece whose start is not reported so long after it should have begun is taken to have begun then."""
MOST_PIECES = 16


class AudioTap(Protocol):
    """Who listens. Called in the hub; must neither block nor raise. `pcm` is 8 kHz mono s16le, `at_s` seconds of the
    stream; on each side pieces come in the order in which they are heard, but the sides overlap, and so may two frames of
    the caller where the line stumbled."""

    def caller(self, pcm: bytes, at_s: float) -> None: ...

    def agent(self, pcm: bytes, at_s: float) -> None: ...

    def agent_cleared(self, from_s: float) -> None:
        """What the agent would have said from here on was not heard."""
        ...

    def ended(self) -> None:
        """Nothing more will come. Exactly once, last, unless the tap was removed before."""
        ...


@dataclass(slots=True)
class _Piece:
    """One file that the carrier plays. Instants are monotonic seconds."""

    playback_id: str
    pcm: bytes
    expected_at: float
    started_at: float | None = None
    told_s: float = 0.0

    def is_within(self, generation: int, up_to: int) -> bool:
        of, _, number = self.playback_id.partition("-")
        return of == str(generation) and number.isdecimal() and int(number) <= up_to

    @property
    def length_s(self) -> float:
        return len(self.pcm) / BYTES_PER_S

    @property
    def over_at(self) -> float:
        return (self.expected_at if self.started_at is None else self.started_at) + self.length_s


class AudioTaps:
    """One call's taps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at: float | None = None
        self._taps: list[AudioTap] = []
        self._placing = Placing()
        self._pieces: deque[_Piece] = deque(maxlen=MOST_PIECES)
        self._is_over = False

    # --- who listens ---

    def add(self, tap: AudioTap) -> None:
        """From now on `tap` hears the call; one that comes when it is over is told so at once."""
        if self._is_over:
            tap.ended()
        elif tap not in self._taps:
            if not self._taps:
                self._placing = Placing()
                self._skip_to(self._clock.monotonic())
            self._taps.append(tap)

    def remove(self, tap: AudioTap) -> None:
        """It hears nothing more, `ended` included. Harmless when it is not there."""
        if tap in self._taps:
            self._taps.remove(tap)

    @property
    def now_s(self) -> float:
        """The present second of the stream; 0 before it began."""
        return 0.0 if self._began_at is None else self._clock.monotonic() - self._began_at

    # --- what the call does ---

    def began(self) -> None:
        """The media stream has begun: its second 0."""
        if self._began_at is None:
            self._began_at = self._clock.monotonic()

    def caller_said(self, pcm: bytes) -> None:
        """One frame, complete just now."""
        if not self._taps or self._began_at is None:
            return
        now = self._clock.monotonic()
        at_s = self._placing.place(len(pcm) / BYTES_PER_S, now) - self._began_at
        self._tell(lambda tap: tap.caller(pcm, at_s))
        if self._pieces:
            self._go_on(now)

    def agent_plays(self, pcm: bytes, at: float) -> None:
        """Delivery `stream`: sent just now, will be heard from `at` on."""
        if self._taps and self._began_at is not None:
            self._tell_agent(pcm, at)

    def agent_silenced(self) -> None:
        """What was not played yet will not be."""
        now = self._clock.monotonic()
        self._go_on(now)
        self._pieces.clear()
        if self._began_at is not None:
            from_s = now - self._began_at
            self._tell(lambda tap: tap.agent_cleared(from_s))

    def piece_asked_for(self, playback_id: str, pcm: bytes) -> None:
        """Delivery `playback`: the carrier was asked to play this behind what it plays already."""
        now = self._clock.monotonic()
        before = self._pieces[-1].over_at if self._pieces else now
        self._pieces.append(_Piece(playback_id, pcm, max(now, before)))

    def piece_refused(self, playback_id: str) -> None:
        """The carrier will not play it."""
        for piece in self._find(lambda piece: piece.playback_id == playback_id):
            self._pieces.remove(piece)

    def take(self, event: Event) -> None:
        """What is known of the files that the carrier plays; everything else is no news here."""
        if not self._pieces:
            return
        now = self._clock.monotonic()
        match event:
            case PlaybackStarted():
                for piece in self._find(lambda piece: piece.playback_id == event.playback_id):
                    piece.started_at = now if piece.started_at is None else piece.started_at
            case PlaybackEnded():
                self._ended(self._find(lambda piece: piece.playback_id == event.playback_id), event.status, now)
            case AgentDoneSpeaking():
                self._ended(self._find(lambda piece: piece.is_within(event.generation, event.up_to)), "completed", now)

    def close(self) -> None:
        """The call is over; what was sent ahead is not heard any more. Idempotent."""
        if self._is_over:
            return
        self.agent_silenced()
        self._is_over = True
        self._tell(lambda tap: tap.ended())
        self._taps = []

    # --- files that the carrier plays ---

    def _find(self, is_meant: Callable[[_Piece], bool]) -> list[_Piece]:
        return [piece for piece in self._pieces if is_meant(piece)]

    def _ended(self, pieces: list[_Piece], status: str, now: float) -> None:
        over_at = now
        for piece in reversed(pieces):
            if piece.started_at is None:
                piece.started_at = over_at - piece.length_s
            over_at = piece.started_at
        for piece in pieces:
            self._pieces.remove(piece)
            if status != "failed":
                self._tell_rest(piece, piece.length_s if status == "completed" else now - over_at)

    def _go_on(self, now: float) -> None:
        """Tell of what plays until a little after `now`."""
        for piece in tuple(self._pieces):
            if piece.started_at is None:
                if now < piece.expected_at + NO_WORD_AFTER_S:
                    return  # those behind it play later
                piece.started_at = piece.expected_at
            self._tell_rest(piece, now + CHUNK_S - piece.started_at)
            if piece.told_s < piece.length_s:
                return
            if now >= piece.over_at + NO_WORD_AFTER_S:
                self._pieces.remove(piece)  # the word of its end was lost

    def _tell_rest(self, piece: _Piece, until_s: float) -> None:
        """Tell of a piece up to its second `until_s`, in whole chunks."""
        while self._taps and piece.started_at is not None and piece.told_s < min(until_s, piece.length_s):
            start = round(piece.told_s * BYTES_PER_S / 2) * 2
            chunk = piece.pcm[start : start + round(CHUNK_S * BYTES_PER_S)]
            self._tell_agent(chunk, piece.started_at + piece.told_s)
            piece.told_s = piece.length_s if not chunk else piece.told_s + len(chunk) / BYTES_PER_S

    def _skip_to(self, now: float) -> None:
        """What played while nobody listened is not told afterwards."""
        for piece in self._pieces:
            if piece.started_at is not None and now > piece.started_at:
                chunks = int((now - piece.started_at) / CHUNK_S)
                piece.told_s = min(piece.length_s, max(piece.told_s, chunks * CHUNK_S))

    # --- inside ---

    def _tell_agent(self, pcm: bytes, at: float) -> None:
        if self._began_at is not None:
            at_s = at - self._began_at
            self._tell(lambda tap: tap.agent(pcm, at_s))

    def _tell(self, what: Callable[[AudioTap], None]) -> None:
        for tap in tuple(self._taps):
            try:
                what(tap)
            except Exception as error:  # a listener's bug must cost neither the call nor the other listeners
                log.exception("audio_tap_failed", tap=type(tap).__name__, error=type(error).__name__)
                self.remove(tap)
