"""/api/users: who may sign in, and as what. An admin's, but for everybody's own password."""

from dataclasses import asdict

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from backend.records.users import NAME_PATTERN, Role
from backend.web import access, first_admin
from backend.web.accounts import WrongCredentials
from backend.web.api_session import address_of_request
from backend.web.errors import ErrorAnswer, FieldError, error_response, invalid_fields
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.passwords import LONGEST, SHORTEST
from backend.web.services import services

blueprint = APIBlueprint(
    "users",
    __name__,
    url_prefix="/api/users",
    abp_tags=[Tag(name="users")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)

_PASSWORD = f"{SHORTEST} to {LONGEST} characters, any."


class UserPath(BaseModel):
    """Which user."""

    name: str = Field(min_length=1, max_length=64)


class NewUser(BaseModel):
    """A user to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="Kept in lower case.")
    role: Role
    password: str = Field(min_length=SHORTEST, max_length=LONGEST, description=_PASSWORD)


class UserChange(BaseModel):
    """What is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    password: str | None = Field(None, min_length=SHORTEST, max_length=LONGEST, description=_PASSWORD)
    present_password: str | None = Field(
        None, max_length=LONGEST, description="Needed by a user who changes their own password."
    )


class UserAnswer(BaseModel):
    """A user. Instants are seconds since 1970 UTC."""

    name: str
    role: Role
    created_at: float
    updated_at: float


class UserList(BaseModel):
    """All users, by name."""

    users: list[UserAnswer]


@blueprint.get("", summary="All users", responses={200: UserList})
def list_users() -> Response:
    return jsonify({"users": [asdict(user) for user in services().accounts.users.list()]})


@blueprint.post("", summary="Make a user", responses={201: UserAnswer, 409: ErrorAnswer, **WITH_BODY})
def create_user(body: NewUser) -> tuple[Response, int]:
    return jsonify(asdict(services().accounts.create(body.name, body.role, body.password))), 201


@blueprint.put(
    "/<string:name>",
    summary="Change a user's role or password",
    description="A new password ends all sessions of that user. Who changes their own shows the present one too, and "
    "goes on in a new session, whose cookie comes with the answer.",
    responses={200: UserAnswer, 404: ErrorAnswer, 409: ErrorAnswer, 429: ErrorAnswer, **WITH_BODY},
)
def update_user(path: UserPath, body: UserChange) -> Response:
    who, accounts = access.asking(), services().accounts
    session = who.session if who.session is not None and who.session.user.name == path.name.lower() else None
    if not who.may("admin") and (session is None or body.role is not None):
        return error_response(403, "forbidden", "this takes the role admin; your own password you may change")
    if session is None or body.password is None:
        changed = accounts.update(path.name, role=body.role, password=body.password)
        if body.password is not None:
            _forget(changed.name)
        return jsonify(asdict(changed))
    if body.present_password is None:
        return invalid_fields([FieldError(field="present_password", message="show your present password")])
    address = address_of_request()
    try:
        begun = accounts.change_own_password(session, body.present_password, body.password, address, role=body.role)
    except WrongCredentials:
        return invalid_fields([FieldError(field="present_password", message="is not your present password")])
    _forget(begun.user.name)
    answer = jsonify(asdict(begun.user))
    access.set_cookie(answer, begun.token)
    return answer


@blueprint.delete(
    "/<string:name>",
    summary="Remove a user",
    responses={204: None, 404: ErrorAnswer, 409: ErrorAnswer, 422: ErrorAnswer},
)
def delete_user(path: UserPath) -> tuple[str, int]:
    services().accounts.users.delete(path.name)
    _forget(path.name.lower())
    return "", 204


def _forget(name: str) -> None:
    """The first admin's password is no longer the one in the file."""
    if name == first_admin.NAME:
        first_admin.forget_generated_password(services().settings)
