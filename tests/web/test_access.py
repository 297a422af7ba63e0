"""backend/web/access.py"""

import base64

import pytest
from flask import Flask

from backend.app import create_app
from backend.settings import Settings
from backend.web.access import OPEN, ROLES, TABLE, Identity, is_closed, needed, pattern
from backend.web.openapi import new_app
from backend.web.services import EXTENSION, install
from tests.web.conftest import API_KEY, Stage

SOON = {
    ("GET", "/api/calls/*/recording"),
    *((method, rule) for method, rule, _ in TABLE if rule.startswith(("/api/live", "/api/talk", "/api/rehearsals"))),
    *((method, rule) for method, rule, _ in TABLE if rule.startswith("/api/voices")),
}
"""Rows that were written before their route landed, which may be there already."""


@pytest.fixture(scope="module")
def product() -> Flask:
    """The whole app, as gunicorn loads it."""
    key = base64.b64encode(bytes(32)).decode()
    return create_app(Settings(offhook_env="test", telnyx_public_key=key))


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or {"GET"}) - {"HEAD", "OPTIONS"}
    }


def test_every_route_of_the_product_stands_in_the_table(product: Flask) -> None:
    """A new address: add a row to TABLE in backend/web/access.py that says who may use it."""
    without = {route for route in routes(product) if needed(*route) is None}

    assert without == set()


def test_the_table_names_no_route_that_is_not_there(product: Flask) -> None:
    """And none twice."""
    there = {(method, pattern(rule)) for method, rule in routes(product)}
    rows = [(method, rule) for method, rule, _ in TABLE]

    assert set(rows) - there - SOON == set()
    assert len(rows) == len(set(rows))


def test_nothing_under_api_is_open_and_every_change_takes_more_than_looking() -> None:
    """Whatever row is added later."""
    for method, rule, role in TABLE:
        assert role in (OPEN, *ROLES)
        assert not is_closed(rule) or role != OPEN, rule
        assert not is_closed(rule) or method == "GET" or role != "viewer", rule


def test_a_route_without_a_row_is_an_admins(stage: Stage) -> None:
    """Whether it lies under /api or not: a row that was forgotten opens nothing."""
    app = new_app()
    install(app, stage.app.extensions[EXTENSION])
    rules = ("/api/forgotten", "/forgotten")
    for rule in rules:
        app.add_url_rule(rule, rule, lambda: "secret")

    for rule in rules:
        assert app.test_client().get(rule).status_code == 401
        assert app.test_client().get(rule, headers={"Authorization": f"Bearer {API_KEY}"}).status_code == 200


def test_asking_for_methods_takes_the_least_role_of_the_address() -> None:
    """It only says which there are."""
    assert needed("OPTIONS", "/webhooks/telnyx") == OPEN
    assert needed("OPTIONS", "/api/agents/<string:agent_id>") == needed("HEAD", "/api/agents/<string:x>") == "viewer"
    assert needed("OPTIONS", "/nowhere") is None


def test_each_role_may_do_what_the_one_before_may() -> None:
    """viewer < editor < admin."""
    allowed = {role: [other for other in ROLES if Identity("x", role).may(other)] for role in ROLES}

    assert allowed == {"viewer": ["viewer"], "editor": ["viewer", "editor"], "admin": ["viewer", "editor", "admin"]}


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
