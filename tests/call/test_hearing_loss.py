"""When a recogniser counts as dead, away and back: the tables of hearing_loss.py."""

from collections.abc import Callable

import pytest

from backend.call.hearing_loss import (
    AWAY_AFTER_S,
    OPEN_AGAIN_S,
    OPEN_WITHIN_S,
    PAUSE_S,
    REOPEN_AFTER_S,
    SIGN_WITHIN_S,
    STILL_S,
    STRIKES,
    WINDOW_S,
    WORDLESS_S,
    HearingLoss,
    HearingStep,
)

OPEN, CLOSE, LOST, AWAY, BACK = HearingStep
START = 100.0
STEP_S = 0.02
Fact = Callable[[HearingLoss, float], None]


class Ward:
    """A machine and its clock. `run` looks at it fifty times a second, as the worker does, and obeys OPEN if told so."""

    def __init__(self, *, tells_progress: bool = True) -> None:
        self.loss = HearingLoss(tells_progress=tells_progress)
        self.now = START
        self.told: list[tuple[float, HearingStep]] = []
        self.opens = True
        """Openings succeed at once."""
        self.loss.start(self.now)
        self.run(STEP_S)

    def run(self, seconds: float, each: Fact = lambda loss, now: None) -> list[tuple[float, HearingStep]]:
        """What was told meanwhile, in seconds from its beginning."""
        began_at, first = self.now, len(self.told)
        while self.now < began_at + seconds - 1e-9:
            each(self.loss, self.now)
            for step in self.loss.due(self.now):
                self.told.append((round(self.now - began_at, 2), step))
                if step is OPEN and self.opens:
                    self.loss.opened(self.now)
            self.now += STEP_S
        return self.told[first:]

    def refuse(self, loss: HearingLoss, now: float) -> None:
        """Every opening under way fails."""
        if not loss.is_open:
            loss.closed(now, retryable=True)


def tick(now: float, period_s: float) -> int:
    """Steps since the period's beginning."""
    return round((now - START) / STEP_S) % round(period_s / STEP_S)


def alive(loss: HearingLoss, now: float) -> None:
    """Audio flows and is recognised; the sidecar says so each second."""
    loss.fed(STEP_S, now)
    if tick(now, 1.0) == 0:
        loss.progressed(now - START, now)


def test_a_healthy_stream_is_opened_once_and_left_alone() -> None:
    """A minute, with a voice and its words every few seconds."""
    ward = Ward()

    def talk(loss: HearingLoss, now: float) -> None:
        alive(loss, now)
        if tick(now, 5.0) == 1:
            loss.voice_started(now)
        elif tick(now, 5.0) == 100:
            loss.voice_ended(now)
            loss.words_heard(now)

    assert ward.told == [(0.0, OPEN)] and ward.run(60.0, talk) == [(0.0, BACK)]


def test_no_sign_of_life_is_noticed_within_three_seconds() -> None:
    """Also while nobody says anything: the next words must not be lost."""
    ward = Ward()
    ward.run(10.0, alive)

    assert ward.run(3.0)[:3] == [(pytest.approx(SIGN_WITHIN_S, abs=1.0), step) for step in (CLOSE, LOST, OPEN)]


def test_signs_of_life_with_audio_that_stands_still_are_noticed_within_three_seconds() -> None:
    """Half dead: its clock ticks, its recogniser does not."""
    ward = Ward()
    ward.run(10.0, alive)

    def stuck(loss: HearingLoss, now: float) -> None:
        loss.fed(STEP_S, now)
        loss.progressed(9.9, now)

    told = ward.run(3.2, stuck)

    assert [step for _, step in told[:2]] == [CLOSE, LOST]
    assert told[0][0] == pytest.approx(STILL_S + 0.5, abs=0.1)


def test_a_line_without_audio_is_no_failure_of_the_recogniser() -> None:
    """Nothing goes in, so nothing can come out."""
    ward = Ward()
    ward.run(10.0, alive)

    assert ward.run(20.0, lambda loss, now: loss.progressed(10.0, now)) == []


def test_the_rest_of_a_chunk_that_waits_for_a_line_that_pauses_is_no_failure() -> None:
    """Nor is it one in the moment in which the line goes on."""
    ward = Ward()
    ward.run(10.0, alive)
    ward.loss.fed(0.9, ward.now)
    assert ward.run(20.0, lambda loss, now: loss.progressed(10.0, now)) == []
    ward.loss.fed(STEP_S, ward.now)

    assert ward.run(STILL_S - 0.1, lambda loss, now: loss.progressed(10.0, now)) == []


def test_voice_without_words_is_noticed_when_it_adds_up_to_three_seconds() -> None:
    """Energy but no text; short pauses do not start it again."""
    ward = Ward()

    def mumble(loss: HearingLoss, now: float) -> None:
        alive(loss, now)
        if tick(now, 1.5) == 1:
            loss.voice_started(now)
        elif tick(now, 1.5) == 53:
            loss.voice_ended(now)

    told = ward.run(6.0, mumble)

    assert [step for _, step in told[:4]] == [BACK, CLOSE, LOST, OPEN]
    assert told[1][0] == pytest.approx(WORDLESS_S + 1.0, abs=0.15)


def test_a_cough_now_and_then_is_no_voice_without_words() -> None:
    """Half a second in every four: never three within the window."""
    ward = Ward()

    def cough(loss: HearingLoss, now: float) -> None:
        alive(loss, now)
        if tick(now, 4.0) == 1:
            loss.voice_started(now)
        elif tick(now, 4.0) == 26:
            loss.voice_ended(now)

    assert WINDOW_S == 8 and ward.run(60.0, cough) == [(0.0, BACK)]


def test_a_voice_that_nobody_understands_costs_two_streams_and_not_one_every_three_seconds() -> None:
    """After the second strike somebody else hears, for the rest of the call."""
    ward = Ward()
    ward.loss.voice_started(ward.now)

    told = ward.run(60.0, alive)

    assert [step for _, step in told] == [BACK, CLOSE, LOST, OPEN, BACK, CLOSE, LOST, AWAY] and STRIKES == 2


def test_words_take_the_strikes_back() -> None:
    """A recogniser that is lost once an hour stays in use."""
    ward = Ward()
    for _ in range(5):
        ward.loss.voice_started(ward.now)
        ward.run(1.0, alive)
        ward.loss.closed(ward.now, retryable=True)
        ward.loss.voice_ended(ward.now)
        assert [step for _, step in ward.run(1.0, alive)] == [LOST, OPEN, BACK]
        ward.loss.words_heard(ward.now)


def test_streams_lost_in_a_silence_are_no_strikes() -> None:
    """A sidecar that is restarted while nobody speaks costs nothing."""
    ward = Ward()
    for _ in range(5):
        ward.run(1.0, alive)
        ward.loss.closed(ward.now, retryable=True)

        assert [step for _, step in ward.run(1.0, alive)] == [LOST, OPEN, BACK]


@pytest.mark.parametrize(("voice_s", "is_lost"), [(0.0, False), (0.2, False), (0.4, True)])
def test_a_voice_that_brought_no_words_is_lost_with_the_stream(voice_s: float, is_lost: bool) -> None:
    """A click was no word."""
    ward = Ward()
    ward.run(10.0, alive)
    if voice_s:
        ward.loss.voice_started(ward.now - voice_s)
        ward.loss.voice_ended(ward.now)
    ward.loss.closed(ward.now, retryable=True)

    assert ward.run(STEP_S)[0][1] is LOST and ward.loss.is_voice_lost(ward.now) is is_lost


def test_openings_that_fail_are_repeated_with_a_growing_pause_and_somebody_else_hears_meanwhile() -> None:
    """AWAY is told once; the last pause repeats."""
    ward = Ward()
    ward.opens = False
    ward.loss.closed(ward.now, retryable=True)

    told = ward.run(9.0, ward.refuse)
    opened_at = [at for at, step in told if step is OPEN]

    assert [step for _, step in told if step is not OPEN] == [LOST, AWAY]
    assert dict((step, at) for at, step in told)[AWAY] == pytest.approx(AWAY_AFTER_S, abs=0.03)
    pauses = [later - sooner for sooner, later in zip(opened_at, opened_at[1:], strict=False)]
    assert pauses[:5] == pytest.approx([*OPEN_AGAIN_S[1:], OPEN_AGAIN_S[-1]], abs=0.05)


def test_an_opening_that_hangs_is_given_up() -> None:
    """The engine's own time-outs should have come first."""
    ward = Ward()
    ward.opens = False
    ward.loss.closed(ward.now, retryable=True)

    told = ward.run(OPEN_WITHIN_S + 0.5)

    assert [step for _, step in told] == [LOST, OPEN, AWAY, CLOSE, OPEN]
    assert told[3][0] == pytest.approx(OPEN_WITHIN_S, abs=0.03)


def test_after_away_it_is_back_in_a_pause_of_the_caller() -> None:
    """The words before the pause are the other recogniser's."""
    ward = Ward()
    ward.opens = False
    ward.loss.closed(ward.now, retryable=True)
    ward.loss.voice_started(ward.now)
    ward.run(3.0, ward.refuse)
    ward.opens = True
    told = ward.run(4.0, alive)
    assert OPEN in [step for _, step in told] and BACK not in [step for _, step in told]
    ward.loss.voice_ended(ward.now)
    ward.loss.words_heard(ward.now)

    assert ward.run(3.0, alive) == [(pytest.approx(PAUSE_S, abs=0.03), BACK)]


def test_an_error_that_no_other_try_mends_ends_it_for_this_call() -> None:
    """A wrong token stays wrong."""
    ward = Ward()
    ward.loss.closed(ward.now, retryable=False)

    assert [step for _, step in ward.run(60.0)] == [LOST, AWAY]


def test_an_interruption_closes_and_opens_after_200_ms_and_is_no_loss() -> None:
    """Nobody is told."""
    ward = Ward()
    ward.run(2.0, alive)
    ward.loss.interrupted(ward.now)

    assert ward.run(2.0, alive) == [(0.0, CLOSE), (pytest.approx(REOPEN_AFTER_S, abs=0.03), OPEN)]


def test_an_interruption_without_a_stream_changes_nothing() -> None:
    """The attempts go on as they were."""
    ward = Ward()
    ward.opens = False
    ward.loss.closed(ward.now, retryable=True)
    ward.run(1.0, ward.refuse)
    ward.loss.interrupted(ward.now)

    assert CLOSE not in [step for _, step in ward.run(2.0, ward.refuse)]


def test_an_engine_that_tells_nothing_is_only_lost_when_it_says_so() -> None:
    """An utterance at a time: no words while somebody speaks is its normal way."""
    ward = Ward(tells_progress=False)
    ward.loss.voice_started(ward.now)

    assert ward.run(30.0, lambda loss, now: loss.fed(STEP_S, now)) == [(0.0, BACK)]
    ward.loss.closed(ward.now, retryable=True)
    assert [step for _, step in ward.run(1.0)] == [LOST, OPEN, BACK]


def test_a_late_ready_of_a_stream_that_was_closed_is_ignored() -> None:
    """The next one will say so itself."""
    ward = Ward()
    ward.loss.interrupted(ward.now)
    ward.loss.opened(ward.now)

    assert not ward.loss.is_open
