"""`call` and `agents`: usage, exit codes, what the product is asked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.call.agent_config import AgentConfig
from backend.cli import main


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
