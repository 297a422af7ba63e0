"""backend/web/api_users.py"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.web.access import CSRF_HEADER
from backend.web.secret_file import admin_password_file
from backend.web.services import EXTENSION
from tests.web.conftest import Stage, fields_of

PASSWORD = "correct horse battery"
NEW = "another password"


@pytest.fixture
def root(stage: Stage) -> FlaskClient:
    """Signed in as `admin`, whose password is the generated one."""
    admin_password_file(stage.app.extensions[EXTENSION].settings.data_dir).write_text(PASSWORD)
    return signed_in(stage, "admin", "admin")


def signed_in(stage: Stage, name: str, role: Any) -> FlaskClient:
    stage.accounts.create(name, role, PASSWORD)
    client = stage.client(None)
    begun = client.post("/api/session", json={"name": name, "password": PASSWORD})
    client.environ_base[f"HTTP_{CSRF_HEADER.upper().replace('-', '_')}"] = begun.get_json()["csrf_token"]
    return client


def file_of(stage: Stage) -> Any:
    return admin_password_file(stage.app.extensions[EXTENSION].settings.data_dir)


def test_a_user_is_made_listed_changed_and_removed(stage: Stage, root: FlaskClient) -> None:
    """No answer holds a password or its hash."""
    made = root.post("/api/users", json={"name": "Eva", "role": "viewer", "password": PASSWORD})
    stage.clock.now += 5
    changed = root.put("/api/users/eva", json={"role": "editor"})
    listed = root.get("/api/users")

    assert made.status_code == 201
    assert made.get_json() == {"name": "eva", "role": "viewer", "created_at": 1.7e9, "updated_at": 1.7e9}
    assert changed.get_json() == {**made.get_json(), "role": "editor", "updated_at": 1.7e9 + 5}
    assert [user["name"] for user in listed.get_json()["users"]] == ["admin", "eva"] and b"argon" not in listed.data
    assert root.post("/api/users", json={"name": "EVA", "role": "viewer", "password": PASSWORD}).status_code == 409
    assert root.delete("/api/users/eva").status_code == 204
    assert root.delete("/api/users/eva").status_code == 404
    assert root.put("/api/users/eva", json={"role": "admin"}).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"name": "<img src=x>"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"role": "root"}, "role"),
        ({"password": "x" * 11}, "password"),
        ({"password": "x" * 201}, "password"),
        ({"is_admin": True}, "is_admin"),
    ],
)
def test_a_wrong_field_is_named(root: FlaskClient, change: dict[str, Any], field: str) -> None:
    """At and beyond each limit."""
    answer = root.post("/api/users", json={"name": "eva", "role": "viewer", "password": PASSWORD, **change})

    assert answer.status_code == 422 and set(fields_of(answer)) == {field}


def test_everybody_changes_their_own_password_and_nothing_else(stage: Stage, root: FlaskClient) -> None:
    """Not their role, not another's password; and only who knows the present one."""
    eva = signed_in(stage, "eva", "viewer")
    elsewhere = stage.client(None)
    elsewhere.post("/api/session", json={"name": "eva", "password": PASSWORD})

    assert eva.put("/api/users/eva", json={"role": "admin"}).status_code == 403
    assert eva.put("/api/users/admin", json={"password": NEW}).status_code == 403
    assert eva.put("/api/users/nobody", json={"password": NEW}).status_code == 403
    assert set(fields_of(eva.put("/api/users/eva", json={"password": NEW}))) == {"present_password"}
    wrong = eva.put("/api/users/eva", json={"password": NEW, "present_password": "x"})
    assert set(fields_of(wrong)) == {"present_password"}
    assert elsewhere.get("/api/session").status_code == 200

    assert eva.put("/api/users/EVA", json={"password": NEW, "present_password": PASSWORD}).status_code == 200
    assert elsewhere.get("/api/session").status_code == 401
    assert eva.get("/api/session").status_code == 200
    assert eva.put("/api/users/eva", json={"password": PASSWORD, "present_password": NEW}).status_code == 200


def test_an_admin_gives_another_user_a_new_password_which_ends_their_sessions(stage: Stage, root: FlaskClient) -> None:
    """The admin need not know the old one."""
    eva = signed_in(stage, "eva", "viewer")

    assert root.put("/api/users/eva", json={"password": NEW}).status_code == 200
    assert eva.get("/api/session").status_code == 401 and root.get("/api/session").status_code == 200


def test_a_key_with_the_role_may_do_it_too_and_a_viewers_key_may_not(stage: Stage, root: FlaskClient) -> None:
    """A key is nobody's, so it has no own password."""
    stage.accounts.create("eva", "viewer", PASSWORD)
    viewer = stage.client(stage.accounts.api_keys.create("k", "viewer", "admin")[1])

    assert stage.client().put("/api/users/eva", json={"password": NEW}).status_code == 200
    assert viewer.put("/api/users/eva", json={"password": NEW}).status_code == 403


def test_the_last_admin_can_neither_go_nor_step_down(stage: Stage, root: FlaskClient) -> None:
    """409, and nothing has changed."""
    for answer in (root.delete("/api/users/admin"), root.put("/api/users/admin", json={"role": "viewer"})):
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "last_admin")
    assert root.get("/api/users").status_code == 200


@pytest.mark.parametrize("by", ["themselves", "a key", "removal"])
def test_the_generated_password_leaves_its_file_when_it_opens_nothing_any_more(
    stage: Stage, root: FlaskClient, by: str
) -> None:
    """A stale one would only mislead."""
    root.put("/api/users/admin", json={"role": "admin"})
    assert file_of(stage).exists()
    if by == "themselves":
        root.put("/api/users/admin", json={"password": NEW, "present_password": PASSWORD})
    elif by == "a key":
        stage.client().put("/api/users/admin", json={"password": NEW})
    else:
        stage.accounts.create("second", "admin", PASSWORD)
        stage.client().delete("/api/users/ADMIN")

    assert not file_of(stage).exists()


def test_guessing_the_present_password_ends_in_429(stage: Stage, root: FlaskClient) -> None:
    """At an unlocked screen."""
    eva = signed_in(stage, "eva", "viewer")
    codes = [eva.put("/api/users/eva", json={"password": NEW, "present_password": "x"}).status_code for _ in range(4)]

    assert codes == [422, 422, 422, 429]
