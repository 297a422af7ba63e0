"""backend/web/api_session.py"""

from dataclasses import replace

import pytest

from backend.web.access import CSRF_HEADER
from backend.web.services import EXTENSION, install
from tests.web.conftest import Stage, fields_of

PASSWORD = "correct horse battery"
GOOD = {"name": "eva", "password": PASSWORD}


def test_in_and_out(stage: Stage) -> None:
    """The cookie is out of reach of scripts and other sites, and dead after signing out."""
    stage.accounts.create("eva", "editor", PASSWORD)
    client = stage.client(None)
    assert client.get("/api/session").status_code == 401
    answer = client.post("/api/session", json=GOOD)
    cookie = answer.headers["Set-Cookie"]
    body = answer.get_json()

    assert answer.status_code == 200 and body["user"] == {"name": "eva", "role": "editor"}
    assert cookie.startswith("offhook_session=") and body["csrf_token"] not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; ")) and "Secure" not in cookie
    assert client.get("/api/session").get_json() == body
    gone = client.delete("/api/session", headers={CSRF_HEADER: body["csrf_token"]})
    assert gone.status_code == 204 and gone.headers["Set-Cookie"].startswith("offhook_session=;")
    again = stage.client(None)
    again.set_cookie("offhook_session", cookie.partition("=")[2].partition(";")[0])
    assert again.get("/api/session").status_code == 401


def test_where_people_use_https_the_cookie_never_goes_over_http(stage: Stage) -> None:
    """By PUBLIC_BASE_URL: behind a proxy our own connection says nothing."""
    stage.accounts.create("eva", "editor", PASSWORD)
    services = stage.app.extensions[EXTENSION]
    settings = services.settings.model_copy(update={"public_base_url": "https://phone.example.com"})
    install(stage.app, replace(services, settings=settings))

    assert "; Secure" in stage.client(None).post("/api/session", json=GOOD).headers["Set-Cookie"]


def test_a_program_may_ask_who_it_is(stage: Stage) -> None:
    """It needs no csrf_token, and signing out changes nothing for it."""
    secret = stage.accounts.api_keys.create("backup", "viewer", "eva")[1]
    client = stage.client(secret)

    assert client.get("/api/session").get_json() == {
        "user": {"name": "key: backup", "role": "viewer"},
        "csrf_token": "",
    }
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/session").status_code == 200


@pytest.mark.parametrize(
    "body", [{**GOOD, "password": "wrong"}, {**GOOD, "name": "nobody"}, {"name": "", "password": ""}]
)
def test_wrong_is_wrong(stage: Stage, body: dict[str, str]) -> None:
    """The same words for each, and no cookie."""
    stage.accounts.create("eva", "editor", PASSWORD)
    answer = stage.client(None).post("/api/session", json=body)

    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "wrong_credentials")
    assert answer.get_json()["error"]["message"] == "wrong name or password"
    assert "Set-Cookie" not in answer.headers


def test_repeated_failures_are_429_at_their_address_only(stage: Stage) -> None:
    """With the time to wait. An address that a client makes up is not believed."""
    stage.accounts.create("eva", "editor", PASSWORD)
    client = stage.client(None)
    for number in range(3):
        client.post("/api/session", json={**GOOD, "password": "x"}, headers={"X-Forwarded-For": f"203.0.113.{number}"})
    stopped = client.post("/api/session", json=GOOD, headers={"X-Forwarded-For": "203.0.113.99"})
    client.environ_base["REMOTE_ADDR"] = "198.51.100.7"

    assert (stopped.status_code, stopped.get_json()["error"]["code"]) == (429, "too_many_tries")
    assert 0 < int(stopped.headers["Retry-After"]) <= 60
    assert client.post("/api/session", json=GOOD).status_code == 200


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)]
)
def test_no_other_page_signs_a_visitor_in(stage: Stage, site: str, status: int) -> None:
    """Under a name of its own choice."""
    stage.accounts.create("eva", "editor", PASSWORD)

    assert stage.client(None).post("/api/session", json=GOOD, headers={"Sec-Fetch-Site": site}).status_code == status


def test_what_is_not_a_sign_in_names_its_fields(stage: Stage) -> None:
    """And no form of a page is one: only JSON is read."""
    client = stage.client(None)

    assert set(
        fields_of(client.post("/api/session", json={"name": "x" * 65, "password": "x" * 201, "as": "admin"}))
    ) == {
        "name",
        "password",
        "as",
    }
    assert client.post("/api/session", data=GOOD).status_code == 415
