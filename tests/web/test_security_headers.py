"""backend/web/security_headers.py"""

from dataclasses import replace

import pytest

from backend.web.security_headers import DATA, PAGE
from backend.web.services import EXTENSION, install
from tests.web.conftest import Stage


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/api/agents", True),
        ("GET", "/api/agents", False),
        ("GET", "/api/nothing", True),
        ("DELETE", "/healthz", False),
        ("POST", "/api/agents", True),
        ("OPTIONS", "/api/agents", True),
        ("GET", "/healthz", False),
        ("GET", "/metrics", True),
        ("GET", "/openapi.json", False),
    ],
)
def test_every_answer_carries_them(stage: Stage, method: str, path: str, key: bool) -> None:
    """Refusals and errors too."""
    client = stage.client() if key else stage.client(None)
    headers = client.open(path, method=method, data="{" if method == "POST" else None).headers

    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Content-Security-Policy"] == DATA
    assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Frame-Options"] == "DENY"
    assert headers["Permissions-Policy"].startswith("microphone=(self)") and headers["Cache-Control"] == "no-store"


def test_the_page_may_run_files_of_ours_and_nothing_else() -> None:
    """No inline script, no evaluation, no other host, no frame, no form that goes elsewhere."""
    rules = {name: values for name, _, values in (rule.partition(" ") for rule in PAGE.split("; "))}

    assert rules["script-src"] == "'self'" and rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["connect-src"] == "'self'" and rules["base-uri"] == rules["form-action"] == "'none'"
    assert "http" not in PAGE and "*" not in PAGE and "eval" not in PAGE
    assert PAGE.count("unsafe-inline") == 1 and "unsafe-inline" in rules["style-src"]


def test_where_people_use_https_their_browsers_keep_to_it(stage: Stage) -> None:
    """And only there: a machine at home has no certificate."""
    assert "Strict-Transport-Security" not in stage.client().get("/healthz").headers
    services = stage.app.extensions[EXTENSION]
    settings = services.settings.model_copy(update={"public_base_url": "https://phone.example.com"})
    install(stage.app, replace(services, settings=settings))

    assert stage.client().get("/healthz").headers["Strict-Transport-Security"] == "max-age=31536000"
