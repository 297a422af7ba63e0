"""The address of one playback."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.carrier.telnyx.audio_url import audio_path, parse_audio_path, parse_audio_url

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200),
    st.integers(0, 10**9 - 1),
    st.integers(0, 10**9 - 1),
    st.text("abcXYZ019-_", min_size=8, max_size=64),
)
def test_what_was_built_is_read_back(call: str, generation: int, number: int, secret: str) -> None:
    """Any call id, also one with slashes, survives the way through a URL."""
    name = parse_audio_url("https://agent.example:8443/base" + audio_path(call, generation, number, secret))

    assert name is not None
    assert (call, generation, number, secret) == (name.call_control_id, name.generation, name.number, name.secret)
    assert f"{generation}-{number}" == name.playback_id


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/audio/",
        "/audio/djM6/1-2.wav",
        "/audio/djM6/1-2-short.wav",
        f"/audio/djM6/1-2-{SECRET}.mp3",
        f"/audio/djM6/x-2-{SECRET}.wav",
        f"/audio/djM6/1-2-{SECRET}.wav?x=1",
        f"/audio/../djM6/1-2-{SECRET}.wav",
        f"/audio/A/1-2-{SECRET}.wav",
        f"/audio/gICA/1-2-{SECRET}.wav",
        f"/audio/djM6/1-2-{SECRET}.wav\n",
    ],
)
def test_another_path_names_nothing(path: str) -> None:
    """What we did not build is not taken apart."""
    assert parse_audio_path(path) is None


def test_a_secret_that_would_not_come_back_is_refused() -> None:
    """A slash in the secret would make an address that nobody can fetch."""
    with pytest.raises(ValueError, match="secret"):
        audio_path("v3:a", 1, 1, "with/slash/in/it")


def test_a_very_long_url_is_not_searched() -> None:
    """Whatever a webhook claims, the work is bounded."""
    assert parse_audio_url("x" * 3000 + audio_path("v3:a", 1, 1, SECRET)) is None
