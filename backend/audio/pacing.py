"""How much audio may be sent now.

The carrier buffers what we send and plays it in real time. Sending everything at once would make a barge-in throw away
much and would fill our own socket; sending frame by frame would cost fifty messages a second. So: never more than
`ahead_s` of audio lies between us and the ear. Time is an argument; this object owns no clock and sends nothing.
"""


class Pacer:
    """Playout as seen from here: audio given away plays from its arrival, one piece after the other."""

    def __init__(self, ahead_s: float = 1.0) -> None:
        if ahead_s <= 0:
            raise ValueError("ahead_s must be positive")
        self.ahead_s = ahead_s
        self._playing_until: float | None = None

    def playing_until(self, now: float) -> float:
        """When the audio sent so far will have been played; `now` when it has been already."""
        return now if self._playing_until is None else max(now, self._playing_until)

    def allowance_s(self, now: float) -> float:
        """Seconds of audio that may be sent at this moment."""
        return max(0.0, self.ahead_s - (self.playing_until(now) - now))

    def sent(self, duration_s: float, now: float) -> None:
        """So much audio has just been sent. After an underrun playout starts afresh at `now`: no debt is carried."""
        self._playing_until = self.playing_until(now) + duration_s

    def next_at(self, now: float, wanted_s: float) -> float:
        """When `wanted_s` of audio may next be sent; more than `ahead_s` counts as `ahead_s`."""
        return max(now, self.playing_until(now) + min(wanted_s, self.ahead_s) - self.ahead_s)

    def cleared(self) -> None:
        """Everything not yet played was thrown away."""
        self._playing_until = None
