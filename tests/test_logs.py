"""backend/logs.py"""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from backend import logs

CANARY = 'canary"é-5a1f'


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Everything logged so far, each line parsed."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    logs.configure("INFO", worker="w1", secrets=[CANARY], stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def test_an_event_is_one_line_with_time_level_worker_and_call(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """What the engineer on call searches by."""
    with structlog.contextvars.bound_contextvars(call_control_id="v3:abc"):
        structlog.get_logger().info("check-in spoken", count=2)

    (line,) = lines()
    assert list(line)[:3] == ["ts", "level", "event"] and line["ts"].endswith("Z")
    assert (line["level"], line["event"], line["worker"], line["call_control_id"], line["count"]) == (
        "info", "check-in spoken", "w1", "v3:abc", 2,
    )  # fmt: skip


@pytest.mark.parametrize("nasty", ["a\nb", "a\r\nb", "\x1b[31m", "\u2028\u2029\x85", "\x00\x7f", "\ud800", "{}\n{}"])
def test_nothing_can_break_a_line(lines: Callable[[], list[dict[str, Any]]], nasty: str) -> None:
    """Lines out equal events in, whatever the text, the name or the logger's message holds."""
    structlog.get_logger().info(f"x{nasty}", **{f"a{nasty}": nasty, "list": [nasty, {nasty: nasty}]})
    logging.getLogger("lib").warning("said %s", nasty)

    found = lines()
    assert [line["event"] for line in found] == [f"x{nasty}", f"said {nasty}"]
    raw = json.dumps(found)
    assert raw.isascii() and "\n" not in raw


def test_secrets_words_and_numbers_are_dropped(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """By the name of the field, at any depth, and phone numbers inside other texts too."""
    structlog.get_logger().info(
        "calling +1 312 555 0100 now", api_key="abc", text="hello", transcript=["hi"], from_number="+13125550100",
        headers={"Authorization": "Bearer abc", "deep": [{"stream_token": "abc"}]}, to="anonymous", digit="5",
        client_state={"a": 1},
    )  # fmt: skip

    text = json.dumps(lines())
    for dropped in ("abc", "hello", 'hi"', "555", "anonymous", '"5"'):
        assert dropped not in text


def test_counts_under_such_names_stay(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """`tokens=12` and the number of a playback say nothing about anybody; a number as an integer does."""
    structlog.get_logger().info("x", tokens=12, number=3, phone=13125550100)

    (line,) = lines()
    assert (line["tokens"], line["number"], line["phone"]) == (12, 3, logs.REDACTED)


def test_a_known_secret_is_dropped_wherever_it_turns_up(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """In the message, in a harmless field, in a traceback, from any logger."""
    try:
        raise ValueError(f"bad {CANARY}")
    except ValueError:
        structlog.get_logger().exception(f"failed with {CANARY}", note=CANARY)
        logging.getLogger("lib").error("failed with %s", CANARY, exc_info=True)

    found = lines()
    assert len(found) == 2 and all("ValueError" in line["exception"] for line in found)
    assert CANARY not in "".join(str(line) for line in found)


def test_any_value_can_be_logged(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Logging never fails, never prints what an unknown object holds, and stays valid JSON."""
    loop: list[Any] = []
    loop.append(loop)
    structlog.get_logger().info("x", nan=float("nan"), raw=b"\xff", unknown=object(), loop=loop, big="a" * 100_000)

    (line,) = lines()
    assert (line["nan"], line["raw"], line["unknown"]) == ("nan", "<bytes>", "<object>")
    assert len(line["big"]) < 20_000


def test_levels_below_the_chosen_one_are_not_logged(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """And chatty libraries only warn: their lines hold whole addresses."""
    structlog.get_logger().debug("x")
    logging.getLogger("httpx").info("HTTP Request: POST https://x")

    assert lines() == []
