"""One call over a line of `echo_paths.py`: the real ear, the real detector, the real guard, on a clock of its own."""

import time
from dataclasses import dataclass, field

from backend.audio import g711
from backend.audio.echo import EchoGuard
from backend.call.events import Event, SpeechEnded, SpeechLasted, SpeechStarted
from backend.engines.vad_silero import SileroVad
from backend.session.ear import Ear
from tests.audio.echo_paths import RATE, Line
from tests.fakes.fake_clock import FakeClock

FRAME = 160
PIECE = 1600
AHEAD_S = 0.8
BEGAN_AT = 100.0


@dataclass(slots=True)
class Heard:
    """What the ear told, and when, in seconds since the call began."""

    events: list[tuple[float, Event]] = field(default_factory=list)
    guard: EchoGuard = field(default_factory=EchoGuard)
    ear_cpu_s: float = 0.0
    seconds: float = 0.0

    def told(self) -> list[str]:
        short = {SpeechStarted: "began", SpeechLasted: "lasted", SpeechEnded: "ended"}
        return [short[type(event)] for _, event in self.events]  # type: ignore[index]

    def starts(self) -> list[tuple[float, float]]:
        """When each beginning was told, and when it was by itself."""
        return [(told_s, event.at - BEGAN_AT) for told_s, event in self.events if isinstance(event, SpeechStarted)]


def listen(vad: SileroVad, line: Line, *, is_guarded: bool = True, lasted_s: float | None = None) -> Heard:
    """The whole call. Pieces of 200 ms are given to the guard up to a second ahead, as the stream's delivery does."""
    heard, clock = Heard(), FakeClock(BEGAN_AT)
    ear = Ear(
        vad,
        "PCMU",
        clock,
        lambda event: heard.events.append((clock.monotonic() - BEGAN_AT, event)),
        lasted_s=lasted_s,
        echo_guard=heard.guard if is_guarded else None,
    )
    theirs = g711.encode_ulaw(line.heard)
    sent = 0
    for start in range(0, len(theirs) - FRAME + 1, FRAME):
        while sent < len(line.played) and sent / RATE < start / RATE + AHEAD_S:
            heard.guard.played(line.played[sent : sent + PIECE].tobytes(), BEGAN_AT + sent / RATE)
            sent += PIECE
        clock.advance(FRAME / RATE)
        ear.on_audio(theirs[start : start + FRAME])
        vad.step()
        began = time.thread_time()
        ear.report()
        heard.ear_cpu_s += time.thread_time() - began
    ear.close()
    heard.seconds = len(theirs) / RATE
    return heard
