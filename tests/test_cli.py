"""The command line: usage and exit codes."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.call.agent_config import AgentConfig
from backend.cli import main
from backend.rehearsal.stack import session_members

ROOT = Path(__file__).parents[1]


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
    assert "/api/agents" in result.output and "is the product running at http://127.0.0.1:9?" in result.output


class Product(BaseHTTPRequestHandler):
    """An API that has one agent, at version 3, and notes what it is asked; GET /api/agents is never answered in time."""

    asked: list[tuple[str, str, dict[str, object]]] = []
    may_answer = threading.Event()

    def _take(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        self.asked.append((self.command, self.path, body))
        if self.path == "/api/agents":
            self.may_answer.wait(10)
        answer = b"" if self.command == "DELETE" else json.dumps({"version": 3 + (self.command == "PUT")}).encode()
        self.send_response(204 if self.command == "DELETE" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PUT = do_DELETE = _take

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def product() -> Iterator[str]:
    """Its address."""
    Product.asked.clear()
    Product.may_answer.clear()
    server = HTTPServer(("127.0.0.1", 0), Product)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Product.may_answer.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("options", "version"), [([], 3), (["--version", "2"], 2)])
def test_an_agent_is_changed_from_a_file(product: str, tmp_path: Path, options: list[str], version: int) -> None:
    """Whole, and from the present version unless another one is named; the new version is printed."""
    (tmp_path / "agent.yaml").write_text("name: Bea\n")
    result = CliRunner().invoke(
        main,
        ["agents", "update", "a1", str(tmp_path / "agent.yaml"), "--base-url", product, "--api-key", "k", *options],
    )

    assert (result.exit_code, result.output) == (0, "4\n")
    assert Product.asked[-1] == (
        "PUT",
        f"/api/agents/a1?version={version}",
        AgentConfig(name="Bea").model_dump(mode="json"),
    )


def test_an_agent_is_removed(product: str) -> None:
    """By its id."""
    result = CliRunner().invoke(main, ["agents", "delete", "a1", "--base-url", product, "--api-key", "k"])

    assert (result.exit_code, Product.asked) == (0, [("DELETE", "/api/agents/a1", {})])


def test_an_answer_that_takes_too_long_says_what_to_look_at(product: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare TimeoutError helps nobody."""
    monkeypatch.setattr("backend.rehearsal.product_api.TIMEOUT_S", 0.2)
    result = CliRunner().invoke(main, ["agents", "list", "--base-url", product, "--api-key", "k"])

    assert result.exit_code == 1
    assert f"no answer in time; is the product running at {product}?" in result.output


SLEEPER = """
import asyncio
from backend import cli

async def work():
    try:
        print("begun", flush=True)
        await asyncio.sleep(60)
    finally:
        print("stopped", flush=True)

cli.finish(work())
"""


def test_a_kill_ends_what_a_script_started_in_the_background() -> None:
    """A shell that is not interactive starts background jobs with SIGINT ignored; TERM must still stop everything."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    try:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        process.terminate()
        rest, _ = process.communicate(timeout=10)
    finally:
        process.kill()

    assert (process.returncode, rest) == (130, "stopped\ninterrupted\n")
    assert session_members(process.pid) == []


def test_a_table_in_a_pipe_is_not_folded() -> None:
    """Whatever the width of a window that nobody looks at."""
    script = (
        "from backend.cli import console; from backend.rehearsal.report import print_verdict; "
        "from backend.rehearsal.verdict import Check, Verdict; "
        "print_verdict(console, 'x', Verdict(True, [Check('check-in 2 begins', True, 'e' * 40, 'm' * 40)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [line for line in done.stdout.splitlines() if "e" * 40 in line and "m" * 40 in line]
