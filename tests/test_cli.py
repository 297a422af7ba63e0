"""The command line: usage and exit codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.cli import main


def test_every_command_explains_itself() -> None:
    """`--help` works without any service running."""
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    for command in ("demo", "up", "rehearse", "load", "bench-timeline", "call", "agents", "voices", "say", "doctor"):
        assert command in result.output
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0


def test_rehearse_without_a_scenario_names_the_shipped_ones() -> None:
    """Wrong usage is exit code 2, before anything is started."""
    result = CliRunner().invoke(main, ["rehearse"])

    assert result.exit_code == 2
    assert "default_dead_air" in result.output


def test_a_wrong_scenario_file_stops_before_anything_is_started(tmp_path: Path) -> None:
    """With the field."""
    (tmp_path / "bad.yaml").write_text("name: x\ncodec: y\n")
    result = CliRunner().invoke(main, ["rehearse", str(tmp_path / "bad.yaml")])

    assert result.exit_code == 2
    assert "codec" in result.output


def test_a_product_that_runs_already_needs_its_keys() -> None:
    """Without them the rehearsal carrier could not take its place."""
    result = CliRunner().invoke(main, ["rehearse", "pcma", "--base-url", "http://127.0.0.1:1"])

    assert result.exit_code == 2
    assert "--signing-seed" in result.output


def test_a_wrong_agent_file_names_the_field(tmp_path: Path) -> None:
    """Before the product is asked."""
    (tmp_path / "agent.yaml").write_text("name: x\ngreting: hello\n")
    result = CliRunner().invoke(main, ["agents", "create", str(tmp_path / "agent.yaml"), "--api-key", "k"])

    assert result.exit_code == 2
    assert "greting" in result.output


def test_a_product_that_does_not_answer_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the request that failed."""
    result = CliRunner().invoke(main, ["agents", "list", "--base-url", "http://127.0.0.1:9", "--api-key", "k"])

    assert result.exit_code == 1
    assert "/api/agents" in result.output
