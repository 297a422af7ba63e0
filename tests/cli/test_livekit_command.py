"""`livekit-join`: usage. What it runs is in tests/workers/test_livekit_caller.py."""

import os

import pytest
from click.testing import CliRunner

from backend.cli import livekit_command, main


def test_an_address_that_is_no_websocket_is_wrong_usage() -> None:
    """Before anything is started."""
    result = CliRunner().invoke(main, ["livekit-join", "ada", "--url", "https://room", "--token", "t"])

    assert result.exit_code == 2 and "wss://" in result.output


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setattr(livekit_command, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["livekit-join", "ada", "--url", "wss://room", "--token", "t"])

    assert result.exit_code == 1 and "requirements-livekit.txt" in result.output


def test_the_token_is_handed_on_where_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment of the process, not among its arguments."""
    ran: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(livekit_command, "find_spec", lambda name: object())
    monkeypatch.setattr(os, "execve", lambda path, arguments, environment: ran.append((arguments, environment)))
    CliRunner().invoke(main, ["livekit-join", "ada", "--url", "wss://room", "--token", "secret"])
    ((arguments, environment),) = ran

    assert arguments[1:] == ["-m", "backend.workers.livekit_caller", "ada"]
    assert (environment["LIVEKIT_URL"], environment["LIVEKIT_TOKEN"]) == ("wss://room", "secret")
