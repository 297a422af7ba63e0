"""The far end's buffers: real time, marks, clear, the playback queue."""

import numpy as np
import pytest

from backend.rehearsal.carrier.playout import (
    FramePlayed,
    MarkReached,
    Playback,
    PlaybackEnded,
    PlaybackStarted,
    Playout,
    next_slot,
    slot_of,
)

from .product import tone


def frames(events):
    return [event.slot for event in events if isinstance(event, FramePlayed)]


def marks(events):
    return [(event.name, round(event.at, 3)) for event in events if isinstance(event, MarkReached)]


def test_audio_plays_in_real_time_however_fast_it_came():
    """One second sent at once takes fifty slots."""
    playout = Playout(0.0)
    playout.media.push(tone(1.0), 0.0)

    half = playout.advance(0.499)
    rest = playout.advance(2.0)

    assert list(range(25)) == frames(half)
    assert list(range(25, 50)) == frames(rest)


def test_audio_never_plays_before_it_came():
    """A chunk that arrives in the middle of a slot is heard from the next slot on, even when the ticker was late."""
    playout = Playout(0.0)
    playout.media.push(tone(0.02), 0.051)

    assert frames(playout.advance(0.2)) == [3]


def test_a_mark_comes_back_when_the_audio_before_it_is_over():
    """100 ms of audio, a mark, more audio, a mark: each at the end of its own part."""
    playout = Playout(0.0)
    playout.media.push(tone(0.1), 0.0)
    assert not playout.media.mark("first", 0.0)
    playout.media.push(tone(0.05), 0.0)
    assert not playout.media.mark("second", 0.0)

    assert marks(playout.advance(0.099)) == []
    assert marks(playout.advance(0.1)) == [("first", 0.1)]
    assert marks(playout.advance(0.5)) == [("second", 0.16)]


def test_a_mark_comes_back_at_once_when_nothing_plays():
    """An idle stream has played everything before the mark."""
    playout = Playout(0.0)
    playout.advance(0.1)

    assert playout.media.mark("idle", 0.1)


def test_a_mark_waits_for_the_frame_that_is_sounding():
    """The buffer is empty but its last frame is in the caller's ear."""
    playout = Playout(0.0)
    playout.media.push(tone(0.02), 0.0)
    playout.advance(0.0)

    assert not playout.media.mark("soon", 0.01)
    assert marks(playout.advance(0.02)) == [("soon", 0.02)]


def test_clear_returns_all_marks_and_says_what_was_lost():
    """After clear nothing of the queue is heard and no mark comes twice."""
    playout = Playout(0.0)
    playout.media.push(tone(0.5), 0.0)
    playout.media.mark("a", 0.0)
    playout.media.push(tone(0.5), 0.0)
    playout.media.mark("b", 0.0)
    playout.advance(0.1)

    names, dropped_s = playout.media.clear()

    assert names == ["a", "b"]
    assert pytest.approx(dropped_s) == 0.88
    assert playout.advance(2.0) == []
    assert playout.media.mark("after", 2.0)


def test_what_was_played_is_known_to_the_sample():
    """The samples of the stream that were in the caller's ear, without those thrown away and without starved slots."""
    playout = Playout(0.0)
    sound = np.arange(1, 1001, dtype=np.int16)
    playout.media.push(sound[:200], 0.0)
    playout.advance(0.1)
    playout.media.push(sound[200:], 0.1)
    playout.advance(0.13)

    playout.media.clear()
    playout.advance(1.0)

    assert playout.media.played_samples == 360
    assert playout.media.played().tolist() == sound[:360].tolist()


def test_odd_chunks_join_without_a_gap():
    """Chunks of 30 ms are one stream of samples, not frames padded one by one."""
    playout = Playout(0.0)
    sound = np.arange(1, 721, dtype=np.int16)
    for index in range(3):
        playout.media.push(sound[index * 240 : (index + 1) * 240], 0.0)

    heard = np.concatenate([event.pcm for event in playout.advance(1.0)])

    assert sound.tolist() == heard[:720].tolist()
    assert not heard[720:].any()


def test_playbacks_are_heard_one_after_the_other():
    """The second starts when the first is over; both say so."""
    playout = Playout(0.0)
    one, two = Playback("playback", pcm=tone(0.1)), Playback("playback", pcm=tone(0.04))
    playout.playbacks.add(one)
    playout.playbacks.add(two)

    told = [event for event in playout.advance(1.0) if not isinstance(event, FramePlayed)]

    assert [
        PlaybackStarted(one, 0.0),
        PlaybackEnded(one, "completed", 0.1),
        PlaybackStarted(two, 0.1),
        PlaybackEnded(two, "completed", 0.14),
    ] == [
        type(event)(event.playback, *([event.status] if hasattr(event, "status") else []), round(event.at, 3))
        for event in told
    ]


def test_a_playback_that_is_still_fetched_holds_up_the_queue():
    """Order is by command, not by who is loaded first."""
    playout = Playout(0.0)
    slow, ready = Playback("playback"), Playback("playback", pcm=tone(0.02))
    playout.playbacks.add(slow)
    playout.playbacks.add(ready)

    assert playout.advance(0.5) == []
    slow.pcm = tone(0.02)
    started = [event.playback for event in playout.advance(0.7) if isinstance(event, PlaybackStarted)]
    assert [slow, ready] == started


def test_a_failed_playback_ends_without_having_started():
    """The reason is told, the next one is heard."""
    playout = Playout(0.0)
    playout.playbacks.add(Playback("playback", failure=("file_not_found", "HTTP 404")))
    playout.playbacks.add(Playback("playback", pcm=tone(0.02)))

    first, second, *_ = playout.advance(0.5)

    assert (first.status, first.detail) == ("file_not_found", "HTTP 404")
    assert isinstance(second, PlaybackStarted)


def test_stop_current_goes_on_with_the_next():
    """Only the playing one is cancelled."""
    playout = Playout(0.0)
    one, two = Playback("playback", pcm=tone(1)), Playback("playback", pcm=tone(0.1))
    playout.playbacks.add(one)
    playout.playbacks.add(two)
    playout.advance(0.2)

    ended = playout.playbacks.stop("current", "cancelled", 0.2)
    after = [event.playback for event in playout.advance(0.3) if isinstance(event, PlaybackStarted)]

    assert [(one, "cancelled")] == [(event.playback, event.status) for event in ended]
    assert [two] == after


def test_a_loop_repeats_as_often_as_asked():
    """Twice means twice as long, for ever means until stopped."""
    playout = Playout(0.0)
    playout.playbacks.add(Playback("playback", pcm=tone(0.1), loops=2))
    assert len(frames(playout.advance(1.0))) == 10

    playout.playbacks.add(Playback("playback", pcm=tone(0.1), loops=None))
    assert len(frames(playout.advance(2.0))) == 50


def test_stream_and_playback_are_heard_together():
    """Both sources are mixed, and the sum is clipped."""
    playout = Playout(0.0)
    playout.media.push(np.full(160, 30000, dtype=np.int16), 0.0)
    playout.playbacks.add(Playback("playback", pcm=np.full(160, 10000, dtype=np.int16)))

    heard = [event for event in playout.advance(0.0) if isinstance(event, FramePlayed)]

    assert sorted({int(sample) for sample in heard[0].pcm}) == [32767]


@pytest.mark.parametrize(("now", "playing", "following"), [(0.0, 0, 0), (0.02, 1, 1), (0.021, 1, 2), (2.3, 115, 115)])
def test_slots_are_counted_without_rounding_errors(now, playing, following):
    """A time on the grid is its own slot."""
    assert (playing, following) == (slot_of(now), next_slot(now))
