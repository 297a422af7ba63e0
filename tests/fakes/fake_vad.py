"""A voice activity detector that finds what the test puts into it: `vad.streams[0].find(SpeechEdge(True, 0.4))`."""

from backend.engines.base import SpeechEdge


class FakeVadStream:
    """A `VadStream`. Edges come out after the next step."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.pushed = b""
        self.is_open = True
        self.speech_until_s: float | None = None
        """What the test sets."""
        self._coming: list[SpeechEdge] = []
        self._found: list[SpeechEdge] = []

    def find(self, *edges: SpeechEdge) -> None:
        """The next step finds these."""
        self._coming.extend(edges)

    def step(self) -> None:
        self._found += self._coming
        self._coming = []

    def push(self, pcm: bytes) -> None:
        self.pushed += pcm

    def edges(self) -> list[SpeechEdge]:
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        self.is_open = False


class FakeVad:
    """A `Vad`."""

    def __init__(self) -> None:
        self.streams: list[FakeVadStream] = []
        self.steps = 0

    @property
    def open_slots(self) -> int:
        return sum(stream.is_open for stream in self.streams)

    def open(self, sample_rate: int = 8000) -> FakeVadStream:
        self.streams.append(FakeVadStream(sample_rate))
        return self.streams[-1]

    def step(self) -> None:
        self.steps += 1
        for stream in self.streams:
            if stream.is_open:
                stream.step()
