"""backend/audio/echo.py, by itself and in the ear. Many more lines: `python -m tests.bench echo`."""

import numpy as np
import pytest

from backend.audio.echo import LONGEST_DELAY_S, WINDOW_S, EchoGuard, Verdict
from backend.engines.vad_silero import SileroVad
from tests.audio.echo_call import listen
from tests.audio.echo_paths import KINDS, make_line


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad(capacity=4)


@pytest.mark.parametrize("seed", range(2 * len(KINDS)), ids=lambda seed: f"{KINDS[seed % len(KINDS)]}-{seed}")
def test_our_own_voice_does_not_interrupt(vad: SileroVad, seed: int) -> None:
    """Whatever the line does to it; without the guard it would, on every one of these lines."""
    line = make_line(seed, gain_db=-15.0 - seed)

    assert listen(vad, line).told() == []
    assert "began" in listen(vad, line, is_guarded=False).told()


@pytest.mark.parametrize("seed", range(2 * len(KINDS)), ids=lambda seed: f"{KINDS[seed % len(KINDS)]}-{seed}")
def test_a_caller_who_talks_over_the_echo_is_heard(vad: SileroVad, seed: int) -> None:
    """Within 0.3 s, and with the instant at which they began."""
    line = make_line(1000 + seed, caller_talks=True)
    heard = listen(vad, line)
    assert line.caller_at_s is not None

    told_s, began_s = heard.starts()[0]
    assert 0 <= told_s - line.caller_at_s <= 0.3
    assert began_s == pytest.approx(line.caller_at_s, abs=0.2)
    assert heard.told()[:2] == ["began", "ended"]


@pytest.mark.parametrize("seed", range(3))
def test_on_a_line_without_echo_the_caller_is_heard_at_once(vad: SileroVad, seed: int) -> None:
    """While we speak: the guard asks twice, 32 ms apart."""
    line = make_line(2000 + seed, caller_talks=True, gain_db=-90)
    heard = listen(vad, line)
    assert line.caller_at_s is not None

    told_s, began_s = heard.starts()[0]
    assert told_s - line.caller_at_s <= 0.3
    assert began_s == pytest.approx(line.caller_at_s, abs=0.1)


def quiet_so_far(guard: EchoGuard, ours: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    """Two seconds in which nothing of ours came back, from second 10 on; returns when they are over."""
    guard.played(ours[:4000].tobytes(), 10.0)
    hiss = np.random.default_rng(9).normal(0, 10, 16000).astype(np.int16)
    for start in range(0, len(hiss), 160):
        guard.played(ours[4000 + start : 4160 + start].tobytes(), 10.5 + start / 8000)
        guard.heard(hiss[start : start + 160].tobytes(), 10.0 + (start + 160) / 8000)
    return 12.0


def test_on_a_line_that_was_quiet_so_far_nobody_waits_for_the_guard() -> None:
    """After 32 ms of a sound, where it would not have said anything for 96 ms and more."""
    guard, dice = EchoGuard(), np.random.default_rng(1)
    now = quiet_so_far(guard, dice.normal(0, 3000, 24000).astype(np.int16))
    guard.heard(dice.normal(0, 1000, 256).astype(np.int16).tobytes(), now + 0.032)

    assert guard.judge(now, now + 0.032, now + 0.032) is Verdict.TOO_LOUD
    assert not guard.is_plainly_ours(now, now + 0.032) and guard.searches == 1


def test_a_line_that_begins_to_echo_is_noticed_and_nothing_is_too_loud_from_then_on() -> None:
    """By two questions that find the same delay, within a third of a second."""
    guard, dice = EchoGuard(), np.random.default_rng(1)
    ours = dice.normal(0, 3000, 32000).astype(np.int16)
    now = quiet_so_far(guard, ours)
    guard.played(ours[20000:].tobytes(), 12.5)
    found = []
    for start in range(0, 2560, 320):
        guard.heard((0.3 * ours[16000 + start - 1600 : 16320 + start - 1600]).astype(np.int16).tobytes(), now + 0.04)
        now += 0.04
        if not start:
            assert guard.judge(12.0, now, now) is Verdict.TOO_LOUD
        found.append(guard.is_plainly_ours(12.0, now))

    assert found[0] is False and True in found
    assert guard.delay_s == pytest.approx(0.2, abs=0.006)
    guard.speech_began()
    assert guard.judge(12.1, now, now) is Verdict.ECHO


def test_a_line_whose_delay_jumps_still_echoes(vad: SileroVad) -> None:
    """Frames that are lost make the echo come earlier: it is found again."""
    line = make_line(6, gain_db=-18, delay_s=0.4, lost_frames=5)
    heard = listen(vad, line)

    assert heard.told() == []
    assert heard.guard.delay_s == pytest.approx(0.3, abs=0.01)


def test_what_lasts_is_counted_from_the_callers_own_beginning(vad: SileroVad) -> None:
    """Not from that of the echo before it."""
    line = make_line(1000, caller_talks=True)
    heard = listen(vad, line, lasted_s=0.3)
    told = dict(zip(heard.told(), heard.events, strict=False))
    assert line.caller_at_s is not None

    assert heard.told()[:2] == ["began", "lasted"]
    assert told["lasted"][0] - line.caller_at_s >= 0.25


def test_while_nothing_was_played_nothing_is_computed() -> None:
    """Long after our last word, and before the first."""
    guard = EchoGuard()
    noise = np.random.default_rng(0).normal(0, 3000, 4000).astype(np.int16).tobytes()
    guard.heard(noise, 10.0)
    assert not guard.may_echo(10.0) and guard.judge(9.6, 10.0, 10.0) is Verdict.CALLER

    guard.played(noise, 10.0)
    ends = 10.5 + LONGEST_DELAY_S + WINDOW_S
    assert guard.may_echo(ends - 0.01) and not guard.may_echo(ends)
    assert guard.searches == 0


def test_what_was_thrown_away_cannot_echo() -> None:
    """After a `clear` the rest of what was sent is not played."""
    guard = EchoGuard()
    guard.played(b"\x00\x10" * 8000, 10.0)
    guard.cleared(10.2)

    assert guard.may_echo(11.1) and not guard.may_echo(11.3)


def test_too_little_sound_is_not_judged() -> None:
    """Nor is a sound that is over already: the window would hold what came after it."""
    guard = EchoGuard()
    noise = np.random.default_rng(0).normal(0, 3000, 4000).astype(np.int16).tobytes()
    guard.played(noise, 9.5)
    guard.heard(noise, 10.0)

    assert guard.judge(9.95, 10.0, 10.0) is Verdict.UNSURE
    assert guard.judge(9.6, 9.8, 10.0) is Verdict.UNSURE
    assert guard.searches == 0


def test_three_doubts_in_a_row_are_a_caller_and_a_new_speech_begins_without_any() -> None:
    """One could be a gap in the echo, two a frame that got lost."""
    guard, dice = EchoGuard(), np.random.default_rng(1)
    guard.played(dice.normal(0, 3000, 16000).astype(np.int16).tobytes(), 9.0)
    guard.heard(dice.normal(0, 3000, 4000).astype(np.int16).tobytes(), 10.0)

    assert [guard.judge(9.6, 10.0, 10.0) for _ in range(3)] == [Verdict.UNSURE, Verdict.UNSURE, Verdict.CALLER]
    guard.speech_began()
    assert guard.judge(9.6, 10.0, 10.0) is Verdict.UNSURE


class Straight:
    """A guard on a line that gives ours back 0.2 s later, a tenth as loud: noise, judged 25 times a second."""

    def __init__(self) -> None:
        self.guard = EchoGuard()
        self.ours = np.random.default_rng(3).normal(0, 5000, 48000).astype(np.int16)
        self.guard.played(self.ours[:8000].tobytes(), 10.0)
        self.at = 0

    def hear(self, seconds: float, delay_s: float = 0.2, gain: float = 0.1, caller_rms: float = 0.0) -> list[Verdict]:
        verdicts = []
        caller = np.random.default_rng(4)
        for _ in range(round(seconds / 0.04)):
            place = self.at - round(delay_s * 8000)
            echo = np.zeros(320) if place < 0 else gain * self.ours[place : place + 320]
            sound = echo + caller.normal(0, caller_rms, 320)
            self.guard.played(self.ours[8000 + self.at : 8320 + self.at].tobytes(), 11.0 + self.at / 8000)
            self.at += 320
            now = 10.0 + self.at / 8000
            self.guard.heard(sound.astype(np.int16).tobytes(), now)
            verdicts.append(self.guard.judge(10.2, now, now))
        return verdicts


def test_once_the_line_is_known_a_caller_is_told_from_their_echo_within_a_few_frames() -> None:
    """Their voice is more than the line makes of ours."""
    line = Straight()
    assert line.hear(1.0)[-1] is Verdict.ECHO

    assert Verdict.CALLER in line.hear(0.16, caller_rms=1500)


def test_frames_lost_later_do_not_make_a_caller() -> None:
    """The same line, 80 ms earlier: below zero, too, for it is counted in samples."""
    for before_s, after_s in ((0.2, 0.12), (0.05, -0.03)):
        line = Straight()
        assert line.hear(1.0, before_s)[-1] is Verdict.ECHO

        assert Verdict.CALLER not in line.hear(1.0, after_s)
        assert line.guard.delay_s == pytest.approx(after_s, abs=0.01)


def test_a_line_that_changes_is_learned_again() -> None:
    """A loudspeaker switched on, ten times as loud and its sign turned: one mistake at most, then it is an echo again."""
    line = Straight()
    line.hear(1.0)
    line.hear(0.5, gain=-1.0)
    line.guard.speech_began()

    assert set(line.hear(1.0, gain=-1.0)) == {Verdict.ECHO}


def test_a_sound_that_is_over_is_judged_where_it_was() -> None:
    """Its end is known a quarter of a second later; then there is no more time to be unsure."""
    sound = np.random.default_rng(5).normal(0, 3000, 800).astype(np.int16)
    for heard, expected in ((sound, Verdict.ECHO), (sound[::-1], Verdict.CALLER)):
        guard = EchoGuard()
        guard.played(np.concatenate((np.zeros(1600), sound, np.zeros(4000))).astype(np.int16).tobytes(), 10.0)
        theirs = np.concatenate((np.zeros(2000), 0.3 * heard, np.zeros(2400))).astype(np.int16)
        guard.heard(theirs.tobytes(), 10.0 + len(theirs) / 8000)

        assert guard.judge(10.25, 10.35, 10.65, is_over=True) is expected


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.3, 0.7])
def test_the_delay_is_found_across_the_ring_and_pieces_of_any_length(delay_s: float) -> None:
    """Played in uneven pieces, a long time after the clock's zero."""
    guard, dice = EchoGuard(), np.random.default_rng(2)
    ours = dice.normal(0, 4000, 24000).astype(np.int16)
    place, at = 0, 5000.0
    while place < len(ours):
        length = int(dice.integers(200, 1500))
        guard.played(ours[place : place + length].tobytes(), at + place / 8000 + dice.uniform(-0.004, 0.004))
        place += length
    shift = round(delay_s * 8000)
    theirs = (0.1 * ours[8000 - shift : 16000 - shift]).astype(np.int16)
    for start in range(0, 8000, 160):
        guard.heard(theirs[start : start + 160].tobytes(), at + 1 + (start + 160) / 8000)
    verdicts = [guard.judge(at + 1.5, at + 2, at + 2) for _ in range(2)]

    assert verdicts == [Verdict.ECHO, Verdict.ECHO]
    assert guard.delay_s == pytest.approx(delay_s, abs=0.006) and guard.explained > 0.8
