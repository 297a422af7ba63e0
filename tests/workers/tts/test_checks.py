"""What the worker accepts, and how it says no."""

from typing import Any

import pytest

from backend.workers.tts.checks import BadRequest, parse_order
from backend.workers.tts.proto import voice_pb2


def parse(**fields: Any) -> Any:
    request = voice_pb2.SynthesizeRequest(**{"synthesis_id": "s1", "text": "Hello.", "voice": "anna", **fields})
    return parse_order(request, lambda voice: voice == "anna", {"de": "anna"}.get)


def test_unset_numbers_take_the_defaults_of_the_protocol() -> None:
    """48 kHz in frames of 20 ms."""
    order = parse()

    assert (order.sample_rate, order.frame_duration_ms, order.first_frame_duration_ms) == (48000, 20, 20)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"synthesis_id": ""}, ["synthesis_id", "0 characters", "1 to 128"]),
        ({"synthesis_id": "x" * 129}, ["synthesis_id", "129", "1 to 128"]),
        ({"session_id": "x" * 129}, ["session_id", "129", "at most 128"]),
        ({"text": ""}, ["text", "nothing to speak"]),
        ({"text": " \n\t"}, ["text", "nothing to speak", "3 characters"]),
        ({"text": "\x00\x07\x1b\u0085"}, ["text", "control character"]),
        ({"text": "x" * 10_001}, ["text", "10001", "at most 10000"]),
        ({"voice": "bert"}, ["voice", "bert", "ListModels"]),
        ({"voice": "", "language": "xx"}, ["language", "xx", "ListModels"]),
        ({"sample_rate": 11025}, ["sample_rate", "11025", "8000, 16000, 24000, 48000"]),
        ({"frame_duration_ms": 19}, ["frame_duration_ms", "19", "20 to 200"]),
        ({"frame_duration_ms": 201}, ["frame_duration_ms", "201", "20 to 200"]),
        ({"first_frame_duration_ms": 4_000_000_000}, ["first_frame_duration_ms", "20 to 200"]),
    ],
)
def test_a_refusal_names_the_field_the_value_and_what_is_allowed(fields: dict[str, Any], said: list[str]) -> None:
    """Whoever wrote the request can mend it without reading our code."""
    with pytest.raises(BadRequest) as refusal:
        parse(**fields)

    assert all(word in str(refusal.value) for word in said), str(refusal.value)


def test_the_text_is_never_repeated_in_a_refusal() -> None:
    """J2: no words of a call in messages that end in logs."""
    with pytest.raises(BadRequest) as refusal:
        parse(text="secret " * 5000)

    assert "secret" not in str(refusal.value)


def test_the_longest_text_and_the_extreme_durations_are_accepted() -> None:
    """Limits are inclusive."""
    order = parse(text="x" * 10_000, frame_duration_ms=200, first_frame_duration_ms=20)

    assert (len(order.text), order.frame_duration_ms) == (10_000, 200)


def test_control_characters_in_a_text_become_spaces() -> None:
    """A zero byte would end the text for a C library; new lines mean something and stay."""
    assert parse(text="a\x00b\nc\x1bd").text == "a b\nc d"


def test_without_a_voice_the_language_chooses() -> None:
    """An empty voice means any that speaks it."""
    assert parse(voice="", language="de").voice == "anna"
