"""Caller and agent side by side, put together while the call runs: what a stereo recording is made of.

Pieces of both sides come with the second at which they are heard, a little late or up to a second ahead. They are laid on
two tracks of μ-law, silence where nothing was said, and taken off the front in stretches of stereo, left the caller, right
the agent, once nothing is expected to come for them any more. So only a few seconds are ever kept.

| a piece                                | is                                                                          |
|----------------------------------------|-----------------------------------------------------------------------------|
| lies behind what was taken             | laid on its track, over what was there                                      |
| begins before that                     | the part that is late is handed out by `take_late`, to be put in afterwards |
| begins before second 0                 | cut                                                                         |
| lies further ahead than `FURTHEST_S`   | dropped: no clock of ours is wrong by so much                               |

Pure: seconds come in, bytes go out.
"""

from dataclasses import dataclass

from backend.audio.g711 import ULAW_SILENCE, encode_ulaw

RATE = 8000
FURTHEST_S = 60.0

LEFT, RIGHT = 0, 1


@dataclass(frozen=True, slots=True)
class Late:
    """μ-law of one side for frames that were taken already."""

    side: int
    frame: int
    encoded: bytes


class TwoTracks:
    """Two tracks that grow at the end and are taken from the front. A frame is one sample of each side."""

    def __init__(self) -> None:
        self._tracks = (bytearray(), bytearray())
        self._late: list[Late] = []
        self.taken = 0
        """Frames that were handed out."""

    @property
    def until_s(self) -> float:
        """Where the longer track ends."""
        return (self.taken + max(len(track) for track in self._tracks)) / RATE

    def put(self, side: int, pcm: bytes, at_s: float) -> None:
        """Lay s16le of LEFT or RIGHT at `at_s`."""
        encoded = encode_ulaw(pcm)
        frame = round(at_s * RATE)
        if frame < 0:
            encoded, frame = encoded[-frame:], 0
        late = self.taken - frame
        if late > 0:
            if encoded:
                self._late.append(Late(side, frame, encoded[:late]))
            encoded, frame = encoded[late:], self.taken
        track, start = self._tracks[side], frame - self.taken
        if not encoded or start > FURTHEST_S * RATE:
            return
        if start > len(track):
            track += ULAW_SILENCE * (start - len(track))
        track[start : start + len(encoded)] = encoded

    def clear(self, side: int, from_s: float) -> None:
        """Nothing of that side is heard from there on. What was handed out already stays."""
        del self._tracks[side][max(0, round(from_s * RATE) - self.taken) :]

    def take(self, until_s: float) -> bytes:
        """Both sides up to there, interleaved; the shorter one is filled up with silence."""
        frames = max(0, round(until_s * RATE) - self.taken)
        both = bytearray(ULAW_SILENCE * (2 * frames))
        for side, track in enumerate(self._tracks):
            there = track[:frames]
            both[side : 2 * len(there) : 2] = there
            del track[:frames]
        self.taken += frames
        return bytes(both)

    def take_late(self) -> list[Late]:
        """What came too late to be part of a stretch; each once."""
        late, self._late = self._late, []
        return late
