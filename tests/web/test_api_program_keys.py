"""backend/web/api_program_keys.py"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Stage, fields_of


def test_a_key_is_shown_once_and_works_until_it_is_taken_back(stage: Stage, client: FlaskClient) -> None:
    """With its role, under its maker's name."""
    made = client.post("/api/keys", json={"name": " backup ", "role": "viewer"})
    body = made.get_json()
    secret = body.pop("key")
    listed = client.get("/api/keys")

    assert made.status_code == 201 and (body["name"], body["role"], body["last_used_at"]) == ("backup", "viewer", None)
    assert body["created_by"] == "key: installation" and secret.startswith(body["hint"])
    assert listed.get_json() == {"keys": [body]} and secret.encode() not in listed.data
    assert stage.client(secret).get("/api/agents").status_code == 200
    assert stage.client(secret).post("/api/agents", json={"name": "A"}).status_code == 403
    assert client.get("/api/keys").get_json()["keys"][0]["last_used_at"] == stage.clock.now
    assert client.delete(f"/api/keys/{body['id']}").status_code == 204
    assert stage.client(secret).get("/api/agents").status_code == 401
    assert client.delete(f"/api/keys/{body['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"role": "owner"}, "role"),
        ({"key": "mine"}, "key"),
    ],
)
def test_a_wrong_field_is_named(client: FlaskClient, change: dict[str, Any], field: str) -> None:
    """Nobody chooses a key's secret."""
    answer = client.post("/api/keys", json={"name": "k", "role": "viewer", **change})

    assert answer.status_code == 422 and set(fields_of(answer)) == {field}
