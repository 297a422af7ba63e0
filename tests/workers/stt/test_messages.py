"""The words of the protocol, the sidecar's end."""

import json

import pytest

from backend.workers.stt import messages
from backend.workers.stt.lane import Heard
from backend.workers.stt.messages import Auth, FlushAsked, NoPlace, ResetAsked, Start, StopAsked, TooLarge


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('{"type":"auth","token":"x"}', Auth("x")),
        ('{"type":"auth"}', Auth("")),
        ('{"type":"start","sample_rate":8000,"language":"en-US","call":"v3:a"}', Start(8000, "en-US", "v3:a")),
        ('{"type":"start","sample_rate":16000}', Start(16000, "", "")),
        ('{"type":"flush","id":-3}', FlushAsked(-3)),
        ('{"type":"reset","unknown":"fields do no harm"}', ResetAsked()),
        ('{"type":"stop"}', StopAsked()),
    ],
)
def test_every_message_of_the_protocol_is_read(text: str, asked: object) -> None:
    """With the fields it must have and those it may have."""
    assert messages.parse(text) == asked


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "{", "[]", "null", "7", '"auth"', "{}", '{"type":7}', '{"type":"transcript"}', "[" * 4000,
        '{"type":"auth","token":7}', '{"type":"start"}', '{"type":"start","sample_rate":"8000"}',
        '{"type":"start","sample_rate":8000.0}', '{"type":"start","sample_rate":true}',
        '{"type":"start","sample_rate":44100}', '{"type":"start","sample_rate":8000,"language":7}',
        '{"type":"start","sample_rate":8000,"language":"' + "e" * 36 + '"}',
        '{"type":"start","sample_rate":8000,"call":["x"]}', '{"type":"flush"}', '{"type":"flush","id":true}',
        '{"type":"flush","id":"1"}', '{"type":"flush","id":1.0}',
    ],
)  # fmt: skip
def test_what_has_no_place_is_refused_in_words_that_fit_a_close_frame(text: str) -> None:
    """A close frame takes 123 bytes; nothing of the text is repeated, it may be a token."""
    with pytest.raises(NoPlace) as refused:
        messages.parse(text)

    assert 0 < len(str(refused.value).encode()) <= 123


def test_a_text_is_limited_in_bytes() -> None:
    """Not in characters: one of them may be four bytes."""
    with pytest.raises(TooLarge):
        messages.parse("x" * 4097)
    with pytest.raises(TooLarge):
        messages.parse('{"type":"auth","token":"' + "😀" * 1100 + '"}')


def test_what_we_say_is_json_with_the_documented_fields() -> None:
    """Seconds to the millisecond, words as they are."""
    assert json.loads(messages.ready("fake")) == {"type": "ready", "recogniser": "fake"}
    assert json.loads(messages.transcript(Heard("grüß dich", True, 3, 1.00049, 2))) == {
        "type": "transcript", "text": "grüß dich", "is_final": True, "utterance": 3, "start_s": 1.0, "end_s": 2,
    }  # fmt: skip
    assert json.loads(messages.flushed(4)) == {"type": "flushed", "id": 4}
    assert json.loads(messages.alive(1.23456)) == {"type": "alive", "audio_s": 1.235}
    assert len(json.loads(messages.error("x" * 9999))["message"]) == 500
