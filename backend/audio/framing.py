"""Cut a stream that arrives in pieces of any size into exact 20 ms frames.

Decides only where the cuts are. Feed bytes of one encoding; the silence byte of that encoding fills up the last frame
when the stream ends, because what a carrier does with less than 20 ms is not documented.
"""

FRAME_MS = 20
FRAMES_PER_S = 1000 // FRAME_MS


def frame_bytes(sample_rate: int, bytes_per_sample: int) -> int:
    """Bytes in one frame: 160 for the telephone's encodings, 320 for s16le at 8 kHz."""
    size, rest = divmod(sample_rate * bytes_per_sample, FRAMES_PER_S)
    if rest:
        raise ValueError(f"{sample_rate} Hz does not divide into {FRAME_MS} ms frames")
    return size


class Framer:
    """Holds at most one frame less a byte between calls."""

    def __init__(self, size: int, silence: bytes = b"\x00") -> None:
        if size <= 0 or size % len(silence):
            raise ValueError(f"a frame of {size} bytes cannot be filled with {len(silence)}-byte silence")
        self._size = size
        self._silence = silence
        self._rest = b""

    def push(self, chunk: bytes) -> list[bytes]:
        """The frames that this chunk completes."""
        size = self._size
        if not self._rest and len(chunk) == size:  # the carrier's own frames: nothing to do
            return [bytes(chunk)]
        data = self._rest + chunk
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        return [data[i : i + size] for i in range(0, whole, size)]

    def flush(self) -> bytes:
        """What is left, padded with silence to one frame; b"" when nothing is left."""
        rest, self._rest = self._rest, b""
        if not rest:
            return b""
        pattern = self._silence * (self._size // len(self._silence))
        return rest + pattern[len(rest) :]

    def take(self) -> bytes:
        """What is left, as it is: less than a frame. For a receiver that takes any length."""
        rest, self._rest = self._rest, b""
        return rest

    def clear(self) -> None:
        """Forget what is left: the speech it belonged to was cut off."""
        self._rest = b""
