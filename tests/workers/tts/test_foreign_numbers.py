"""Numbers of other languages."""

import pytest

from backend.workers.tts.foreign_numbers import FOREIGN, MOST_FOREIGN, write_foreign_numbers


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("de", "21 Uhr, 12,50 €, 5%", "einundzwanzig Uhr, zwölf Komma fünf Euro, fünf Prozent"),
        ("de", "-3 Grad, 1.234 Stück", "minus drei Grad, eintausendzweihundertvierunddreißig Stück"),
        ("de", "Tel. 030123", "Tel. null drei null eins zwei drei"),
        ("fr", "21 personnes, $5", "vingt et un personnes, cinq dollars"),
        ("es", "3,5 %", "tres punto cinco por ciento"),
        ("it", "100", "cento"),
        ("pt", "£2", "dois libras"),
        ("nl", "1984", "duizendnegenhonderdvierentachtig"),
    ],
)
def test_numbers_become_words_of_their_language(language: str, written: str, said: str) -> None:
    """With the signs for money and percent; long ones and those with a leading zero digit by digit."""
    assert write_foreign_numbers(written, language) == said


@pytest.mark.parametrize("language", sorted(FOREIGN))
def test_no_digit_is_left_in_an_ordinary_sentence(language: str) -> None:
    """In none of the languages."""
    assert not any(map(str.isdecimal, write_foreign_numbers("7 18 91 100 345 2026 3,14 0 -5 50% €9", language)))


def test_only_so_many_numbers_of_a_text_are_written_out() -> None:
    """num2words is slow; the rest stays as it is."""
    said = write_foreign_numbers("5 " * 100, "de").split()

    assert said == ["fünf"] * MOST_FOREIGN + ["5"] * (100 - MOST_FOREIGN)
