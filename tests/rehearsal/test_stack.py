"""The stack's settings and its book-keeping of processes. The whole stack is started by the live tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.rehearsal.stack import CarrierAccess, Stack, StackSettings, session_members
from backend.settings import load_settings

CARRIER = CarrierAccess("http://127.0.0.1:9/v2", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "KEY1", "123")


def test_the_environment_of_a_stack_is_one_that_the_product_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of the shell's own settings gets in."""
    monkeypatch.setenv("TELNYX_API_KEY", "the real one")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.com/v1")
    stack = Stack(StackSettings(run_root=tmp_path, web_workers=2, barge_in=True))
    environment = stack.environment(CARRIER)
    (tmp_path / stack.id).mkdir()
    (tmp_path / stack.id / "offhook.yaml").write_text("")

    settings = load_settings(environment)

    assert settings.telnyx_api_key.get_secret_value() == "KEY1"
    assert settings.telnyx_base_url == CARRIER.base_url
    assert settings.openai_base_url == f"{stack.model_url}/v1"
    assert settings.web_concurrency == 2
    assert settings.enable_barge_in is True
    assert settings.public_base_url == stack.base_url
    assert settings.redis_url == stack.redis_url
    stack.stop()


def test_a_stack_uses_the_configured_model_when_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then no scripted model is started."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    stack = Stack(StackSettings.from_environment(run_root=tmp_path))

    assert stack.model_url == ""
    assert stack.environment(CARRIER)["MODEL_AUTOSTART"] == "false"
    assert stack.environment(CARRIER)["OPENAI_API_KEY"] == "sk-real"
    stack.stop()


def test_a_stack_has_a_sidecar_only_when_it_is_asked_for(tmp_path: Path) -> None:
    """With a token of its own; else nobody is told of one."""
    without = Stack(StackSettings(run_root=tmp_path, environment={"TTS_PORT": "1"}))
    with_one = Stack(StackSettings(run_root=tmp_path, stt_recogniser="scripted"))
    environment = with_one.environment(CARRIER)

    assert [without.environment(CARRIER)[name] for name in ("STT_AUTOSTART", "STT_ADDRESS")] == ["false", ""]
    assert environment["STT_AUTOSTART"] == "true"
    assert environment["STT_ADDRESS"] == f"127.0.0.1:{environment['STT_PORT']}"
    assert environment["STT_RECOGNISER"] == "scripted" and len(environment["STT_TOKEN"]) >= 16
    without.stop()
    with_one.stop()


def test_two_stacks_share_neither_ports_nor_folders_nor_keys(tmp_path: Path) -> None:
    """They can run side by side."""
    one, other = (Stack(StackSettings(run_root=tmp_path)) for _ in range(2))
    differing = (
        "RUN_DIR",
        "PORT",
        "REDIS_PORT",
        "TTS_PORT",
        "STT_PORT",
        "MODEL_PORT",
        "OFFHOOK_API_KEY",
        "DATA_DIR",
    )

    assert [n for n in differing if one.environment(CARRIER)[n] == other.environment(CARRIER)[n]] == []
    one.stop()
    other.stop()


def test_the_socket_moves_out_of_a_folder_whose_path_is_too_long(tmp_path: Path) -> None:
    """Unix sockets have short names."""
    stack = Stack(StackSettings(run_root=tmp_path / ("x" * 100)))

    assert len(str(stack.socket_path)) <= 100
    stack.stop()


def test_an_output_that_is_gone_does_not_keep_a_stack_from_stopping(tmp_path: Path) -> None:
    """`python -m backend demo | head` must leave nothing running."""

    def broken(_line: str) -> None:
        raise BrokenPipeError

    stack = Stack(StackSettings(run_root=tmp_path), broken)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    stack._supervisord = process
    stack.stop()

    assert session_members(process.pid) == []
    assert list((tmp_path / "ports").iterdir()) == []
    if process.stdin is not None:
        process.stdin.close()


def test_the_processes_of_a_session_are_found_whoever_their_parent_is() -> None:
    """A grandchild whose parent has gone still belongs to the stack that started it."""
    script = (
        "import subprocess, sys; quiet = subprocess.DEVNULL; "
        "p = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0, stdout=quiet, stderr=quiet); print(p.pid)"
    )
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=read, stdout=subprocess.PIPE, start_new_session=True
    )
    os.close(read)
    output, _ = process.communicate(timeout=10)

    assert session_members(process.pid) == [int(output)]
    os.close(write)  # the grandchild reads the end of its input and leaves
