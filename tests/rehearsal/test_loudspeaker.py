"""backend/rehearsal/loudspeaker.py"""

from backend.rehearsal.loudspeaker import Loudspeaker

FRAME = b"\x01\x00" * 160
"""20 ms."""


def test_frames_play_one_behind_the_other() -> None:
    """However early they come; after a pause at once."""
    speaker = Loudspeaker(8000)
    for sequence in (1, 2, 3):
        speaker.arrived(sequence, FRAME, 10.0)
    speaker.arrived(4, FRAME, 11.0)

    assert [speaker.played(at) for at in (10.0, 10.021, 10.05, 10.061, 11.0, 11.021)] == [0, 1, 2, 3, 3, 4]
    assert speaker.busy_until == 11.02


def test_a_clear_silences_what_has_not_begun() -> None:
    """What follows plays at once."""
    speaker = Loudspeaker(8000)
    for sequence in range(1, 11):
        speaker.arrived(sequence, FRAME, 10.0)
    speaker.clear(10.05)
    speaker.arrived(11, FRAME, 10.1)
    after = speaker.first_after(10.06)

    assert speaker.played(10.09) == 3
    assert after is not None and (after.sequence, after.starts_at) == (11, 10.1)


def test_a_recording_has_everything_in_its_place() -> None:
    """Silence before, between and behind; what lies ahead is cut off."""
    speaker = Loudspeaker(8000)
    speaker.arrived(1, FRAME, 10.1)
    speaker.arrived(2, FRAME, 10.2)
    pcm = speaker.recording(10.0, 10.21)
    audible = [number for number in range(0, len(pcm), 2) if pcm[number]]

    assert len(pcm) == 2 * 1680
    assert audible == [*range(2 * 800, 2 * 960, 2), *range(2 * 1600, 2 * 1680, 2)]
    assert Loudspeaker(8000).recording(10.0, 9.0) == b""
