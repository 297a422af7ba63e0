"""/api/session: signing in, who one is, signing out. For browsers; a program shows its key and needs none of this."""

from flask import Response, jsonify, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from backend.records.users import Role
from backend.web import access
from backend.web.client_address import client_address
from backend.web.errors import ErrorAnswer, error_response
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.passwords import LONGEST
from backend.web.services import services

blueprint = APIBlueprint(
    "session",
    __name__,
    url_prefix="/api/session",
    abp_tags=[Tag(name="session")],
    abp_responses=CLOSED,
)


class SignInBody(BaseModel):
    """Name and password."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    password: str = Field(max_length=LONGEST)


class WhoAnswer(BaseModel):
    """Who asks."""

    name: str
    role: Role


class SessionAnswer(BaseModel):
    """A session. `csrf_token` is shown in the header X-CSRF-Token by every request that changes something; it is empty
    for a key, which needs none."""

    user: WhoAnswer
    csrf_token: str


@blueprint.get("", summary="Who am I?", responses={200: SessionAnswer}, security=SECURITY)
def get_session() -> Response:
    who = access.asking()
    return _answer(who.name, who.role, who.session.csrf_token if who.session else "")


@blueprint.post(
    "",
    summary="Sign in",
    description="Sets the cookie `offhook_session`. 429 after repeated failures, with Retry-After.",
    responses={200: SessionAnswer, 429: ErrorAnswer, **WITH_BODY},
)
def sign_in(body: SignInBody) -> Response:
    # Nobody may sign a visitor in under a name of their choice. Browsers say where a request was made; programs do not.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return error_response(403, "foreign_origin", "a page of another origin may not do this")
    signed_in = services().accounts.sign_in(body.name, body.password, address_of_request())
    answer = _answer(signed_in.user.name, signed_in.user.role, signed_in.csrf_token)
    access.set_cookie(answer, signed_in.token)
    return answer


@blueprint.delete("", summary="Sign out", responses={204: None}, security=SECURITY)
def sign_out() -> Response:
    session = access.asking().session
    if session is not None:
        services().accounts.sign_out(session.token)
    answer = Response(status=204)
    access.clear_cookie(answer)
    return answer


def address_of_request() -> str:
    """For limits: see `client_address`."""
    proxies = services().settings.proxies_in_front
    return client_address(request.remote_addr or "", request.headers.getlist("X-Forwarded-For"), proxies)


def _answer(name: str, role: Role, csrf_token: str) -> Response:
    return jsonify(SessionAnswer(user=WhoAnswer(name=name, role=role), csrf_token=csrf_token).model_dump())
