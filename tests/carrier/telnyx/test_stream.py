"""The media stream's codec: documented messages parse, everything else is MalformedMessage and nothing else."""

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.carrier.telnyx.stream import (
    LARGEST_MESSAGE,
    Connected,
    Dtmf,
    FrameOrder,
    MalformedLimit,
    Mark,
    Media,
    Started,
    Stopped,
    StreamError,
    Unknown,
    build_clear,
    build_mark,
    build_media,
    check_payload,
    parse_message,
)
from backend.errors import MalformedMessage

START: dict[str, Any] = {
    "event": "start",
    "sequence_number": "1",
    "stream_id": "5a7b",
    "start": {
        "user_id": "u",
        "call_control_id": "v3:abc",
        "call_session_id": "s",
        "from": "+15550001",
        "to": "+15550002",
        "tags": [],
        "client_state": "eA==",
        "custom_parameters": {"k": "v"},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
}
MEDIA: dict[str, Any] = {
    "event": "media",
    "sequence_number": "4",
    "stream_id": "5a7b",
    "media": {"track": "inbound", "chunk": "2", "timestamp": "40", "payload": "AAEC"},
}

DOCUMENTED = [
    (
        {"event": "connected", "version": "1.0.0", "connected": {"x-telnyx-streaming-auth-token": "tok"}},
        Connected("tok"),
    ),
    ({"event": "connected", "version": "1.0.0"}, Connected("")),
    (START, Started("5a7b", "v3:abc", "PCMU", 8000, "eA==")),
    (MEDIA, Media("inbound", 2, 40, b"\x00\x01\x02", 4)),
    ({"event": "dtmf", "dtmf": {"digit": "#"}, "occurred_at": "2026-01-02T03:04:05.678901Z"}, Dtmf("#")),
    ({"event": "mark", "sequence_number": "6", "mark": {"name": "m1"}}, Mark("m1")),
    (
        {"event": "error", "payload": {"code": 100004, "title": "invalid_media", "detail": "x"}},
        StreamError(100004, "invalid_media"),
    ),
    ({"event": "stop", "stop": {"user_id": "u", "call_control_id": "v3:abc"}}, Stopped()),
    ({"event": "newsflash", "anything": [1]}, Unknown("newsflash")),
]


@pytest.mark.parametrize(("body", "expected"), DOCUMENTED, ids=lambda value: type(value).__name__)
def test_every_documented_message_parses(body: dict[str, Any], expected: object) -> None:
    """Text and bytes alike."""
    text = json.dumps(body)

    assert expected == parse_message(text)
    assert expected == parse_message(text.encode())


def changed(body: dict[str, Any], path: str, value: Any) -> str:
    body = json.loads(json.dumps(body))
    target = body
    *parents, last = path.split(".")
    for key in parents:
        target = target[key]
    target[last] = value
    return json.dumps(body)


POISON: list[str | bytes] = [
    "",
    "[]",
    "null",
    "1",
    '"media"',
    "{}",
    '{"event":null}',
    '{"event":["media"]}',
    '{"event":"media"}',
    '{"event":"media","media":null}',
    '{"event":"media","media":[]}',
    "[" * 60000,
    '{"a":' * 12000,
    '{"event":"media","media":' + "[" * 2000 + "]" * 2000 + "}",
    '{"event":"mark","mark":{"name":NaN}}',
    '{"event":"mark","mark":{"name":"a"},"x":NaN}',
    '{"event":"mark","mark":{"name":"\\ud800"}}',
    '{"event":"mark","mark":{"name":"a\\u0000b"}}',
    '{"event":"mark","mark":{"name":"\ud800"}}',
    b'{"event":"mark","mark":{"name":"\xff"}}',
    json.dumps(MEDIA).encode("utf-16"),
    json.dumps(MEDIA) + " " * LARGEST_MESSAGE,
    changed(MEDIA, "media.payload", "!!!!AAAA****"),
    changed(MEDIA, "media.payload", "AAA"),
    changed(MEDIA, "media.payload", "AAAA\n"),
    changed(MEDIA, "media.payload", "AA==AA=="),
    changed(MEDIA, "media.payload", "äAAA"),
    changed(MEDIA, "media.payload", ""),
    changed(MEDIA, "media.payload", 5),
    changed(MEDIA, "media.payload", None),
    changed(MEDIA, "media.track", "sideways"),
    changed(MEDIA, "media.track", ["inbound"]),
    changed(MEDIA, "media.chunk", "-1"),
    changed(MEDIA, "media.chunk", "²"),
    changed(MEDIA, "media.chunk", "٣"),
    changed(MEDIA, "media.chunk", "1" * 5000),
    changed(MEDIA, "media.chunk", 1 << 60),
    changed(MEDIA, "media.chunk", 1.0),
    changed(MEDIA, "media.chunk", True),
    changed(MEDIA, "media.chunk", None),
    json.dumps(MEDIA).replace('"2"', "1e999"),
    changed(MEDIA, "sequence_number", {}),
    changed(START, "stream_id", None),
    changed(START, "start", "x"),
    changed(START, "start.call_control_id", 7),
    changed(START, "start.call_control_id", "v3:\x00"),
    changed(START, "start.call_control_id", "v" * 600),
    changed(START, "start.media_format", None),
    changed(START, "start.media_format.sample_rate", "8000"),
    changed(START, "start.media_format.sample_rate", 1),
    changed(START, "start.media_format.encoding", 1),
    '{"event":"connected","connected":[]}',
    '{"event":"connected","connected":{"x-telnyx-streaming-auth-token":5}}',
    '{"event":"dtmf","dtmf":{"digit":"x"}}',
    '{"event":"dtmf","dtmf":{"digit":""}}',
    '{"event":"dtmf","dtmf":{"digit":"12"}}',
    '{"event":"error","payload":{"code":"x"}}',
]


@pytest.mark.parametrize("message", POISON, ids=range(len(POISON)))
def test_every_known_poison_is_malformed(message: str | bytes) -> None:
    """The catalogue's F37 list: depth bombs, NaN, surrogates, UTF-16, junk base64, wrong types, huge numbers."""
    with pytest.raises(MalformedMessage) as caught:
        parse_message(message)

    assert len(str(caught.value)) < 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["media", "start", "mark", "name", "payload", "chunk"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=300))
@example(b"\xef\xbb\xbf{}")
def test_random_bytes_never_raise_anything_else(message: str | bytes) -> None:
    """Only MalformedMessage leaves the parser."""
    try:
        parse_message(message)
    except MalformedMessage:
        pass


@settings(max_examples=500)
@given(
    st.sampled_from(["connected", "start", "media", "mark", "dtmf", "error", "stop"]),
    st.dictionaries(
        st.sampled_from(["connected", "start", "media", "mark", "dtmf", "payload", "stream_id"]), json_values
    ),
)
def test_random_objects_of_known_events_never_raise_anything_else(event: str, rest: dict[str, Any]) -> None:
    """Every field of every message may hold any JSON."""
    try:
        parse_message(json.dumps({"event": event, **rest}))
    except MalformedMessage:
        pass


@given(st.binary(min_size=1, max_size=2000))
def test_audio_survives_the_round_trip(payload: bytes) -> None:
    """What we build carries exactly the payload; what carries a payload parses to it."""
    built = json.loads(build_media(payload))

    assert built == {"event": "media", "media": {"payload": base64.b64encode(payload).decode()}}
    built["media"] |= {"track": "inbound", "chunk": "1", "timestamp": "0"}
    parsed = parse_message(json.dumps(built))
    assert isinstance(parsed, Media)
    assert payload == parsed.payload


def test_marks_and_clears_have_the_documented_form() -> None:
    """Names are escaped, not pasted."""
    assert json.loads(build_mark('a"}b')) == {"event": "mark", "mark": {"name": 'a"}b'}}
    assert json.loads(build_clear()) == {"event": "clear"}


def test_half_a_sample_is_malformed() -> None:
    """Linear audio has two bytes per sample; the telephone's encodings have one."""
    check_payload("L16", b"ab")
    check_payload("PCMU", b"abc")
    with pytest.raises(MalformedMessage):
        check_payload("L16", b"abc")


def frame(number: int) -> bytes:
    return str(number).encode()


def ordered(order: FrameOrder, numbers: list[int]) -> list[int]:
    return [int(payload) for number in numbers for payload in order.push(number, frame(number))]


def test_frames_in_order_pass_at_once() -> None:
    """Nothing is held in the ordinary case."""
    order = FrameOrder()

    assert ordered(order, [7, 8, 9]) == [7, 8, 9]
    assert order.flush() == []


def test_swapped_frames_are_put_in_order() -> None:
    """One early frame waits for the one before it."""
    order = FrameOrder()

    assert ordered(order, [1, 3, 2, 5, 4]) == [1, 2, 3, 4, 5]
    assert order.reordered == 2


def test_a_missing_frame_is_given_up_after_three_have_come() -> None:
    """The delay is bounded; the missing one is dropped when it comes at last."""
    order = FrameOrder()

    assert ordered(order, [1, 3, 4]) == [1]
    assert ordered(order, [5]) == [3, 4, 5]
    assert ordered(order, [2]) == []
    assert (order.lost, order.late) == (1, 1)


def test_duplicates_are_dropped() -> None:
    """Held or passed on already."""
    order = FrameOrder()

    assert ordered(order, [1, 1, 3, 3, 2, 2]) == [1, 2, 3]
    assert (order.duplicates, order.late) == (1, 2)


def test_one_absurd_number_does_not_silence_the_call() -> None:
    """A single far-off number is dropped and the stream goes on."""
    order = FrameOrder()

    assert ordered(order, [1, 10**15, 2, 3]) == [1, 2, 3]
    assert order.strange == 1


@pytest.mark.parametrize("numbers", [[500, 501, 502, 503], [9000, 9001, 9002, 9003]])
def test_a_counter_that_really_jumped_is_followed(numbers: list[int]) -> None:
    """Three in a row convince; none of them is lost."""
    order = FrameOrder()
    ordered(order, list(range(4000, 4010)))

    assert numbers == ordered(order, numbers)


@given(st.permutations(range(20)))
def test_whatever_the_order_nothing_comes_out_twice_or_backwards(numbers: list[int]) -> None:
    """Strictly rising output, at most three held."""
    order = FrameOrder()

    out = ordered(order, numbers) + [int(payload) for payload in order.flush()]

    assert out == sorted(set(out))


@given(st.lists(st.booleans(), min_size=30, max_size=60))
def test_neighbours_that_change_places_lose_nothing(swaps: list[bool]) -> None:
    """Mild disorder is repaired completely."""
    numbers = list(range(100, 100 + len(swaps)))
    for place in range(2, len(numbers) - 1, 2):
        if swaps[place]:
            numbers[place], numbers[place + 1] = numbers[place + 1], numbers[place]

    assert sorted(numbers) == ordered(FrameOrder(), numbers)


def test_twenty_malformed_messages_within_ten_seconds_are_enough() -> None:
    """Nineteen are not, and neither are twenty over eleven seconds."""
    quick, slow = MalformedLimit(), MalformedLimit()

    assert [quick.note(i * 0.1) for i in range(20)] == [False] * 19 + [True]
    assert not any(slow.note(i * 0.6) for i in range(100))
    assert (quick.count, slow.count) == (20, 100)
