"""A recogniser that writes down what it is fed and says what the test tells it to: `stt.stream.say("two pizzas")`."""

from collections.abc import Sequence

from backend.engines.base import SttListener, Transcript
from backend.errors import EngineFailed


class FakeSttStream:
    """An `SttStream`. Nothing happens by itself."""

    def __init__(self, listener: SttListener, sample_rate: int, language: str) -> None:
        self.listener = listener
        self.sample_rate = sample_rate
        self.language = language
        self.fed = b""
        self.edges: list[tuple[bool, float]] = []
        """(speech began, seconds fed by then)"""
        self.is_open = True

    @property
    def fed_s(self) -> float:
        return len(self.fed) / 2 / self.sample_rate

    # --- the contract ---

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    def speech_started(self) -> None:
        self.edges.append((True, round(self.fed_s, 3)))

    def speech_ended(self) -> None:
        self.edges.append((False, round(self.fed_s, 3)))

    def close(self) -> None:
        self.is_open = False

    # --- for the test ---

    def ready(self) -> None:
        self.listener.on_ready()

    def say(
        self, text: str, *, is_final: bool = True, start_s: float | None = None, end_s: float | None = None
    ) -> None:
        self.listener.on_transcript(Transcript(text, is_final, start_s=start_s, end_s=end_s))

    def alive(self) -> None:
        self.listener.on_progress(self.fed_s)

    def fail(self, *, retryable: bool = True) -> None:
        error = EngineFailed("as the test wants it", engine="fake")
        error.retryable = retryable
        self.is_open = False
        self.listener.on_closed(error)


class FakeStt:
    """An `Stt`."""

    def __init__(self, *, tells_progress: bool = True) -> None:
        self.tells_progress = tells_progress
        self.streams: list[FakeSttStream] = []

    def open(self, listener: SttListener, *, sample_rate: int, language: str, call: str = "") -> FakeSttStream:
        self.streams.append(FakeSttStream(listener, sample_rate, language))
        return self.streams[-1]

    @property
    def stream(self) -> FakeSttStream:
        """The latest one."""
        return self.streams[-1]

    @property
    def open_streams(self) -> Sequence[FakeSttStream]:
        return [stream for stream in self.streams if stream.is_open]
