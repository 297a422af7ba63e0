"""Addresses as they are read out."""

import pytest

from backend.workers.tts.normalise_text import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Mail john.doe_99@example.co.uk.", "Mail john dot doe underscore nine nine at example dot co dot U K."),
        ("a+b@my-shop.de?", "a plus b at my dash shop dot D E?"),
        ("See https://www.example.com/help?x=1#top.", "See W W W dot example dot com slash help."),
        (
            "Go to example.org, or shop.example.io/sale!",
            "Go to example dot org, or shop dot example dot I O slash sale!",
        ),
        (
            "http://example.com/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "example dot com",
        ),
        ("Done.It was fine.", "Done.It was fine."),
    ],
)
def test_an_address_is_read_out(written: str, said: str) -> None:
    """What cannot be noted down, a query or an endless path, is left away."""
    assert normalise(written) == said
