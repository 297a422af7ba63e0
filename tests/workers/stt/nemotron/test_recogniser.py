"""Nemotron as the sidecar sees it: pieces in, words out; one session's trouble is its own."""

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from backend.settings import Settings
from backend.workers.stt.nemotron.recogniser import Hearing, Nemotron
from backend.workers.stt.recogniser import Piece, RecogniserBroken, Words, build_recogniser
from tests.fakes.nemotron_fixture import speech

SEATS = 4
NOTHING = np.zeros(0, np.int16)
Samples = NDArray[np.int16]


def settings(model_directory: Path, **values: object) -> Settings:
    return Settings.model_validate(
        {
            "stt_recogniser": "nemotron",
            "stt_models_dir": model_directory.parent,
            "stt_max_concurrent_sessions": SEATS,
            "stt_nemotron_device": "cpu",
            **values,
        }
    )


@pytest.fixture(scope="module")
def loaded(model_directory: Path) -> Iterator[Nemotron]:
    recogniser = build_recogniser(settings(model_directory))
    assert isinstance(recogniser, Nemotron)
    recogniser.load()
    yield recogniser
    recogniser.unload()


@pytest.fixture
def nemotron(loaded: Nemotron) -> Iterator[Nemotron]:
    """Every test gives back what it took."""
    yield loaded
    assert loaded.batch.slots_used == 0
    assert not any(cache.any() for cache in loaded.batch.caches)


def take(nemotron: Nemotron, pieces: list[Piece[Hearing]]) -> list[list[Words]]:
    outcome = nemotron.step(pieces)
    assert not any(isinstance(words, RecogniserBroken) for words in outcome), outcome
    return [words for words in outcome if isinstance(words, list)]


def hear(nemotron: Nemotron, state: Hearing, sound: Samples, *, ends: bool = False) -> list[Words]:
    """All of it, in the pieces that are wanted; what is left over is dropped, or ends."""
    told: list[Words] = []
    while len(sound) >= (wanted := nemotron.wants(state)):
        told += take(nemotron, [Piece(state, sound[:wanted])])[0]
        sound = sound[wanted:]
    if ends:
        told += take(nemotron, [Piece(state, sound, ends=True)])[0]
    return told


def test_words_come_while_the_caller_speaks_and_are_final_when_he_falls_silent(nemotron: Nemotron) -> None:
    """Interim texts grow into the final one."""
    state = nemotron.open("en-US")
    told = hear(nemotron, state, speech(4.0, seed=2, pause_s=0.3), ends=True)
    nemotron.close(state)

    assert len(told) > 4 and [words.is_final for words in told] == [False] * (len(told) - 1) + [True]
    assert told[-1].text.startswith(told[0].text)
    assert all(words.text == words.text.strip() != "" for words in told)
    assert 0.0 <= told[-1].start_s < 1.0 and 3.0 < told[-1].end_s <= 4.3


def test_final_words_cost_one_step_and_wait_for_nothing(nemotron: Nemotron) -> None:
    """One millisecond of a chunk is there; the rest is taken as silence."""
    state = nemotron.open("")
    hear(nemotron, state, speech(3.0, seed=2))

    (told,) = take(nemotron, [Piece(state, np.zeros(16, np.int16), ends=True)])

    assert [words.is_final for words in told] == [True]
    nemotron.close(state)


def test_a_whole_piece_can_end_an_utterance(nemotron: Nemotron) -> None:
    """As can one of no samples."""
    state, other = nemotron.open(""), nemotron.open("")
    sound = speech(3.0, seed=2)
    for own in (state, other):
        hear(nemotron, own, sound[:40000])

    whole = Piece(state, sound[40000 : 40000 + nemotron.wants(state)], ends=True)
    told = take(nemotron, [whole, Piece(other, NOTHING, ends=True)])

    assert [words[-1].is_final for words in told] == [True, True]
    nemotron.close(state)
    nemotron.close(other)


def test_the_next_utterance_has_its_own_words_and_times(nemotron: Nemotron) -> None:
    """Seconds count what the caller gave, not the silence that filled a chunk."""
    state, length = nemotron.open(""), 31000
    finals: list[list[Words]] = []
    for number in range(5):
        told = hear(nemotron, state, speech(2.0, seed=30 + number)[:length], ends=True)
        finals.append([words for words in told if words.is_final])
    given_s = state.given_s
    nemotron.close(state)

    assert given_s == 5 * length / 16000
    assert sum(map(len, finals)) >= 3 and finals[4]
    for number, own in enumerate(finals):
        for words in own:
            assert number * length / 16000 - 0.04 <= words.start_s < words.end_s <= (number + 1) * length / 16000


def test_words_are_those_of_a_session_alone(nemotron: Nemotron) -> None:
    """Four sessions that begin, end utterances and are reset at different times."""
    sounds = [speech(6.0, seed=20 + number) for number in range(SEATS)]

    def pieces(state: Hearing, rest: Samples, number: int, turn: int) -> tuple[Piece[Hearing], Samples]:
        ends = (turn + number) % 9 == 8
        count = nemotron.wants(state) // (2 if ends else 1)
        return Piece(state, rest[:count], ends), rest[count:]

    def run(numbers: list[int]) -> dict[int, list[Words]]:
        states = {number: nemotron.open("") for number in numbers}
        rests, told = {number: sounds[number] for number in numbers}, {number: list[Words]() for number in numbers}
        for turn in range(34):
            here = [number for number in numbers if (turn + number) % 4 and len(rests[number]) > 3000]
            step = []
            for number in here:
                if turn == 17 + number:
                    nemotron.reset(states[number])
                piece, rests[number] = pieces(states[number], rests[number], number, turn)
                step.append(piece)
            for number, words in zip(here, take(nemotron, step), strict=True):
                told[number] += words
        for state in states.values():
            nemotron.close(state)
        return told

    together = run([0, 1, 2, 3])

    assert together == {number: run([number])[number] for number in range(SEATS)}
    assert all(any(words.is_final for words in told) for told in together.values())


def test_after_a_reset_nothing_old_comes_and_seconds_go_on(nemotron: Nemotron) -> None:
    """The same sound gives the same words as at the beginning."""
    state = nemotron.open("")
    first = hear(nemotron, state, speech(3.0, seed=4), ends=True)
    hear(nemotron, state, speech(2.0, seed=5))
    given_s = state.given_s

    nemotron.reset(state)
    again = hear(nemotron, state, speech(3.0, seed=4), ends=True)
    nemotron.close(state)

    assert [words.text for words in again] == [words.text for words in first]
    assert [round(words.start_s - given_s, 6) for words in again] == [round(words.start_s, 6) for words in first]


def test_an_end_before_any_sound_is_nothing(nemotron: Nemotron) -> None:
    """0 bytes, at the beginning and after a reset: no step is made for it."""
    state = nemotron.open("")

    assert take(nemotron, [Piece(state, NOTHING, ends=True)]) == [[]]
    hear(nemotron, state, speech(1.0), ends=True)
    nemotron.reset(state)
    assert take(nemotron, [Piece(state, NOTHING, ends=True)]) == [[]]
    assert nemotron.wants(state) == 1480
    assert nemotron.step([]) == []
    nemotron.close(state)


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(48000, np.int16),
        np.full(48000, 32767, np.int16),
        np.full(48000, -32768, np.int16),
        np.where(np.arange(48000) // 40 % 2, 32767, -32768).astype(np.int16),
        np.random.default_rng(1).integers(-32768, 32768, 48000).astype(np.int16),
    ],
    ids=["silence", "stuck high", "stuck low", "clipped", "noise"],
)
def test_no_sound_breaks_it(nemotron: Nemotron, sound: Samples) -> None:
    """Words or none, and the session goes on."""
    state = nemotron.open("")
    hear(nemotron, state, sound, ends=True)

    assert state.given == 48000
    hear(nemotron, state, speech(2.0), ends=True)
    nemotron.close(state)


def test_a_wrong_piece_loses_its_session_only(nemotron: Nemotron) -> None:
    """Floats that could be NaN, two channels, too much, too little: each is told why."""
    states = [nemotron.open("") for _ in range(SEATS)]
    wanted = nemotron.wants(states[0])
    good = speech(3.0, seed=2)
    wrong = [
        np.full(wanted, np.nan, np.float32),
        np.zeros((wanted, 2), np.int16),
        np.zeros(wanted + 1, np.int16),
        np.zeros(wanted - 1, np.int16),
    ]
    for sound in wrong:
        lost, kept = nemotron.step([Piece(states[0], sound), Piece(states[1], good[: nemotron.wants(states[1])])])
        good = good[2560:]
        assert isinstance(lost, RecogniserBroken) and str(lost).startswith("nemotron: ")
        assert isinstance(kept, list)
    for state in states:
        nemotron.close(state)

    (closed,) = nemotron.step([Piece(states[0], NOTHING, ends=True)])
    assert isinstance(closed, RecogniserBroken)


def test_a_session_whose_numbers_left_their_range_is_lost_alone(nemotron: Nemotron) -> None:
    """Its slot is clean for the next one."""
    broken, whole = nemotron.open(""), nemotron.open("")
    sound = speech(1.0, seed=2)[: nemotron.wants(broken)]
    take(nemotron, [Piece(broken, sound), Piece(whole, sound)])
    nemotron.batch.caches[0][:, broken.call.slot] = float("nan")

    lost, kept = nemotron.step([Piece(broken, NOTHING, ends=True), Piece(whole, NOTHING, ends=True)])

    assert isinstance(lost, RecogniserBroken) and isinstance(kept, list)
    nemotron.close(broken)
    nemotron.close(whole)


def test_one_session_too_many_is_refused(nemotron: Nemotron) -> None:
    """And a closed one makes room; closing twice does not."""
    states = [nemotron.open("") for _ in range(SEATS)]
    with pytest.raises(RecogniserBroken, match="all 4 slots are taken"):
        nemotron.open("")

    nemotron.close(states[0])
    nemotron.close(states[0])

    states[0] = nemotron.open("")
    with pytest.raises(RecogniserBroken):
        nemotron.open("")
    for state in states:
        nemotron.close(state)


def test_the_telephones_rate_is_brought_up(nemotron: Nemotron) -> None:
    """Twice as many samples, with nothing held back."""
    upsampler = nemotron.upsampler(8000)

    assert len(upsampler.process(np.zeros(160, np.int16))) == 320


def test_five_hundred_sessions_leave_memory_where_it_was(nemotron: Nemotron) -> None:
    """Within one per cent; every one of them hears, ends an utterance and is closed, some in mid-utterance."""
    sound = speech(0.5, seed=3)

    def sessions(count: int) -> None:
        for number in range(0, count, SEATS):
            states = [nemotron.open("") for _ in range(SEATS)]
            rest = sound
            while len(rest) >= (wanted := nemotron.wants(states[0])):
                take(nemotron, [Piece(state, rest[:wanted]) for state in states])
                rest = rest[wanted:]
            if number % 3:
                take(nemotron, [Piece(state, rest, ends=True) for state in states])
            for state in states:
                nemotron.close(state)

    sessions(100)
    gc.collect()
    before = psutil.Process().memory_info().rss
    sessions(500)
    gc.collect()
    grown = psutil.Process().memory_info().rss / before - 1

    print(f"memory after 500 sessions: {100 * grown:+.2f} %")
    assert grown <= 0.01


def test_without_a_model_it_says_what_is_missing(tmp_path: Path) -> None:
    """And nothing else works before a load."""
    nemotron = Nemotron(settings(tmp_path / "nemotron"))

    with pytest.raises(RecogniserBroken, match=r"nemotron is not a directory"):
        nemotron.load()
    with pytest.raises(RecogniserBroken, match="not loaded"):
        nemotron.open("")
    nemotron.unload()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_it_hears_with_shorter_numbers_too(model_directory: Path, dtype: str) -> None:
    """Finite ones all the way; the words may be others."""
    nemotron = Nemotron(settings(model_directory, stt_nemotron_dtype=dtype))
    nemotron.load()
    states = [nemotron.open(""), nemotron.open("")]

    told = [hear(nemotron, state, speech(3.0, seed=2), ends=True) for state in states]

    assert told[0][-1].is_final and len(told[0]) > 2
    for state in states:
        nemotron.close(state)
    nemotron.unload()


def test_unloading_gives_everything_back(model_directory: Path) -> None:
    """And it can be loaded again; a session closed too late is no error."""
    nemotron = Nemotron(settings(model_directory, stt_nemotron_lookahead=0))
    nemotron.load()
    nemotron.load()
    state = nemotron.open("")
    assert nemotron.wants(state) == 200

    nemotron.unload()
    nemotron.close(state)

    with pytest.raises(RecogniserBroken, match="not loaded"):
        nemotron.open("")
    nemotron.load()
    nemotron.close(nemotron.open(""))
    nemotron.unload()
