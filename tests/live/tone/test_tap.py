"""backend/live/tone/tap.py: from frames to what watchers are told."""

from typing import Any

import numpy as np

from backend.live.tone.analyser import InProcess, Judged, Speaker
from backend.live.tone.prosody import Tone
from backend.live.tone.tap import MOST_WAITING, ToneTap
from backend.live.tone.windows import RATE, Window
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.sounds import make_sound
from tests.session.rig import settle

TEXT = "Good morning, I would like to know which bread you have today and until when you are open."


class Said:
    """A session that says the same of every window, and what was asked of it."""

    def __init__(self) -> None:
        self.windows: list[float] = []
        self.closed = 0
        self.bug: Exception | None = None

    def analyse(self, window: Window, speaker: Speaker) -> Judged:
        if self.bug is not None:
            raise self.bug
        self.windows.append(window.at_s)
        return Judged(Tone("calm", 0.7, False), "said")

    def close(self) -> None:
        self.closed += 1


class Call:
    def __init__(self, session: Any = None) -> None:
        self.session = session or Said()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.heard: list[Judged] = []
        self.tap = ToneTap(self.session, lambda *event: self.told.append(event), self.heard.append)

    def caller(self, pcm: bytes, at_s: float = 0.0, *, waits: bool = True) -> float:
        """In frames; returns where it ends."""
        for start in range(0, len(pcm), 320):
            self.tap.caller(pcm[start : start + 320], at_s + start / 2 / RATE)
            if waits:
                settle(2)
        return at_s + len(pcm) / 2 / RATE

    def of(self, name: str) -> list[dict[str, Any]]:
        return [data for told, data in self.told if told == name]


def whole(pcm: bytes) -> bytes:
    """Whole seconds of it."""
    return pcm[: len(pcm) // (2 * RATE) * 2 * RATE]


SPEECH = whole(synthesise(TEXT, "en-us", 160))


def test_each_second_of_the_callers_speech_is_judged_once_and_told() -> None:
    """With its place in the call and who judged."""
    call = Call()
    ends_s = call.caller(SPEECH)
    call.tap.ended()
    settle()

    assert call.session.windows == [float(number) for number in range(round(ends_s))]
    assert call.of("tone")[0] == {
        "speaker": "caller", "label": "calm", "confidence": 0.7, "is_shift": False, "analyser": "said", "at_s": 0.0,
    }  # fmt: skip
    assert len(call.of("tone")) == len(call.heard) == round(ends_s) and call.session.closed == 1


def test_the_in_process_analyser_judges_a_whole_call() -> None:
    """The real one, from frames to events."""
    call = Call(InProcess().open("v3:x", 60.0))
    call.caller(SPEECH)
    call.tap.ended()
    settle()

    assert {data["speaker"] for data in call.of("tone")} == {"caller"} and len(call.of("tone")) >= 4


def test_hold_music_is_told_and_never_judged() -> None:
    """Nobody's tone; and its end when somebody speaks."""
    call = Call()
    at_s = call.caller(make_sound("hold_music", 5.0, -20, 1))
    call.caller(SPEECH, at_s)
    call.tap.ended()
    settle()

    assert [(data["kind"], data["at_s"]) for data in call.of("environment")] == [("hold_music", 2.0), ("", 7.0)]
    assert min(call.session.windows) == 5.0


def test_an_analyser_that_is_too_slow_costs_seconds_and_not_the_memory() -> None:
    """The newest are judged."""
    call = Call()
    call.caller(SPEECH * 2, waits=False)
    call.tap.ended()
    settle()

    assert len(call.session.windows) == MOST_WAITING
    assert call.session.windows[-1] == len(SPEECH * 2) / 2 / RATE - 1


def test_a_bug_costs_the_watchers_only() -> None:
    """The session is closed; what comes later is not kept."""
    call = Call()
    call.session.bug = RuntimeError("bug")
    call.caller(SPEECH)
    call.tap.ended()
    settle()

    assert call.session.closed == 1 and call.of("tone") == [] and np.frombuffer(SPEECH, np.int16).any()
