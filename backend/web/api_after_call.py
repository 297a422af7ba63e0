"""What is done after a call: doing it once more, and the secret of an agent's webhooks. What became of it stands in
GET /api/calls/{id} (`after_call`, `summary`)."""

from typing import Any, Literal

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from backend.records.after_call import AfterCall
from backend.web.errors import ErrorAnswer
from backend.web.openapi import CLOSED, SECURITY
from backend.web.services import services

blueprint = APIBlueprint(
    "after_call",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="after_call")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)


class FinishedCallPath(BaseModel):
    """Which call."""

    call_control_id: str = Field(min_length=1, max_length=255)


class WebhookAgentPath(BaseModel):
    """Which agent."""

    agent_id: str = Field(min_length=1, max_length=64)


class SummaryAnswer(BaseModel):
    """What the model wrote. A field is null where the call did not tell."""

    text: str
    fields: dict[str, str | float | bool | None]


class SummaryStepAnswer(BaseModel):
    """How far the summary is. `error` is that of the last try."""

    state: Literal["off", "waiting", "done", "failed"]
    attempts: int
    error: str


class WebhookStepAnswer(BaseModel):
    """How far the webhook is. `status` is the receiver's last HTTP status, null where it gave none."""

    state: Literal["off", "waiting", "delivered", "given_up"]
    attempts: int
    status: int | None
    error: str
    delivered_at: float | None


class AfterCallAnswer(BaseModel):
    """What is done after the call. `next_at`: when something is tried next, in seconds since 1970 UTC; null: nothing is
    left to do."""

    webhook_id: str = Field(description="The `webhook-id` header: the same in every attempt.")
    next_at: float | None
    summary: SummaryStepAnswer
    webhook: WebhookStepAnswer


class WebhookSecretAnswer(BaseModel):
    """What the receiver checks the signature with. docs/after-call.md says how."""

    secret: str


@blueprint.post(
    "/calls/<string:call_control_id>/after-call",
    summary="Try a failed summary again, and send the webhook once more",
    description="Needs no body. 404: nothing was to be done after this call.",
    responses={202: AfterCallAnswer, 404: ErrorAnswer, 422: ErrorAnswer},
)
def try_again(path: FinishedCallPath) -> tuple[Response, int]:
    return jsonify(shown(services().after_calls.try_again(path.call_control_id, services().clock.wall()))), 202


@blueprint.get(
    "/agents/<string:agent_id>/webhook-secret",
    summary="What the agent's webhooks are signed with",
    responses={200: WebhookSecretAnswer, 404: ErrorAnswer, 422: ErrorAnswer},
)
def webhook_secret(path: WebhookAgentPath) -> Response:
    agent = services().agents.get(path.agent_id)
    answer = jsonify({"secret": services().webhook_secret(agent.id)})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def shown(after: AfterCall | None) -> dict[str, Any] | None:
    """As AfterCallAnswer has it; None when there was nothing to do."""
    if after is None:
        return None
    return {
        "webhook_id": after.webhook_id,
        "next_at": after.next_at,
        "summary": {"state": after.summary_state, "attempts": after.summary_attempts, "error": after.summary_error},
        "webhook": {
            "state": after.webhook_state,
            "attempts": after.webhook_attempts,
            "status": after.webhook_status,
            "error": after.webhook_error,
            "delivered_at": after.delivered_at,
        },
    }
