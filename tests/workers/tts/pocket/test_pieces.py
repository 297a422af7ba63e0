"""Texts cut to what the model can say in one go, and the rule for a piece's end."""

import pytest

from backend.workers.tts.pocket.model import PocketModel
from backend.workers.tts.pocket.pieces import MOST_TOKENS, Cutter, Ending


@pytest.fixture(scope="module")
def cutter(model: PocketModel) -> Cutter:
    return Cutter(model.tts, "en")


def spoken(model: PocketModel, cutter: Cutter, text: str) -> list[str]:
    """What the model will read; a character is a token here."""
    tokenizer = model.tts.flow_lm.conditioner.tokenizer
    return [tokenizer.decode(list(piece.start.tokens)) for piece in cutter.pieces(text, model.voices["anna"])]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello.", ["Hello."]),
        ("hello", ["Hello."]),
        ("One. Two. Three.", ["One. Two. Three."]),
        (
            "This sentence takes most of one piece already. This one does not fit any more.",
            ["This sentence takes most of one piece already.", "This one does not fit any more."],
        ),
        (
            "This is a sentence that is far too long for it, which is why its clauses are parted.",
            ["This is a sentence that is far too long for it.", "Which is why its clauses are parted."],
        ),
        ("...", []),
        ("", []),
        ("\x00\x07", []),
    ],
)
def test_a_text_is_cut_at_its_sentences(model: PocketModel, cutter: Cutter, text: str, pieces: list[str]) -> None:
    """Neighbours together while they fit, a long sentence at its middle clause, nothing for nothing."""
    assert spoken(model, cutter, text) == pieces


@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "word " * 2_000, "a, " * 3_000, "Sentence number one. " * 400, "🙂 and 🙂" * 50, "日本語。" * 99],
)
def test_no_piece_is_longer_than_the_model_can_say(model: PocketModel, cutter: Cutter, text: str) -> None:
    """Whatever it is made of; and no word is lost."""
    pieces = cutter.pieces(text, model.voices["anna"])

    assert pieces
    assert all(0 < len(piece.start.tokens) <= MOST_TOKENS for piece in pieces)
    assert all(0 < piece.start.most_frames <= cutter.most_frames for piece in pieces)
    letters = "".join(spoken(model, cutter, text)).lower()
    assert letters.count("x") + letters.count("word") == text.count("x") + text.count("word")


def test_the_noise_follows_from_the_words_and_the_voice(model: PocketModel, cutter: Cutter) -> None:
    """So the same sentence sounds the same in every call, and another voice says it differently."""
    seeds = {
        cutter.pieces(text, model.voices[voice])[0].start.seed
        for text in ("Hello.", "Hello.", "Good day.")
        for voice in ("anna", "bob")
    }

    assert len(seeds) == 4


def frames_until_over(ending: Ending, eos_at: set[int]) -> tuple[int, int]:
    """Frames spoken, frames made."""
    spoken_count = made = 0
    while True:
        is_spoken, is_over = ending.on_frame(made in eos_at)
        made += 1
        spoken_count += is_spoken
        if is_over:
            return spoken_count, made


@pytest.mark.parametrize(
    ("eos_at", "after", "spoken_count", "made"),
    [
        (set(), 3, 40, 40),
        ({10}, 3, 13, 13),
        ({10, 11, 12}, 3, 13, 13),
        ({10}, 1, 11, 11),
        ({10}, 0, 10, 11),
        ({2}, 3, 40, 40),
        ({2, 6}, 3, 9, 9),
        ({39}, 3, 40, 40),
        ({38}, 3, 40, 40),
    ],
)
def test_a_piece_is_over_some_frames_after_its_end_of_speech(
    eos_at: set[int], after: int, spoken_count: int, made: int
) -> None:
    """Counted from the first that is believed; 40 frames at most."""
    ending = Ending(most_frames=40, frames_after_eos=after, believed_from=6)

    assert frames_until_over(ending, eos_at) == (spoken_count, made)
