"""backend/carrier/call_id.py"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.carrier import call_id


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_an_id_comes_back_as_it_was(text: str) -> None:
    """Whatever characters the carrier uses; the part itself needs no escaping in a path."""
    part = call_id.encode(text)

    assert call_id.decode(part) == text
    assert all(character.isalnum() or character in "-_" for character in part)


@pytest.mark.parametrize("part", ["", "=", "a", "ab=c", "ä", "_w", "%3A", "a b", "x" * 401, "../x"])
def test_anything_else_is_no_id(part: str) -> None:
    """Not base64url, not UTF-8 inside, too long, empty."""
    assert call_id.decode(part) is None
