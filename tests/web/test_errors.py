"""backend/web/errors.py and bodies.py"""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.web.bodies import MAX_BODY_BYTES, BadJson, parse_json
from tests.web.conftest import Stage

JSON = {"Content-Type": "application/json"}


def shape(answer: Any) -> tuple[int, str]:
    body = answer.get_json()
    assert list(body) == ["error"] and set(body["error"]) == {"code", "message", "fields"}
    return answer.status_code, body["error"]["code"]


def test_every_refusal_has_the_one_shape(client: FlaskClient) -> None:
    """Unknown address, wrong method, wrong type, too large, unreadable."""
    assert shape(client.get("/api/nothing")) == (404, "not_found")
    assert shape(client.get("/nothing")) == (404, "not_found")
    wrong_method = client.patch("/api/agents", json={})
    assert shape(wrong_method) == (405, "method_not_allowed") and "POST" in wrong_method.headers["Allow"]
    assert shape(client.post("/api/agents", data="name=x")) == (415, "unsupported_media_type")
    assert shape(client.post("/api/agents", data="{", headers=JSON)) == (400, "bad_request")
    large = json.dumps({"name": "x" * MAX_BODY_BYTES})
    assert shape(client.post("/api/agents", data=large, headers=JSON)) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        "", " ", "[]", '"{}"', '"x"', "null", "1", "NaN", '{"temperature": NaN}', '{"name": Infinity}', "[" * 100_000,
        '{"a":' * 100_000, '{"a":' * 50 + "1" + "}" * 50, '{"name": "x"', b"\xff\xfe{\x00}\x00", b'{"name": "\xff"}',
        '{"name": "x"} {}', "{'name': 'x'}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_400(client: FlaskClient, body: str | bytes) -> None:
    """Empty, another type, not finite, too deep, truncated, not UTF-8; what was sent is not repeated."""
    answer = client.post("/api/agents", data=body, headers=JSON)

    assert shape(answer) == (400, "bad_request")


def test_half_a_surrogate_pair_is_422(client: FlaskClient) -> None:
    """JSON can spell it, no database keeps it."""
    assert shape(client.post("/api/agents", data='{"name": "\\ud800"}', headers=JSON)) == (422, "invalid")


def test_what_was_sent_is_never_repeated(client: FlaskClient) -> None:
    """It may be a caller's number or words."""
    canary = "canary+13125550100"
    for body in (json.dumps({"name": "x", "temperature": canary}), f'{{"name": {canary}', json.dumps([canary])):
        assert canary not in client.post("/api/agents", data=body, headers=JSON).text


def test_a_surprise_of_our_own_is_500_without_a_traceback(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has it; the client gets a sentence."""

    def broken(*_: object) -> None:
        raise RuntimeError("canary: the inner life")

    monkeypatch.setattr(stage.agents, "list", broken)
    answer = stage.client().get("/api/agents")

    assert shape(answer) == (500, "internal") and "canary" not in answer.text


def test_the_document_lists_every_address_and_is_generated(stage: Stage) -> None:
    """Open, complete, with the key it needs; each test of this folder checks the statuses against it."""
    document = stage.client(None).get("/openapi.json").get_json()
    documented = {(path, method) for path, item in document["paths"].items() for method in item}

    routes = {
        (rule.rule.replace("<string:", "{").replace("<int:", "{").replace(">", "}"), method.lower())
        for rule in stage.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule != "/openapi.json"
    }
    assert documented == routes
    assert document["paths"]["/api/agents"]["get"]["security"] == [{"api_key": []}, {"session": []}]
    assert "security" not in document["paths"]["/healthz"]["get"]
    assert "429" in document["paths"]["/api/calls"]["post"]["responses"]


def test_the_parser_takes_what_is_json() -> None:
    """And raises one error only for what is not."""
    assert parse_json(b'{"a": [1, "\xc3\xa9"]}') == {"a": [1, "é"]}
    with pytest.raises(BadJson):
        parse_json("[" * 10_000)
