"""What a listener hears of an agent on the client WebSocket: frames played one after the other, in real time.

Pure: time comes in as an argument, nothing is played aloud. Decides when which frame has been played, so that a client
can tell the product (`played`), and where each lies in a recording. `talk_client.py` runs it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlayedFrame:
    """One frame, from the instant it began to be audible."""

    sequence: int
    pcm: bytes
    starts_at: float
    ends_at: float


class Loudspeaker:
    """Of one session. `sample_rate` in Hz, frames are mono s16le."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._frames: list[PlayedFrame] = []
        """In the order of playing; the last ones may lie ahead."""

    def arrived(self, sequence: int, pcm: bytes, now: float) -> None:
        """It plays behind what is there already, or at once."""
        starts_at = max(now, self.busy_until)
        self._frames.append(PlayedFrame(sequence, pcm, starts_at, starts_at + len(pcm) / 2 / self._sample_rate))

    def clear(self, now: float) -> None:
        """What has not begun to play never will."""
        self._frames = [frame for frame in self._frames if frame.starts_at <= now]

    @property
    def busy_until(self) -> float:
        """When everything that is here will have been played; 0 before anything was."""
        return self._frames[-1].ends_at if self._frames else 0.0

    def played(self, now: float) -> int:
        """The last frame that was played to its end; 0: none."""
        return max((frame.sequence for frame in self._frames if frame.ends_at <= now), default=0)

    def first_after(self, at: float) -> PlayedFrame | None:
        """The first frame that began to play at `at` or later."""
        return next((frame for frame in self._frames if frame.starts_at >= at), None)

    def recording(self, begins_at: float, until: float) -> bytes:
        """What was heard from `begins_at` to `until`, silence included."""
        samples = bytearray(2 * max(0, round((until - begins_at) * self._sample_rate)))
        for frame in self._frames:
            start = 2 * round((frame.starts_at - begins_at) * self._sample_rate)
            if start < 0:
                continue
            pcm = frame.pcm[: max(0, len(samples) - start)]
            samples[start : start + len(pcm)] = pcm
        return bytes(samples)
