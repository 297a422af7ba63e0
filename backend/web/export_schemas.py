"""`python -m backend.web.export_schemas`: what the console's types are generated from.

| file in frontend/src/wire/ | is                                                            |
|----------------------------|---------------------------------------------------------------|
| openapi.json               | the API, as /openapi.json serves it                           |
| agent-schema.json          | an agent, as /api/agents/schema serves it: the form is drawn from it |

The third, api.ts, is made from the first by `npm run schemas` in frontend/. All three are committed, and
tests/web/test_export_schemas.py and tests/console/ fail when they are not what the code says. It starts nothing and
reads no settings.
"""

import json
from pathlib import Path
from typing import Any

from backend.call.agent_config import AgentConfig
from backend.web.api import register_api
from backend.web.openapi import new_app

WIRE = Path(__file__).parents[2] / "frontend" / "src" / "wire"


def schemas() -> dict[str, str]:
    """File name → its text."""
    app = new_app()
    register_api(app)
    return {
        "openapi.json": _text(app.api_doc, sort_keys=True),
        # Not sorted: the form shows the fields in the order in which they are declared.
        "agent-schema.json": _text(AgentConfig.model_json_schema(), sort_keys=False),
    }


def export(folder: Path = WIRE) -> None:
    """Write them into `folder`."""
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


def _text(document: dict[str, Any], *, sort_keys: bool) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=sort_keys) + "\n"


if __name__ == "__main__":
    export()
