"""/api/keys: keys of programs, each with a role. The key itself is in the answer to its making and nowhere else."""

from dataclasses import asdict

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from backend.records.users import Role
from backend.web import access
from backend.web.errors import ErrorAnswer
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.services import services

blueprint = APIBlueprint(
    "keys",
    __name__,
    url_prefix="/api/keys",
    abp_tags=[Tag(name="keys")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)


class KeyPath(BaseModel):
    """Which key."""

    key_id: str = Field(min_length=1, max_length=64)


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=100, description="What it is for.")
    role: Role


class KeyAnswer(BaseModel):
    """A key. Instants are seconds since 1970 UTC; `last_used_at` is noted to the hour, null: never."""

    id: str
    name: str
    role: Role
    hint: str = Field(description="How the key begins.")
    created_at: float
    created_by: str
    last_used_at: float | None


class NewKeyAnswer(KeyAnswer):
    """And the key itself, this once."""

    key: str


class KeyList(BaseModel):
    """All keys, the oldest first."""

    keys: list[KeyAnswer]


@blueprint.get("", summary="All keys of programs", responses={200: KeyList})
def list_keys() -> Response:
    return jsonify({"keys": [asdict(key) for key in services().accounts.api_keys.list()]})


@blueprint.post("", summary="Make a key", responses={201: NewKeyAnswer, **WITH_BODY})
def create_key(body: NewKey) -> tuple[Response, int]:
    key, secret = services().accounts.api_keys.create(body.name, body.role, access.asking().name)
    return jsonify({**asdict(key), "key": secret}), 201


@blueprint.delete(
    "/<string:key_id>", summary="Take a key back", responses={204: None, 404: ErrorAnswer, 422: ErrorAnswer}
)
def delete_key(path: KeyPath) -> tuple[str, int]:
    services().accounts.api_keys.delete(path.key_id)
    return "", 204
