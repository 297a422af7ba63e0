"""What counts as heard: first and last audible sample, pauses, the recording."""

import numpy as np
import pytest

from backend.rehearsal.carrier.hearing import Hearing

from .product import tone


def listen(pcm, first_slot=0):
    hearing = Hearing()
    padded = np.concatenate([pcm, np.zeros(-len(pcm) % 160, dtype=np.int16)])
    for index in range(len(padded) // 160):
        hearing.hear(first_slot + index, padded[index * 160 : (index + 1) * 160])
    return hearing


def silence(seconds):
    return np.zeros(round(8000 * seconds), dtype=np.int16)


def test_padding_is_not_heard():
    """The segment begins and ends with sound, to the sample."""
    hearing = listen(np.concatenate([silence(0.1035), tone(0.25), silence(0.5)]), first_slot=50)

    (segment,) = hearing.all_segments()

    assert pytest.approx(segment.started_at) == 1.1035
    assert pytest.approx(segment.ended_at) == 1.3535
    assert tone(0.25).tobytes() == segment.pcm


def test_a_short_pause_belongs_to_the_speech():
    """0.2 s is one segment, 0.4 s are two."""
    short = listen(np.concatenate([tone(0.1), silence(0.2), tone(0.1)]))
    assert len(short.all_segments()) == 1

    hearing = listen(np.concatenate([tone(0.1), silence(0.4)]))
    assert hearing.settle(0.5) is not None
    assert hearing.settle(0.5) is None
    hearing.hear(25, tone(0.02))
    assert len(hearing.all_segments()) == 2


def test_the_open_segment_is_seen_before_it_ends():
    """A rehearsal that asks in the middle of a sentence learns of it."""
    hearing = listen(tone(0.1))

    assert len(hearing.all_segments()) == 1
    assert hearing.is_audible(0.1)
    assert hearing.is_audible(0.35)
    assert not hearing.is_audible(0.45)


def test_time_without_anything_to_play_is_counted():
    """A hole in the product's own audio shows as starvation, silence that it sent does not."""
    hearing = listen(tone(0.1))
    hearing.hear(9, tone(0.02))

    (segment,) = hearing.all_segments()

    assert pytest.approx(segment.starved_s) == 0.08


def test_a_murmur_below_the_threshold_is_silence():
    """Dither is not speech."""
    assert listen(tone(0.5, amplitude=100)).all_segments() == []


def test_the_recording_has_everything_at_its_place():
    """Missing slots are silence."""
    hearing = listen(tone(0.02), first_slot=2)

    audio = np.frombuffer(hearing.audio(0, 4), dtype=np.int16)

    assert len(audio) == 640
    assert tone(0.02).tolist() == audio[320:480].tolist()
    assert not audio[:320].any()
