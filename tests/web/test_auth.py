"""backend/web/auth.py"""

import pytest

from tests.web.conftest import API_KEY, Stage


@pytest.mark.parametrize(
    "path", ["/api/agents", "/api/calls/x", "/api/nothing/here", "/api", "/metrics", "/api/agents/schema"]
)
@pytest.mark.parametrize("key", [None, "", "wrong", API_KEY[:-1], f"{API_KEY}x", "é", API_KEY.upper()])
def test_without_the_key_everything_closed_is_401(stage: Stage, path: str, key: str | None) -> None:
    """Unknown addresses under /api too: nothing can be found out by trying."""
    answer = stage.client(key).get(path)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", [f"Basic {API_KEY}", API_KEY, f"Bearer{API_KEY}", "Bearer", "Bearer  "])
def test_only_a_bearer_key_counts(stage: Stage, header: str) -> None:
    """In the header, in its form."""
    assert stage.client(None).get("/api/agents", headers={"Authorization": header}).status_code == 401
    assert stage.client(None).get(f"/api/agents?key={API_KEY}").status_code == 401


def test_with_the_key_it_opens(stage: Stage) -> None:
    """The scheme's case does not matter."""
    assert stage.client().get("/api/agents").status_code == 200
    assert stage.client(None).get("/metrics", headers={"Authorization": f"bearer {API_KEY}"}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_health_and_the_document_are_open(stage: Stage, path: str) -> None:
    """A balancer has no key."""
    assert stage.client(None).get(path).status_code == 200


@pytest.mark.parametrize("path", ["//api/agents", "/./api/agents", "/x/../api/agents", "/%61pi/agents", "/API/agents"])
def test_no_other_spelling_of_a_closed_address_opens_it(stage: Stage, path: str) -> None:
    """Whatever the server makes of it, no agents come back."""
    answer = stage.client(None).get(path)

    assert answer.status_code in (301, 308, 401, 404) and b'agents": [' not in answer.data
