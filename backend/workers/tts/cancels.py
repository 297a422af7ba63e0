"""Which syntheses run, how many slots they hold, and which ids were cancelled before they came (D8).

Pure: time is an argument. Used by the worker's service and, with itself as the only user, by the client in
engines/tts_grpc.py. Not decided here: how a stopped synthesis is told so; its thread looks at `Ticket.is_cancelled`
between two steps.

A synthesis has two ends. `computed`: its thread has stopped, the slot is free for another. `end`: its stream is closed,
the id is forgotten. Either may come first, each may be said any number of times, and each counts once.
"""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Ticket:
    """One running synthesis. `is_cancelled` only ever turns from False to True, so any thread may read it."""

    synthesis_id: str
    is_cancelled: bool = False

    def should_stop(self) -> bool:
        return self.is_cancelled


class Full(Exception):
    """Every slot is taken."""


class AlreadyRunning(Exception):
    """This id has begun and not ended."""


class CancelledBefore(Exception):
    """The cancel for this id came first."""


@dataclass(slots=True)
class Cancels:
    """`remember_s`: how long a cancel for an unknown id is kept. `most_remembered` bounds what strangers can make us keep;
    beyond it the oldest is forgotten."""

    slots: int
    remember_s: float = 2.0
    most_remembered: int = 4096
    _running: dict[str, Ticket] = field(default_factory=dict)
    _computing: set[Ticket] = field(default_factory=set)
    _remembered: dict[str, float] = field(default_factory=dict)
    """Id → when it is forgotten, oldest first: every entry is kept equally long and re-entered when renewed."""

    @property
    def slots_used(self) -> int:
        return len(self._computing)

    @property
    def running(self) -> list[Ticket]:
        """Every synthesis whose stream is open or whose thread computes."""
        return list({*self._running.values(), *self._computing})

    @property
    def remembered(self) -> int:
        return len(self._remembered)

    def begin(self, synthesis_id: str, now: float) -> Ticket:
        """Take a slot. Raises CancelledBefore, AlreadyRunning or Full, and then has changed nothing else."""
        self._forget(now)
        if self._remembered.pop(synthesis_id, None) is not None:
            raise CancelledBefore(synthesis_id)
        if synthesis_id in self._running:
            raise AlreadyRunning(synthesis_id)
        if len(self._computing) >= self.slots:
            raise Full(synthesis_id)
        ticket = Ticket(synthesis_id)
        self._running[synthesis_id] = ticket
        self._computing.add(ticket)
        return ticket

    def cancel(self, synthesis_id: str, now: float) -> bool:
        """Mark it; True when it was running. An unknown id is remembered."""
        self._forget(now)
        ticket = self._running.get(synthesis_id)
        if ticket is not None:
            ticket.is_cancelled = True
            return True
        self._remembered.pop(synthesis_id, None)
        self._remembered[synthesis_id] = now + self.remember_s
        if len(self._remembered) > self.most_remembered:
            del self._remembered[next(iter(self._remembered))]
        return False

    def cancel_all(self) -> None:
        for ticket in self.running:
            ticket.is_cancelled = True

    def computed(self, ticket: Ticket) -> None:
        """Its thread has stopped: the slot is free. The one call here that may come from another thread."""
        self._computing.discard(ticket)

    def end(self, ticket: Ticket) -> None:
        """Its stream is closed; a thread that still computes for it is told to stop."""
        ticket.is_cancelled = True
        if self._running.get(ticket.synthesis_id) is ticket:
            del self._running[ticket.synthesis_id]

    def _forget(self, now: float) -> None:
        while self._remembered:
            oldest = next(iter(self._remembered))
            if self._remembered[oldest] > now:
                return
            del self._remembered[oldest]
