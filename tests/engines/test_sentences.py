"""Cutting an answer into pieces that can be spoken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.engines.sentences import LOOK_AHEAD, SentenceSplitter


def split(text: str, step: int = 1, **settings: Any) -> list[str]:
    splitter = SentenceSplitter(**settings)
    pieces = [piece for at in range(0, len(text), step) for piece in splitter.push(text[at : at + step])]
    return pieces + splitter.flush()


@pytest.mark.parametrize(
    "pieces",
    [
        ["Hello there.", "How are you?", "Fine!", "Really?!", "Oh"],
        ["Dr. Smith and Mrs. Jones met Prof. Lee.", "They talked."],
        ["Use fruit, e.g. apples, i.e. the red ones.", "Good."],
        ["It costs 3.50 dollars, or 1,250.75 in all.", "Cheap."],
        ["Version 2.", "It works."],
        ["Look at example.com or mail a.b@c.de.", "Thanks."],
        ["Wait... let me check.", "Done."],
        ["Well…", "Let me check… again."],
        ["Call at 5 p.m. or later.", "We close at 8 p.m.", "Come before."],
        ["He lives in the U.S. with J. Smith.", "So do I.", "Do you?"],
        ["Milk, eggs, etc. are there.", "We have bread, etc.", "Anything else?"],
        ["No.", "We have room No. 5 left."],
        ['He said "stop."', "Then (he left.)", "“Really?”", "Yes."],
        ["1. Buy milk.", "2. Buy eggs."],
        ["你好。", "今天好吗？", "「好！」", "再见"],
        ["नमस्ते।", "आप कैसे हैं?"],
        ["هل أنت بخير؟", "نعم."],
        ["¿Qué tal?", "¡Muy bien!", "Gracias."],
        ["That is Ms. O'Neil vs. the U.K. government.", "OK."],
        ["I'll be there in 5 min.", "Wait for me."],
    ],
)
def test_a_sentence_ends_where_a_reader_would_end_it(pieces: list[Any]) -> None:
    """Marks that end, and marks that only look like it."""
    separator = "" if any("\u4e00" <= character <= "\u9fff" for character in "".join(pieces)) else " "
    assert split(separator.join(pieces)) == pieces


def test_a_new_line_ends_a_piece() -> None:
    """Lists and paragraphs are spoken line by line; empty lines are nothing."""
    assert split("First line\nSecond line\n\n- a point\r\n- another") == [
        "First line",
        "Second line",
        "- a point",
        "- another",
    ]


def test_german_ordinals_do_not_end_a_sentence() -> None:
    """ "am 3. Mai" is one thing in German; in English "3." before a capital ends."""
    text = "Wir kommen am 3. Mai. Gut?"

    assert split(text, language="de-DE") == ["Wir kommen am 3. Mai.", "Gut?"]
    assert split(text)[0] == "Wir kommen am 3."


def test_the_first_sentence_leaves_with_the_character_after_it() -> None:
    """No waiting for the second one."""
    splitter = SentenceSplitter()

    assert splitter.push("Good morning.") == []
    assert splitter.push(" ") == ["Good morning."]


def test_a_wide_full_stop_needs_one_character_more_because_a_bracket_may_follow() -> None:
    """The closing bracket belongs to the sentence."""
    splitter = SentenceSplitter()

    assert splitter.push("「你好。") == []
    assert splitter.push("」") == []
    assert splitter.push("好") == ["「你好。」"]


def test_a_long_first_sentence_is_begun_at_a_comma() -> None:
    """The caller hears the agent while the model still writes; only the first piece is cut so."""
    text = (
        "Well, if you would like to change the date of your appointment to another day, I can do that, "
        "and if you would like to change the date of your appointment to another day, tell me."
    )
    pieces = split(text)

    assert pieces[0] == "Well, if you would like to change the date of your appointment to another day,"
    assert len(pieces) == 2


def test_a_sentence_without_an_end_is_cut_at_its_last_comma_or_space() -> None:
    """At 250 characters; a text without spaces is cut where it must be."""
    words = ("word " * 40 + "comma, ") * 3
    pieces = split(words, first_clause_chars=10_000)

    assert pieces[0].endswith("comma,")
    assert all(len(piece) <= 250 for piece in pieces)
    assert [len(piece) for piece in split("x" * 600)] == [250, 250, 100]


def test_an_accent_stays_with_its_letter() -> None:
    """A forced cut does not fall between a letter and its combining mark."""
    pieces = split("x" * 249 + "e\u0301" + "x" * 100)

    assert not any(piece.startswith("\u0301") for piece in pieces)


def test_a_piece_always_has_something_to_say() -> None:
    """Marks alone stay with what follows; at the end of the answer they come out as they are."""
    assert split("... Hello. ***\n--- Bye.") == ["... Hello.", "***\n--- Bye."]
    assert split(" ... ") == ["..."]
    assert split(" \n ") == []


def test_a_flushed_splitter_is_as_new() -> None:
    """One splitter may serve one answer after the other."""
    splitter = SentenceSplitter()

    assert splitter.push("Half a sent") == []
    assert splitter.flush() == ["Half a sent"]
    assert splitter.flush() == []
    assert splitter.push("Next. ") == ["Next."]


def test_a_length_that_leaves_no_room_is_refused() -> None:
    """A wrong setting is named."""
    with pytest.raises(ValueError, match="max_chars: 5"):
        SentenceSplitter(max_chars=5)


TEXTS = st.one_of(
    st.text(alphabet="aB1 .,!?…\n\t。」\"'-\u0301", max_size=400),
    st.text(max_size=200),
    st.lists(
        st.sampled_from(["Dr.", "e.g.", "p.m.", "3.50", "word", "End.", "No.", "U.S.", "…", "?!", ",", "\n", " " * 20]),
        max_size=80,
    ).map(" ".join),
)


def bare(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, st.integers(1, 50), st.sampled_from([2 * LOOK_AHEAD, 60, 250]))
def test_no_character_is_lost_or_doubled_and_deltas_do_not_matter(text: str, step: int, max_chars: int) -> None:
    """But for white space the pieces are the text; the same pieces come however the model divides its answer."""
    pieces = split(text, step, max_chars=max_chars, first_clause_chars=20)

    assert bare("".join(pieces)) == bare(text)
    assert pieces == split(text, len(text) + 1, max_chars=max_chars, first_clause_chars=20)
    assert all(piece == piece.strip() and 0 < len(piece) <= max_chars for piece in pieces)
