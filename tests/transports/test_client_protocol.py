"""backend/transports/client_protocol.py, and that docs/client-websocket.md names all of it."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.transports import client_protocol as protocol
from backend.transports.client_protocol import (
    Audio,
    ClientError,
    ErrorCode,
    HangUpWanted,
    InterruptWanted,
    Ping,
    Played,
    SessionStart,
    Text,
    parse_message,
)
from backend.transports.client_socket import CLOSE_CODES, QUEUE_FRAMES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "client-websocket.md").read_text(encoding="utf-8")
PCM = bytes(range(200)) + bytes(120)


def parse(message: Any) -> Any:
    return parse_message(json.dumps(message).encode(), True)


def refusal(message: Any, is_text: bool = True) -> str:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    with pytest.raises(ClientError) as error:
        parse_message(data, is_text)
    return error.value.code.value


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"type": "text", "text": " When do\nyou open? \x07"}, Text("When do you open?")),
        ({"type": "audio", "audio": base64.b64encode(PCM).decode(), "sample_rate": 48000}, Audio(PCM, 48000)),
        ({"type": "control", "action": "hang_up", "more": 1}, HangUpWanted()),
        ({"type": "control", "action": "interrupt"}, InterruptWanted()),
        ({"type": "control", "action": "ping"}, Ping("")),
        ({"type": "control", "action": "ping", "id": "x"}, Ping("x")),
        ({"type": "control", "action": "played", "sequence": 7}, Played(7)),
    ],
)
def test_each_message_is_understood(message: dict[str, Any], expected: object) -> None:
    """Fields that nobody knows are ignored."""
    assert parse(message) == expected


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{", "not_json"),
        (b"[]", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"NaN", "not_json"),
        (b"[" * 5000, "not_json"),
        ({}, "unknown_type"),
        ({"type": "Text"}, "unknown_type"),
        ({"type": ["text"]}, "unknown_type"),
        ({"type": "text"}, "invalid"),
        ({"type": "text", "text": 7}, "invalid"),
        ({"type": "text", "text": " \n\u2028 "}, "invalid"),
        ({"type": "text", "text": "x" * 2001}, "text_too_long"),
        ({"type": "audio", "audio": "AAA=", "sample_rate": 11025}, "bad_rate"),
        ({"type": "audio", "audio": "AAA=", "sample_rate": "8000"}, "bad_rate"),
        ({"type": "audio", "audio": "AAA=", "sample_rate": 8000.0}, "bad_rate"),
        ({"type": "audio", "audio": "AAA="}, "bad_rate"),
        ({"type": "audio", "sample_rate": 8000}, "bad_audio"),
        ({"type": "audio", "audio": "", "sample_rate": 8000}, "bad_audio"),
        ({"type": "audio", "audio": "AA==", "sample_rate": 8000}, "bad_audio"),
        ({"type": "audio", "audio": "A-_=", "sample_rate": 8000}, "bad_audio"),
        ({"type": "audio", "audio": [1, 2], "sample_rate": 8000}, "bad_audio"),
        ({"type": "control"}, "invalid"),
        ({"type": "control", "action": "dance"}, "invalid"),
        ({"type": "control", "action": "ping", "id": 5}, "invalid"),
        ({"type": "control", "action": "ping", "id": "x" * 65}, "invalid"),
        ({"type": "control", "action": "played"}, "invalid"),
        ({"type": "control", "action": "played", "sequence": 0}, "invalid"),
        ({"type": "control", "action": "played", "sequence": True}, "invalid"),
        ({"type": "control", "action": "played", "sequence": 1e9}, "invalid"),
    ],
    ids=str,
)
def test_each_mistake_has_its_code(message: Any, code: str) -> None:
    """And nothing but a ClientError comes of it."""
    assert refusal(message) == code


def test_binary_frames_are_not_understood() -> None:
    """Whatever is in them."""
    assert refusal(b'{"type":"control","action":"hang_up"}', is_text=False) == "not_json"


def test_the_error_does_not_repeat_what_was_sent() -> None:
    """It may be logged, and what somebody says never is."""
    for message in (
        {"type": "my secret"},
        {"type": "control", "action": "my secret"},
        {"type": "text", "text": ["my secret"]},
    ):
        with pytest.raises(ClientError) as error:
            parse(message)
        assert "secret" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "text", "audio", "action"]), inner),
)


@given(
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "audio", "control"])},
        optional={name: JSON for name in ("text", "audio", "sample_rate", "action", "sequence", "id")},
    ).map(lambda value: json.dumps(value).encode())
)
def test_nothing_a_client_sends_raises_anything_else(message: bytes) -> None:
    """A hostile one included."""
    try:
        parse_message(message, True)
    except ClientError:
        pass


BUILT = [
    protocol.build_session_start(SessionStart("web-1", "Ada", True)),
    protocol.build_audio(PCM, 3),
    protocol.build_clear(),
    protocol.build_transcript("agent", "Hello “there”", False, "heard"),
    protocol.build_pong("x"),
    protocol.build_session_end("caller_hung_up"),
    protocol.build_error(ErrorCode.INVALID, "text is empty"),
]


@pytest.mark.parametrize("message", BUILT, ids=lambda message: json.loads(message)["type"])
def test_what_we_send_stands_in_the_document_with_all_its_fields(message: bytes) -> None:
    """One row each."""
    fields = json.loads(message)
    (row,) = re.findall(rf"^\| `{fields.pop('type')}` \|.*$", DOCUMENT.partition("## To the client")[2], re.MULTILINE)

    assert [name for name in fields if f"`{name}`" not in row] == []


def test_audio_is_what_it_says() -> None:
    """Built by template, read as JSON."""
    audio = json.loads(protocol.build_audio(PCM, 12))

    assert base64.b64decode(audio.pop("audio")) == PCM
    assert audio == {"type": "audio", "sequence": 12, "sample_rate": 8000, "frame_ms": 20}


def test_the_document_names_every_message_of_the_client_and_every_limit() -> None:
    """Types, actions, rates."""
    section = DOCUMENT.partition("## From the client")[2].partition("## To the client")[0]
    words = ["text", "audio", "control", "hang_up", "interrupt", "played", "ping"]

    assert [word for word in words if f"`{word}`" not in section] == []
    assert [rate for rate in protocol.CLIENT_RATES if str(rate) not in section] == []
    assert f"{protocol.LARGEST_MESSAGE:,}" in DOCUMENT and f"{QUEUE_FRAMES} frames" in DOCUMENT
    assert str(protocol.LONGEST_TEXT) in section
    assert f"{protocol.MOST_ERRORS} errors within {protocol.MOST_ERRORS_WITHIN_S:g} s" in DOCUMENT


def test_the_document_names_every_error_with_its_close_code() -> None:
    """And no other."""
    section = DOCUMENT.partition("## Errors")[2].partition("## Limits")[0].replace("| `code` |", "")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \|.*?\|(?: (\d{4}) \|)?$", section, re.MULTILINE))

    assert rows == {code.value: str(CLOSE_CODES.get(code, "")) for code in ErrorCode}


def test_twenty_mistakes_within_ten_seconds_are_enough() -> None:
    """Nineteen are not, nor are twenty over a longer time."""
    quick, slow = protocol.ErrorLimit(), protocol.ErrorLimit()

    assert [quick.note(100.0 + number / 10) for number in range(20)] == [False] * 19 + [True]
    assert not any(slow.note(100.0 + number) for number in range(60))
