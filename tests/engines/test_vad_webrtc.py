"""WebRTC's detector behind the same contract."""

import pytest

from backend.engines.vad_webrtc import WebRtcVad
from backend.errors import EngineBusy, EngineFailed
from tests.engines.speech import SENTENCES, frames, silence, spoken


@pytest.mark.parametrize("frame_ms", [10, 20, 30])
@pytest.mark.parametrize("aggressiveness", [0, 1, 2, 3])
def test_a_sentence_has_a_beginning_and_an_end(aggressiveness: int, frame_ms: int) -> None:
    """Within 80 ms, whatever the mode and the frame."""
    vad = WebRtcVad(aggressiveness=aggressiveness, frame_ms=frame_ms)
    stream = vad.open()
    speech = spoken(SENTENCES[3])
    edges = []
    for piece in frames(silence(1) + speech + silence(1)):
        stream.push(piece)
        vad.step()
        edges += stream.edges()

    assert edges[0].is_speech and edges[0].at_s == pytest.approx(1, abs=0.08)
    assert not edges[-1].is_speech and edges[-1].at_s == pytest.approx(1 + len(speech) / 16000, abs=0.08)
    assert [index % 2 == 0 for index in range(len(edges))] == [edge.is_speech for edge in edges]


def test_capacity_is_bounded_and_close_gives_it_back() -> None:
    """Closing twice gives it back once."""
    vad = WebRtcVad(capacity=1)
    stream = vad.open(16000)
    with pytest.raises(EngineBusy):
        vad.open()
    stream.close()
    stream.close()

    assert vad.open_streams == 0
    vad.open().close()


def test_a_stream_that_nobody_steps_stays_bounded_and_keeps_its_clock() -> None:
    """Ten seconds are kept."""
    vad = WebRtcVad(aggressiveness=3)
    stream = vad.open()
    stream.push(silence(20) + spoken(SENTENCES[1]) + silence(1))
    vad.step()

    assert stream.edges()[0].at_s == pytest.approx(20, abs=0.1)


def test_impossible_settings_are_refused() -> None:
    """An unknown rate, mode or frame length."""
    with pytest.raises(EngineFailed):
        WebRtcVad().open(11025)
    with pytest.raises(EngineFailed):
        WebRtcVad(aggressiveness=4)
    with pytest.raises(EngineFailed):
        WebRtcVad(frame_ms=25)


def test_how_far_the_present_speech_reaches_is_known() -> None:
    """None before and after; in between it grows."""
    stream, seen = (vad := WebRtcVad()).open(), []
    speech = spoken(SENTENCES[0])
    for piece in frames(silence(0.5) + speech + silence(1)):
        stream.push(piece)
        vad.step()
        seen.append(stream.speech_until_s)

    assert seen[0] is None and seen[-1] is None
    during = [until_s for until_s in seen if until_s is not None]
    assert during == sorted(during) and during[-1] == pytest.approx(0.5 + len(speech) / 16000, abs=0.05)
