"""The order of the rules, and how much of a text they may work on."""

from backend.workers.tts.english import MOST_WRITTEN_OUT, write_out


def test_special_forms_are_read_before_plain_numbers() -> None:
    """One sentence with everything."""
    said = write_out("Pay $5-10k by 3/4/2026 3:30pm, call 555-0123, e.g. at 5% off.", month_first=True)

    assert " ".join(said.split()) == (
        "Pay five to ten thousand dollars by March fourth, twenty twenty-six three thirty P M, "
        "call five five five, zero one two three, for example at five percent off."
    )


def test_sentences_without_need_are_not_touched() -> None:
    """Nothing is looked for in plain words."""
    assert write_out("Hello there, how are you? I am fine!", month_first=True) == "Hello there, how are you? I am fine!"


def test_an_endless_list_of_numbers_is_only_begun() -> None:
    """What nobody listens to must not hold up other calls; plain sentences after it cost nothing and are kept."""
    said = write_out("12 " * MOST_WRITTEN_OUT, month_first=True)

    assert said.count("twelve") == MOST_WRITTEN_OUT // 3
    assert said.rstrip().endswith("12")
