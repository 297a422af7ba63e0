"""backend/web/export_schemas.py"""

import json
from pathlib import Path

from backend.call.agent_config import AgentConfig
from backend.web.export_schemas import WIRE, export, schemas
from tests.web.conftest import Stage


def test_the_committed_schemas_are_what_the_code_says() -> None:
    """A form or a type of the console can never be behind the API."""
    for name, text in schemas().items():
        committed = (WIRE / name).read_text(encoding="utf-8")
        assert committed == text, f"frontend/src/wire/{name} is stale: run `make console-schemas`"


def test_they_are_what_the_api_serves(stage: Stage) -> None:
    """Not a second description beside the served one."""
    exported = {name: json.loads(text) for name, text in schemas().items()}
    assert stage.client().get("/openapi.json").get_json() == exported["openapi.json"]
    assert stage.client().get("/api/agents/schema").get_json() == exported["agent-schema.json"]
    assert exported["agent-schema.json"] == AgentConfig.model_json_schema()


def test_it_writes_every_file(tmp_path: Path) -> None:
    """Into the folder it is given, as the command does into the console's."""
    export(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == schemas()
