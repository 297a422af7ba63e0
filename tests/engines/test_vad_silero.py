"""Silero behind the contract: where speech begins and ends, what is not speech, many callers at once."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio import g711
from backend.engines.base import SpeechEdge
from backend.engines.vad_silero import SileroVad
from backend.engines.vad_tracks import Slots
from backend.errors import EngineBusy, EngineFailed
from tests.engines.speech import SENTENCES, frames, silence, spoken, with_noise


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


def probabilities(pcm: bytes, *, is_gated: bool) -> tuple[NDArray[np.float32], list[SpeechEdge]]:
    """What the model said to each chunk, 0 where it was not asked."""
    vad = SileroVad(capacity=1)
    tracks = vad.tracks(8000)
    said: list[float] = []
    take = tracks.take

    def listen(slots: Slots, found: NDArray[np.float32]) -> list[tuple[int, SpeechEdge]]:
        said.append(float(found[0]))
        return take(slots, found)

    tracks.take = listen  # type: ignore[method-assign]
    stream, edges = vad.open(), []
    for piece in frames(pcm):
        if not is_gated:
            tracks.hold[:] = 5
        stream.push(piece)
        vad.step()
        edges += stream.edges()
    return np.array(said, np.float32), edges


@pytest.mark.parametrize("text", SENTENCES)
def test_while_the_gate_is_open_the_probabilities_are_those_without_it(text: str) -> None:
    """Bit for bit, from the first word of a call to the first pause that shuts the gate."""
    gated, _ = probabilities(spoken(text), is_gated=True)
    ungated, _ = probabilities(spoken(text), is_gated=False)
    shut = np.flatnonzero(gated == 0)
    until = int(shut[0]) if len(shut) else len(gated)

    assert until >= 10 and np.array_equal(gated[:until], ungated[:until])


@pytest.mark.parametrize("hiss", [None, -60])
def test_the_gate_changes_nothing_that_is_heard(hiss: float | None) -> None:
    """Against the same audio with the gate held open all the time: the same edges, within one chunk."""
    pcm = silence(1) + spoken(SENTENCES[1]) + silence(2) + spoken(SENTENCES[3]) + silence(1)
    pcm = with_noise(pcm, hiss) if hiss else pcm
    _, gated = probabilities(pcm, is_gated=True)
    _, ungated = probabilities(pcm, is_gated=False)

    assert [edge.is_speech for edge in ungated] == [edge.is_speech for edge in gated]
    for one, other in zip(gated, ungated, strict=True):
        assert one.at_s == pytest.approx(other.at_s, abs=0.033)


@pytest.mark.parametrize("text", SENTENCES)
def test_soft_speech_over_a_hissing_line_passes_the_gate(vad: SileroVad, text: str) -> None:
    """-40 dBFS over -60 dBFS: found from beginning to end."""
    loud = np.frombuffer(spoken(text), np.int16).astype(np.float32)
    soft = (loud * (32768 * 10 ** (-40 / 20) / np.sqrt(np.mean(loud**2)))).astype(np.int16).tobytes()

    edges = heard(vad, with_noise(silence(2) + soft + silence(1), -60))

    assert edges[0].is_speech and edges[0].at_s == pytest.approx(2, abs=0.1)
    assert not edges[-1].is_speech and edges[-1].at_s == pytest.approx(2 + len(soft) / 16000, abs=0.2)


def test_how_far_the_present_speech_reaches_is_known(vad: SileroVad) -> None:
    """None before and after; in between its last audible instant, behind the audio by a pause inside the words at most."""
    speech = spoken(SENTENCES[0])
    stream = vad.open()
    assert stream.speech_until_s is None
    seen = []
    for number, piece in enumerate(frames(silence(0.5) + speech + silence(1))):
        stream.push(piece)
        vad.step()
        now_s = (number + 1) * 0.02
        if (until_s := stream.speech_until_s) is not None:
            seen.append(until_s)
            assert until_s <= now_s + 0.001
            if 1 < now_s < 0.5 + len(speech) / 16000:
                assert now_s - until_s < 0.3
    stream.close()

    assert seen == sorted(seen) and seen[-1] == pytest.approx(0.5 + len(speech) / 16000, abs=0.03)
    assert stream.speech_until_s is None


def test_a_full_house_is_shared_out_over_steps() -> None:
    """More callers than one step can afford: none falls behind by more than two chunks, no batch is larger than that."""
    vad = SileroVad(capacity=44)
    speech = spoken(SENTENCES[0])
    streams = [vad.open() for _ in range(44)]
    largest = 0
    for piece in frames(speech + speech):
        for stream in streams:
            stream.push(piece)
        before = vad.chunks_analysed
        vad.step()
        largest = max(largest, vad.chunks_analysed - before)
        assert max(len(stream.pending) for stream in streams) < 4 * 512

    assert 20 < largest <= 60


def test_a_small_batch_waits_a_step_unless_somebody_in_it_begins_to_speak() -> None:
    """Ten callers, of whom one alone has a chunk: in the middle of a sentence it waits, at its beginning it does not."""
    vad = SileroVad(capacity=10)
    streams = [vad.open() for _ in range(10)]
    words, chunk = spoken(SENTENCES[0]), 512
    steps = []
    for start in range(0, len(words) - chunk, chunk):
        streams[0].push(words[start : start + chunk])
        before = vad.chunks_analysed
        vad.step()
        steps.append(vad.chunks_analysed > before)
        vad.step()

    assert vad.chunks_analysed == len(steps)
    assert all(steps[1:12]) and not all(steps[16:])


def test_the_thread_computes_with_very_small_numbers_as_before(vad: SileroVad) -> None:
    """The runtime has a switch that would take them away from everybody in the thread; it stays off."""
    heard(vad, spoken(SENTENCES[1]))

    assert (np.full(4, 1e-39, np.float32) * np.float32(0.5)).all()


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


def test_the_first_speech_of_a_process_imports_nothing() -> None:
    """An import in the middle of a step, numpy's masked arrays for a median, kept the hub for 15 ms once."""
    script = (
        "import sys\n"
        "from backend.engines.vad_silero import SileroVad\n"
        "from tests.engines.speech import silence, spoken\n"
        "pcm = spoken('Yes.') + silence(0.5)\n"
        "vad = SileroVad(capacity=1)\n"
        "stream, before = vad.open(), set(sys.modules)\n"
        "for start in range(0, len(pcm), 320):\n"
        "    stream.push(pcm[start : start + 320])\n"
        "    vad.step()\n"
        "assert len(stream.edges()) == 2\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
