"""Who joins the batch and who is in its next step. Pure: time is an argument; run by stepper.py.

Every stream is played somewhere at the speed of speech, from its first frame on; when that playout runs out of audio is
the stream's deadline. One that has not begun must begin soon: its deadline is a first-audio target after its arrival.

    whose turn      the earliest deadline, for slots as for steps: who is about to underrun goes first. A deadline moves
                    only when its stream is served, so nobody waits for ever
    how far         never more than `high_s` ahead of the playout, nor of what its consumer has taken: a long answer is
                    made as it is heard, and leaves the model to the others in between
    when            a step begins when somebody is less than `low_s` ahead, and then takes everybody along who may still
                    go on; so rows fall into step with each other, and there is one wide step in 80 ms, not many thin ones
    silence         is not sent before something audible follows it, and a client gives a worker up after one second
                    without a frame. So a stream begins with its first audible frame, goes on at full speed through a
                    pause, however far ahead that brings it, and is never left for longer than `gap_s`
    joining         costs the running rows a pass over the new texts. It waits while one of them is about to underrun,
                    except for streams that are later still

A stream is one text in pieces. Each piece joins, runs and leaves its slot; between two pieces the stream competes like
any other. Not decided here: what a piece is (pieces.py), when it is over, how a step is done (batch.py).
"""

import math
from dataclasses import dataclass, field

from backend.workers.tts.frames import LONGEST_PAUSE_MS

EPSILON_S = 1e-6
"""For sums of many frames."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`slots` rows exist; `step_rows` of them fit in one step, `join_rows` texts in one reading."""

    slots: int
    step_rows: int = 1024
    join_rows: int = 32
    frame_s: float = 0.08
    low_s: float = 0.5
    high_s: float = 1.0
    first_audio_s: float = 0.15
    tight_s: float = 0.08
    """Closer than this to its deadline a stream is about to underrun."""
    gap_s: float = 0.25
    """Without an audible frame; a client's frames may be of 200 ms, so three such gaps can lie between two of them."""
    patience_s: float = 0.75
    """The same, as a deadline."""
    longest_pause_s: float = LONGEST_PAUSE_MS / 1000
    """More silence than this in a row is not played at all."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now: let these join, then make a frame for those (who just joined included), most urgent first. When
    there is nothing to do, `look_at` is when there will be, unless something happens before; None: not by itself."""

    joins: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    look_at: float | None = None


@dataclass(slots=True)
class _Stream:
    number: int
    deadline: float
    """When its audio runs out; before it has begun, when it should begin."""
    sounded_at: float | None = None
    """Its last audible frame; None: it has not begun."""
    silent: int = 0
    """Frames since then."""
    has_slot: bool = False
    untaken: int = 0
    """Frames made and not yet fetched by the consumer."""


@dataclass(slots=True)
class Scheduler:
    """Streams are known by numbers; a smaller one came first."""

    limits: Limits
    underruns: int = 0
    """Times that a playout which had begun ran out of audio."""
    _streams: dict[int, _Stream] = field(default_factory=dict)

    @property
    def streams(self) -> list[int]:
        return list(self._streams)

    @property
    def slots_used(self) -> int:
        return sum(stream.has_slot for stream in self._streams.values())

    def add(self, number: int, now: float) -> None:
        self._streams[number] = _Stream(number, now + self.limits.first_audio_s)

    def remove(self, number: int) -> None:
        """It has ended or was cancelled; its slot is free."""
        self._streams.pop(number, None)

    def made(self, number: int, now: float, is_audible: bool = True) -> None:
        """A frame of it was handed over."""
        stream = self._streams[number]
        stream.untaken += 1
        stream.silent = 0 if is_audible else stream.silent + 1
        if stream.sounded_at is None:
            if is_audible:
                stream.deadline = now + self.limits.frame_s
        elif stream.silent * self.limits.frame_s <= self.limits.longest_pause_s:
            self.underruns += now > stream.deadline + EPSILON_S
            stream.deadline = max(stream.deadline, now) + self.limits.frame_s
        if is_audible:
            stream.sounded_at = now

    def taken(self, number: int, frames: int) -> None:
        """Its consumer has fetched so many more."""
        self._streams[number].untaken -= frames

    def piece_ended(self, number: int) -> None:
        """It leaves its slot, and has another piece to say."""
        self._streams[number].has_slot = False

    def plan(self, now: float) -> Plan:
        """Who joins is taken to have joined."""
        free = self.limits.slots - self.slots_used
        willing = [stream for stream in self._streams.values() if self._may_go(stream, now)]
        willing.sort(key=lambda stream: (self._due(stream), stream.number))
        able = [stream for stream in willing if stream.has_slot or free]
        if not any(self._is_wanted(stream, now) for stream in able):
            return Plan(look_at=self._next_wanted(now, free))
        joins = self._choose_joins(able, free, now)
        for stream in joins:
            stream.has_slot = True
        steps = [stream.number for stream in able if stream.has_slot][: self.limits.step_rows]
        return Plan(tuple(stream.number for stream in joins), tuple(steps))

    def _choose_joins(self, able: list[_Stream], free: int, now: float) -> list[_Stream]:
        tightest = min((self._due(stream) for stream in able if stream.has_slot), default=math.inf)
        is_tight = tightest - now < self.limits.tight_s
        waiting = [s for s in able if not s.has_slot and not (is_tight and self._due(s) > tightest)]
        return waiting[: min(free, self.limits.join_rows)]

    def _due(self, stream: _Stream) -> float:
        if stream.sounded_at is None:
            return stream.deadline
        return min(stream.deadline, stream.sounded_at + self.limits.patience_s)

    def _wanted_at(self, stream: _Stream) -> float:
        """From when on somebody must do something for it."""
        if stream.sounded_at is None:
            return -math.inf
        return min(stream.deadline - self.limits.low_s, stream.sounded_at + self.limits.gap_s)

    def _is_wanted(self, stream: _Stream, now: float) -> bool:
        return now + EPSILON_S >= self._wanted_at(stream)

    def _is_blocked(self, stream: _Stream) -> bool:
        """Its consumer is so far behind that another frame would only be kept."""
        return (stream.untaken + 1) * self.limits.frame_s > self.limits.high_s + EPSILON_S

    def _may_go(self, stream: _Stream, now: float) -> bool:
        if self._is_blocked(stream):
            return False
        if self._is_wanted(stream, now):
            return True
        return stream.deadline - now + self.limits.frame_s <= self.limits.high_s + EPSILON_S

    def _next_wanted(self, now: float, free: int) -> float | None:
        """Of those who wait only for time to pass."""
        instants = [
            self._wanted_at(stream)
            for stream in self._streams.values()
            if (stream.has_slot or free) and not self._is_blocked(stream)
        ]
        return max(now, min(instants)) if instants else None
