"""backend/web/access.py"""

import base64
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.app import create_app
from backend.errors import StoreError
from backend.records.users import ROLES, Role
from backend.settings import Settings
from backend.web.access import CSRF_HEADER, OPEN, TABLE, Identity, is_closed, needed, pattern
from backend.web.openapi import new_app
from backend.web.services import EXTENSION, install
from tests.web.conftest import API_KEY, Stage

SOON = {
    ("GET", "/api/calls/*/recording"),
    *((method, rule) for method, rule, _ in TABLE if rule.startswith(("/api/live", "/api/talk", "/api/rehearsals"))),
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
    """Whatever row is added later; but one gets in, goes out and changes one's own password."""
    themselves = {("POST", "/api/session"), ("DELETE", "/api/session"), ("PUT", "/api/users/*")}
    for method, rule, role in TABLE:
        assert role in (OPEN, *ROLES)
        if is_closed(rule) and (method, rule) not in themselves:
            assert role != OPEN, rule
            assert method == "GET" or role != "viewer", rule


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


# --- who is asking ---------------------------------------------------------------------------------------------------

PASSWORD = "correct horse battery"


def browser(stage: Stage, role: Role, name: str = "") -> tuple[FlaskClient, str]:
    """Somebody signed in with that role, and their csrf_token."""
    name = name or role
    stage.accounts.create(name, role, PASSWORD)
    client = stage.client(None)
    answer = client.post("/api/session", json={"name": name, "password": PASSWORD})
    return client, answer.get_json()["csrf_token"]


def bearer(stage: Stage, role: Role) -> FlaskClient:
    return stage.client(stage.accounts.api_keys.create("a program", role, "test")[1])


CHANGES = [
    ("POST", "/api/agents", {"name": "A"}, "editor"),
    ("DELETE", "/api/agents/none", None, "editor"),
    ("POST", "/api/calls", {"agent_id": "none", "to_number": "+13125550100"}, "editor"),
    ("POST", "/api/calls/none/hangup", None, "editor"),
    ("DELETE", "/api/calls/none", None, "admin"),
    ("POST", "/api/users", {"name": "new", "role": "viewer", "password": PASSWORD}, "admin"),
    ("DELETE", "/api/users/none", None, "admin"),
    ("GET", "/api/users", None, "admin"),
    ("POST", "/api/keys", {"name": "k", "role": "admin"}, "admin"),
    ("GET", "/api/keys", None, "admin"),
    ("GET", "/api/calls", None, "viewer"),
    ("GET", "/metrics", None, "viewer"),
]


@pytest.mark.parametrize(("method", "path", "body", "least"), CHANGES)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_as_far_as_the_table_says(
    stage: Stage, role: Role, method: str, path: str, body: dict[str, str] | None, least: Role
) -> None:
    """By cookie and by key alike: 403 below, something else from there on."""
    client, csrf = browser(stage, role)
    by_cookie = client.open(path, method=method, json=body, headers={CSRF_HEADER: csrf}).status_code
    by_key = bearer(stage, role).open(path, method=method, json=body).status_code

    if Identity("x", role).may(least):
        assert 403 not in (by_cookie, by_key) and 401 not in (by_cookie, by_key)
    else:
        assert (by_cookie, by_key) == (403, 403)


@pytest.mark.parametrize("shown", [None, "", "wrong", "é", "x" * 5000])
def test_the_cookie_alone_changes_nothing(stage: Stage, shown: str | None) -> None:
    """Without the session's own token, and with another session's."""
    client, _ = browser(stage, "admin")
    _, others = browser(stage, "admin", "other")
    for token in (shown, others):
        headers = {} if token is None else {CSRF_HEADER: token}
        answer = client.post("/api/agents", json={"name": "A"}, headers=headers)

        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "csrf")
        assert client.delete("/api/session", headers=headers).status_code == 403
    assert client.get("/api/agents").get_json() == {"agents": []}


def test_a_key_needs_no_csrf_token_and_a_wrong_one_is_not_saved_by_a_cookie(stage: Stage) -> None:
    """What is shown counts, not what else is there."""
    assert bearer(stage, "editor").post("/api/agents", json={"name": "A"}).status_code == 201
    client, csrf = browser(stage, "admin")
    headers = {"Authorization": "Bearer wrong", CSRF_HEADER: csrf}

    assert client.get("/api/agents", headers=headers).status_code == 401
    assert client.get("/api/agents", headers={"Authorization": ""}).status_code == 401


def test_a_role_that_was_taken_away_is_gone_with_the_next_request(stage: Stage) -> None:
    """And a user who was removed is out."""
    client, csrf = browser(stage, "editor")
    stage.accounts.update("editor", role="viewer")
    assert client.post("/api/agents", json={"name": "A"}, headers={CSRF_HEADER: csrf}).status_code == 403
    assert client.get("/api/agents").status_code == 200
    stage.accounts.users.create("root", "admin", "hash")
    stage.accounts.users.delete("editor")

    assert client.get("/api/agents").status_code == 401


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 404),
        ("https://localhost", 404),
        ("http://phone.example.com", 403),
        ("http://localhost.evil.example", 403),
        ("http://localhost:1234", 403),
        ("null", 403),
        ("", 403),
        ("javascript://localhost", 403),
    ],
)
def test_a_socket_with_the_cookie_must_come_from_a_page_of_ours(stage: Stage, origin: str, status: int) -> None:
    """404: it was let through, and there is no such socket. A key needs no origin."""
    client, _ = browser(stage, "viewer")
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    path = "/api/live/none/nothing-here"

    assert client.get(path, headers={**headers, "Origin": origin}).status_code == status
    assert bearer(stage, "viewer").get(path, headers=headers).status_code == 404


def test_the_public_address_is_ours_too(stage: Stage) -> None:
    """A proxy may have replaced Host."""
    services = stage.app.extensions[EXTENSION]
    settings = services.settings.model_copy(update={"public_base_url": "https://phone.example.com"})
    install(stage.app, replace(services, settings=settings))
    client, _ = browser(stage, "viewer")
    headers = {"Upgrade": "websocket", "Origin": "https://phone.example.com"}

    assert client.get("/api/live/none/nothing-here", headers=headers, base_url="https://localhost").status_code == 404


def test_without_redis_a_key_works_and_a_cookie_is_told_to_wait(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, not 401: nobody is signed out because Redis is away."""
    client, _ = browser(stage, "viewer")

    def away(*_: object) -> None:
        raise StoreError("Redis did not answer")

    monkeypatch.setattr(stage.store, "run", away)

    assert client.get("/api/agents").status_code == 503
    assert stage.client().get("/api/agents").status_code == 200
