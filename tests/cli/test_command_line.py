"""The whole command line."""

from click.testing import CliRunner

from backend.cli import main


def test_every_command_explains_itself() -> None:
    """`--help` works without any service running."""
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    for command in ("demo", "up", "rehearse", "load", "bench-timeline", "call", "agents", "voices", "say", "doctor"):
        assert command in result.output
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
