"""`rehearse` and its like: usage and exit codes."""

from pathlib import Path

from click.testing import CliRunner

from backend.cli import main


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
