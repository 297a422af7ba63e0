"""backend/audio/echo_limit.py"""

import numpy as np
import pytest

from backend.audio.echo_limit import EchoLimit
from backend.audio.silence import Samples

LONGEST, SHORTEST = 6000, -800
PIECE = EchoLimit.piece


def noise(seed: int, count: int, rms: float) -> Samples:
    return np.random.default_rng(seed).normal(0, rms, count).astype(np.int16)


class Call:
    """Ours is noise of 3000 all the time; theirs is `gain` of it, `delay` samples later, over a hiss of 10."""

    def __init__(self) -> None:
        self.limit = EchoLimit(LONGEST, SHORTEST)
        self.ours = noise(1, 20 * PIECE, 3000)
        self.at = PIECE

    def window(self, count: int) -> Samples:
        return self.ours[self.at - LONGEST - count : self.at - SHORTEST]

    def hear(self, gain: float, delay: int = 1600, caller_rms: float = 0.0) -> None:
        self.at += PIECE
        echo = gain * self.ours[self.at - delay - PIECE : self.at - delay]
        theirs = echo + noise(2, PIECE, 10) + (noise(3, PIECE, caller_rms) if caller_rms else 0)
        self.limit.take(theirs.astype(np.int16), self.window(PIECE))

    def is_above(self, rms: float) -> bool:
        return self.limit.is_above(noise(4, 800, rms), self.window(800))


def test_nothing_is_too_loud_before_anything_of_ours_could_come_back() -> None:
    """As long as the longest delay has not passed, and after what was learned is forgotten."""
    call = Call()
    assert not call.is_above(20000)
    call.hear(0.0)
    assert call.is_above(2000)
    call.limit.forget()

    assert not call.is_above(20000)


def test_a_line_on_which_nothing_comes_back_gives_back_no_more_than_its_hiss() -> None:
    """10 against 3000; a caller 12 dB above the hiss is no echo, one that is hardly louder may be one."""
    call = Call()
    call.hear(0.0)

    assert call.limit.gain == pytest.approx((10 / 3000) ** 2, rel=0.3)
    assert call.is_above(60) and not call.is_above(25)


@pytest.mark.parametrize("delay", [0, 1600, 5800])
def test_on_a_line_with_an_echo_only_what_is_louder_than_it_is_no_echo(delay: int) -> None:
    """Whatever its delay."""
    call = Call()
    for _ in range(3):
        call.hear(0.1, delay)

    assert call.limit.gain == pytest.approx(0.01, rel=0.3)
    assert not call.is_above(330) and not call.is_above(900)
    assert call.is_above(1500)


def test_a_caller_who_speaks_meanwhile_proves_nothing() -> None:
    """What is known already stays, but for its age; what is not known is not known to be quiet."""
    call = Call()
    call.hear(0.0, caller_rms=3000)
    assert not call.is_above(9000)
    call.hear(0.0)
    known = call.limit.gain
    call.hear(0.0, caller_rms=3000)

    assert call.limit.gain == pytest.approx(1.26 * known, rel=0.01)


def test_a_line_that_was_quiet_long_ago_proves_little_now() -> None:
    """A caller who talks over us all the time: 15 dB are gone."""
    call = Call()
    call.hear(0.0)
    for _ in range(15):
        call.hear(0.0, caller_rms=3000)

    assert not call.is_above(200)


def test_a_line_that_sends_nothing_at_all_ages_like_one_that_hisses() -> None:
    """Nothing at all is not nothing for ever."""
    limit, ours = EchoLimit(LONGEST, SHORTEST), noise(1, PIECE + LONGEST - SHORTEST, 3000)
    limit.take(np.zeros(PIECE, np.int16), ours)

    assert limit.gain == pytest.approx((10 / 3000) ** 2, rel=0.3)


def test_while_ours_is_soft_nothing_is_learned() -> None:
    """Nothing could come back that would be heard."""
    limit = EchoLimit(LONGEST, SHORTEST)
    limit.take(noise(1, PIECE, 10), noise(2, PIECE + LONGEST - SHORTEST, 100))

    assert limit.gain == np.inf
