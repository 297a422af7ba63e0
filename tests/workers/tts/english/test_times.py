"""Times of the day."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("at 15:30", "at fifteen thirty"),
        ("3:05 pm", "three oh five P M"),
        ("3 p.m. Then", "three P M. Then"),
        ("by 3 p.m. today", "by three P M today"),
        ("3:00", "three o'clock"),
        ("3:00 o'clock", "three o'clock"),
        ("15:00", "fifteen hundred"),
        ("00:00", "midnight"),
        ("10:30:15", "ten thirty and fifteen seconds"),
        ("9am-5pm", "nine A M to five P M"),
        ("9:00-17:00", "nine o'clock to seventeen hundred"),
        ("8:30 a.m.", "eight thirty A M."),
        ("at 11 PM", "at eleven P M"),
        ("Monday - Friday", "Monday to Friday"),
    ],
)
def test_a_time_is_said_as_people_say_it(written: str, said: str) -> None:
    """Half days are letters; a range says \"to\"."""
    assert normalise(written) == said
