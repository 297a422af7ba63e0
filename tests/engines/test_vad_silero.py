"""Silero behind the contract: where speech begins and ends, what is not speech, many callers at once."""

import ctypes
from collections.abc import Iterator

import numpy as np
import pytest

from backend.audio import g711
from backend.engines.base import SpeechEdge
from backend.engines.vad_silero import SileroVad
from backend.errors import EngineBusy, EngineFailed
from tests.engines.speech import SENTENCES, frames, silence, spoken, with_noise


@pytest.fixture(autouse=True)
def ordinary_floats() -> Iterator[None]:
    """The runtime switches subnormal numbers off for the whole thread (in a worker that is wanted); the tests that come
    after these in the same process want them back."""
    yield
    ctypes.CDLL(None).fesetenv(ctypes.c_void_p(-1))  # FE_DFL_ENV


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad(capacity=16)


def heard(vad: SileroVad, pcm: bytes, frame: int = 320, rate: int = 8000) -> list[SpeechEdge]:
    stream = vad.open(rate)
    edges = []
    for piece in frames(pcm, frame):
        stream.push(piece)
        vad.step()
        edges += stream.edges()
    stream.close()
    return edges


def tones(*frequencies: float, seconds: float = 3.0, amplitude: float = 6000) -> bytes:
    times = np.arange(int(8000 * seconds)) / 8000
    samples = amplitude * sum(np.sin(2 * np.pi * frequency * times) for frequency in frequencies)
    return g711.decode_ulaw_bytes(g711.encode_ulaw(np.asarray(samples).astype(np.int16)))


@pytest.mark.parametrize("text", SENTENCES)
def test_edges_lie_where_the_sound_begins_and_ends(vad: SileroVad, text: str) -> None:
    """On a clean line: the first and the last audible sample, within 30 ms, for a first and a second sentence."""
    speech = spoken(text)
    length = len(speech) / 16000

    edges = heard(vad, silence(1) + speech + silence(1) + speech + silence(1))

    for begin in (1.0, 2.0 + length):
        within = [edge for edge in edges if begin - 0.5 < edge.at_s < begin + length + 0.5]
        assert within[0].is_speech and within[0].at_s == pytest.approx(begin, abs=0.03)
        assert not within[-1].is_speech and within[-1].at_s == pytest.approx(begin + length, abs=0.03)


def test_the_end_is_told_within_a_third_of_a_second(vad: SileroVad) -> None:
    """From the last audible sample to the edge, on a clean line."""
    speech = spoken(SENTENCES[3])
    stream = vad.open()
    told_at_s = None
    for number, piece in enumerate(frames(silence(0.5) + speech + silence(1))):
        stream.push(piece)
        vad.step()
        if any(not edge.is_speech for edge in stream.edges()):
            told_at_s = (number + 1) * 0.02
    stream.close()

    assert told_at_s is not None
    assert told_at_s - (0.5 + len(speech) / 16000) <= 0.3


def test_edges_alternate_and_gaps_are_real_pauses(vad: SileroVad) -> None:
    """Begin, end, begin, end, in the order of time; between an end and the next beginning lie 200 ms."""
    pcm = silence(0.4) + b"".join(spoken(text) + silence(0.25) for text in SENTENCES) + silence(0.5)

    edges = heard(vad, pcm)

    assert [index % 2 == 0 for index in range(len(edges))] == [edge.is_speech for edge in edges]
    assert edges == sorted(edges, key=lambda edge: edge.at_s)
    for end, begin in zip(edges[1::2], edges[2::2], strict=False):
        assert begin.at_s - end.at_s >= 0.2 - 0.004


@pytest.mark.parametrize("dbfs", [-50, -40, -34.6])
def test_on_a_noisy_line_sentences_are_still_found(vad: SileroVad, dbfs: float) -> None:
    """Up to the carrier's own comfort noise at -34.6 dBFS, which drowns a soft first or last consonant: 160 ms."""
    for text in SENTENCES:
        speech = spoken(text)
        edges = heard(vad, with_noise(silence(1) + speech + silence(1), dbfs))

        assert edges[0].is_speech and edges[0].at_s == pytest.approx(1, abs=0.08)
        assert not edges[-1].is_speech and edges[-1].at_s == pytest.approx(1 + len(speech) / 16000, abs=0.16)


@pytest.mark.parametrize(
    "pcm",
    [
        silence(3),
        tones(440, 480),
        tones(480, 620),
        tones(697, 1209),
        tones(941, 1477),
        tones(50),
        with_noise(silence(3), -30),
        with_noise(silence(3), -15),
        with_noise(silence(3), -34.6),
    ],
    ids=["silence", "ringback", "busy", "key 1", "key #", "hum", "noise", "loud noise", "comfort noise"],
)
def test_what_is_not_speech_makes_no_edge(vad: SileroVad, pcm: bytes) -> None:
    """Tones, keys, hum and noise, each coming out of silence."""
    assert heard(vad, silence(0.5) + pcm + silence(0.5)) == []


def test_eight_callers_at_once_are_heard_as_each_alone(vad: SileroVad) -> None:
    """One batch gives exactly what single streams give, whoever is silent meanwhile."""
    lines = [
        silence(0.2 * number) + spoken(SENTENCES[number % 5]) + silence(0.5) + spoken(SENTENCES[(number + 1) % 5])
        for number in range(8)
    ]
    lines = [(line + silence(8))[: 16000 * 8] for line in lines]
    alone = [heard(vad, line) for line in lines]

    streams = [vad.open() for _ in lines]
    together: list[list[SpeechEdge]] = [[] for _ in lines]
    for pieces in zip(*map(frames, lines), strict=True):
        for stream, piece in zip(streams, pieces, strict=True):
            stream.push(piece)
        vad.step()
        for edges, stream in zip(together, streams, strict=True):
            edges += stream.edges()
    for stream in streams:
        stream.close()

    assert alone == together
    assert all(alone)


def test_how_audio_is_cut_does_not_matter(vad: SileroVad) -> None:
    """Frames of 20 ms, of 30 ms and of an odd length give the same edges."""
    pcm = silence(0.5) + spoken(SENTENCES[0]) + silence(1)

    assert heard(vad, pcm, 320) == heard(vad, pcm, 480) == heard(vad, pcm, 322)


def test_wideband_callers_are_heard_too(vad: SileroVad) -> None:
    """16 kHz streams share the worker with 8 kHz ones."""
    from backend.audio.resample import Resampler

    narrow = np.frombuffer(silence(1) + spoken(SENTENCES[0]) + silence(1), np.int16)
    wide = Resampler(8000, 16000).process(narrow).tobytes()

    edges = heard(vad, wide, 640, 16000)

    assert edges[0].at_s == pytest.approx(1, abs=0.04)
    assert edges[-1].at_s == pytest.approx(len(narrow) / 8000 - 1, abs=0.04)


def test_a_silent_line_costs_no_inference(vad: SileroVad) -> None:
    """The gate keeps the model asleep; a quiet line's hiss does not wake it for long either."""
    before = vad.chunks_analysed
    heard(vad, silence(10))
    assert vad.chunks_analysed == before

    heard(vad, with_noise(silence(10), -52))
    assert vad.chunks_analysed - before < 0.2 * 10 / 0.032


def test_the_gate_changes_nothing_that_is_heard(vad: SileroVad) -> None:
    """Against the same audio with inaudible noise that keeps the gate open all the time: within one chunk."""
    speech = silence(1) + spoken(SENTENCES[1]) + silence(2) + spoken(SENTENCES[3]) + silence(1)
    gated = heard(vad, speech)
    ungated_vad = SileroVad(capacity=1)
    stream = ungated_vad.open()
    ungated = []
    for piece in frames(speech):
        stream.hold = 10
        stream.push(piece)
        ungated_vad.step()
        ungated += stream.edges()

    assert [edge.is_speech for edge in ungated] == [edge.is_speech for edge in gated]
    for one, other in zip(gated, ungated, strict=True):
        assert one.at_s == pytest.approx(other.at_s, abs=0.033)


def test_slots_are_bounded_and_used_again() -> None:
    """The seventeenth caller is refused; after one has closed, the next finds a fresh slot."""
    vad = SileroVad(capacity=2)
    first, second = vad.open(), vad.open()
    with pytest.raises(EngineBusy):
        vad.open()
    for piece in frames(spoken(SENTENCES[0])):
        first.push(piece)
        vad.step()
    first.close()
    first.close()
    first.push(b"\x01" * 640)
    vad.step()

    assert vad.open_streams == 1
    again = heard(vad, silence(1) + spoken(SENTENCES[1]) + silence(1))
    second.close()
    assert again == heard(SileroVad(capacity=1), silence(1) + spoken(SENTENCES[1]) + silence(1))
    assert vad.open_streams == 0


def test_a_stream_that_nobody_steps_stays_bounded_and_keeps_its_clock(vad: SileroVad) -> None:
    """Ten seconds are kept; what is found later still has its right place in time."""
    stream = vad.open()
    for piece in frames(silence(20) + spoken(SENTENCES[1]) + silence(1)):
        stream.push(piece)
    assert len(stream.pending) <= 160_000

    for _ in range(200):
        vad.step()
    edges = stream.edges()
    stream.close()

    assert edges[0].at_s == pytest.approx(20, abs=0.04)


def test_other_rates_are_refused(vad: SileroVad) -> None:
    """The model knows two."""
    with pytest.raises(EngineFailed):
        vad.open(24000)
