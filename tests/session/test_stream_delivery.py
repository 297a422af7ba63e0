"""backend/session/stream_delivery.py"""

from collections.abc import Iterator

import pytest

from backend.audio import g711
from backend.audio.echo import LONGEST_DELAY_S, EchoGuard
from backend.call.commands import Speak
from backend.call.events import Event, SynthesisFinished, SynthesisStarted
from backend.clock import SystemClock
from backend.engines.base import AudioFrame
from backend.errors import EngineFailed
from backend.session.stream_delivery import AHEAD_S, BREATH_S, StreamDelivery
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_stream import FakeStream
from tests.session.rig import near


def piece(number: int = 1, generation: int = 1) -> Speak:
    return Speak(f"{generation}-{number}", generation, number, "Hello.", "answer")


def frames(*seconds: float, final: bool = True) -> Iterator[AudioFrame]:
    for number, length in enumerate(seconds):
        yield AudioFrame(b"\x00\x10" * int(8000 * length), 8000, number, final and number == len(seconds) - 1)


class Way:
    def __init__(self, encoding: str = "PCMU", clock: FakeClock | SystemClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.stream = FakeStream(self.clock, encoding=encoding)
        self.posted: list[Event] = []
        self.delivery = StreamDelivery(self.stream, self.clock, self.posted.append)


def test_the_mark_stands_behind_the_last_frame() -> None:
    """So it comes back when all of the piece was played."""
    way = Way()
    way.delivery.deliver(piece(), frames(0.1, 0.2))

    assert way.stream.sent == [("audio", "0.100"), ("audio", "0.200"), ("mark", "1-1")]
    assert way.posted == [SynthesisStarted("1-1", 1), SynthesisFinished("1-1", 1, near(0.3))]


@pytest.mark.parametrize(("encoding", "encode"), [("PCMU", g711.encode_ulaw), ("PCMA", g711.encode_alaw)])
def test_audio_is_sent_in_the_streams_own_encoding(encoding: str, encode: object) -> None:
    """A-law in, A-law out."""
    way = Way(encoding)
    way.delivery.deliver(piece(), frames(0.02))

    assert way.stream.audio == encode(b"\x00\x10" * 160)  # type: ignore[operator]


def test_a_breath_is_taken_between_pieces_without_a_pause_only() -> None:
    """The voice's own silence was trimmed; after a real pause none is needed."""
    way = Way()
    way.delivery.deliver(piece(1), frames(0.1))
    way.delivery.deliver(piece(2), frames(0.1))
    assert isinstance(way.clock, FakeClock)
    way.clock.advance(5)
    way.delivery.deliver(piece(3), frames(0.1))
    sent = [seconds for kind, seconds in way.stream.sent if kind == "audio"]

    assert sent == ["0.100", f"{BREATH_S:.3f}", "0.100", "0.100"]


def test_the_breath_counts_as_part_of_the_piece_behind_it() -> None:
    """The carrier plays it right behind the audio before: what is reported is what keeps the line busy."""
    way = Way()
    for number in (1, 2, 3):
        way.delivery.deliver(piece(number), frames(0.1))
    reported = [event.duration_s for event in way.posted if isinstance(event, SynthesisFinished)]

    assert reported == [pytest.approx(0.1), pytest.approx(0.1 + BREATH_S), pytest.approx(0.1 + BREATH_S)]
    assert sum(reported) == pytest.approx(way.stream.seconds_sent)


def test_a_mark_stands_behind_what_was_sent_of_a_broken_piece() -> None:
    """If anything was: a mark behind nothing would say that something was heard."""
    way = Way()
    with pytest.raises(EngineFailed):
        way.delivery.deliver(piece(), frames(0.1, final=False))
    assert way.delivery.broke_off(piece()) and way.stream.sent == [("audio", "0.100"), ("mark", "1-1")]

    with pytest.raises(EngineFailed):
        way.delivery.deliver(piece(2), iter(()))
    assert not way.delivery.broke_off(piece(2)) and way.stream.marks() == ["1-1"]


def test_at_most_a_second_lies_at_the_carrier() -> None:
    """A barge-in throws little away: the third half second waits until there is room."""
    clock = SystemClock()
    way = Way(clock=clock)
    sent_at: list[float] = []
    send = way.stream.send_audio
    way.stream.send_audio = lambda encoded: (sent_at.append(clock.monotonic()), send(encoded))[1]  # type: ignore[method-assign,func-returns-value]
    way.delivery.deliver(piece(), frames(0.5, AHEAD_S - 0.5, 0.1))

    assert sent_at[1] - sent_at[0] < 0.05
    assert 0.09 <= sent_at[2] - sent_at[0] < 0.3


def test_a_piece_without_any_sound_is_over_as_soon_as_it_began() -> None:
    """A text of nothing but punctuation must not wait for audio."""
    way = Way()
    way.delivery.deliver(piece(), frames(0.0))

    assert way.stream.sent == [("mark", "1-1")]
    assert way.posted == [SynthesisStarted("1-1", 1), SynthesisFinished("1-1", 1, 0.0)]


def test_an_empty_last_frame_does_not_begin_the_piece_twice() -> None:
    """Nor does an empty first one."""
    way = Way()
    way.delivery.deliver(piece(), frames(0.0, 0.1, 0.0))

    assert way.stream.sent == [("audio", "0.100"), ("mark", "1-1")] and len(way.posted) == 2


def test_after_a_stop_an_older_piece_sends_and_posts_nothing_more() -> None:
    """Whatever its voice still brings."""
    way = Way()

    def interrupted() -> Iterator[AudioFrame]:
        yield from frames(0.1, final=False)
        way.delivery.stop_sending(2)
        way.delivery.clear(2)
        yield from frames(0.1, 0.1)

    way.delivery.deliver(piece(), interrupted())
    way.delivery.deliver(piece(2, generation=2), frames(0.1))

    assert way.stream.sent == [("audio", "0.100"), ("clear", ""), ("audio", "0.100"), ("mark", "2-2")]
    assert [type(event).__name__ for event in way.posted] == [
        "SynthesisStarted", "SynthesisStarted", "SynthesisFinished",
    ]  # fmt: skip


def test_frames_that_end_without_a_last_one_are_a_failure() -> None:
    """A voice that was cancelled or broke off must not count as spoken to the end."""
    way = Way()
    with pytest.raises(EngineFailed):
        way.delivery.deliver(piece(), frames(0.1, final=False))

    assert way.stream.marks() == [] and way.delivery.sent_s == pytest.approx(0.1)
    with pytest.raises(EngineFailed):
        way.delivery.deliver(piece(2), iter(()))
    assert way.delivery.sent_s == 0.0


def test_the_echo_guard_learns_what_is_played_and_when() -> None:
    """Piece behind piece as the carrier plays them, and not what a stop threw away."""
    clock, guard = FakeClock(), EchoGuard()
    delivery = StreamDelivery(FakeStream(clock), clock, lambda event: None, guard)
    began = clock.monotonic()
    delivery.deliver(piece(1), frames(0.2, 0.3))
    assert guard.may_echo(began + 0.5 + LONGEST_DELAY_S) and not guard.may_echo(began + 0.8 + LONGEST_DELAY_S)

    clock.advance(0.1)
    delivery.clear(2)

    assert not guard.may_echo(began + 0.4 + LONGEST_DELAY_S)
