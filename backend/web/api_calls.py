"""/api/calls: the list, one call whole, placing a call, ending one."""

from dataclasses import asdict
from typing import Any, Literal

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from backend.records.calls import MAX_PAGE, CallFilter
from backend.web.api_after_call import AfterCallAnswer, SummaryAnswer, shown
from backend.web.errors import ErrorAnswer, invalid
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.removing import remove_call
from backend.web.services import services

blueprint = APIBlueprint(
    "calls",
    __name__,
    url_prefix="/api/calls",
    abp_tags=[Tag(name="calls")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)


class CallPath(BaseModel):
    """Which call."""

    call_control_id: str = Field(min_length=1, max_length=255)


class CallQuery(BaseModel):
    """Which calls. What is not given does not narrow the list."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    agent_id: str | None = Field(None, max_length=64)
    direction: Literal["incoming", "outgoing"] | None = None
    outcome: str | None = Field(None, max_length=64)
    number: str | None = Field(None, max_length=64, description="Either side of the call.")
    is_running: bool | None = None
    started_from: float | None = Field(None, description="Seconds since 1970 UTC, included.")
    started_before: float | None = Field(None, description="Seconds since 1970 UTC, not included.")
    search: str | None = Field(
        None, min_length=1, max_length=200, description="Stands in what was said, in a number, or in the agent's name."
    )
    limit: int = Field(50, ge=1, le=MAX_PAGE)
    cursor: str = Field("", max_length=500, description="`next_cursor` of the page before.")

    @field_validator("agent_id", "outcome", "number", "search", "cursor")
    @classmethod
    def _is_text(cls, value: str | None) -> str | None:
        if value is not None and "\x00" in value:
            raise ValueError("must not contain control characters")
        return value


class CallSummaryAnswer(BaseModel):
    """One row of the list. Instants are seconds since 1970 UTC; `ended_at` is null while the call is running."""

    call_control_id: str
    direction: str
    agent_id: str
    agent_version: int
    from_number: str
    to_number: str
    started_at: float
    answered_at: float | None
    ended_at: float | None
    outcome: str
    who_hung_up: str
    hangup_cause: str
    check_ins: int


class TurnAnswer(BaseModel):
    """One line of the transcript, as heard."""

    speaker: Literal["caller", "agent"]
    text: str
    at: float
    heard: Literal["heard", "partly", "unheard"]
    unheard_text: str = Field(description="What was generated behind `text` and never heard.")


class LatencyAnswer(BaseModel):
    """Seconds since the caller's end of speech; null where that step did not happen."""

    turn_id: str
    end_of_turn_s: float | None
    first_sentence_s: float | None
    first_audio_s: float | None


class TimelineEventAnswer(BaseModel):
    """One entry of the timeline."""

    at: float
    name: str
    detail: dict[str, Any]


class RecordingAnswer(BaseModel):
    """The call's recording. Its first sample was at `started_at`, in seconds since 1970 UTC."""

    state: Literal["recording", "complete", "incomplete", "failed"] = Field(
        description="incomplete: can be played as far as it came. failed: there is nothing to play."
    )
    started_at: float
    duration_s: float
    bytes: int


class CallAnswer(CallSummaryAnswer):
    """One call, whole. `recording` is null where the call was not recorded, or the recording was removed; `summary`
    where there is none (yet); `after_call` where nothing was to be done after the call."""

    recording: RecordingAnswer | None
    summary: SummaryAnswer | None
    after_call: AfterCallAnswer | None

    turns: list[TurnAnswer]
    latencies: list[LatencyAnswer]
    events: list[TimelineEventAnswer]


class CallList(BaseModel):
    """A page of calls, newest first. `next_cursor` is empty on the last page."""

    calls: list[CallSummaryAnswer]
    next_cursor: str


class DialBody(BaseModel):
    """An outgoing call."""

    model_config = ConfigDict(extra="forbid")

    agent_id: str = Field(min_length=1, max_length=64)
    from_number: str | None = Field(None, description="Shown to the called party. Default: the agent's first number.")
    to_number: str = Field(examples=["+13125550100"])


class DialHeader(BaseModel):
    """Headers of a dial."""

    idempotency_key: str = Field(
        "",
        alias="Idempotency-Key",
        max_length=200,
        description="Repeated with the same key within a minute, it dials once.",
    )


class DialAnswer(BaseModel):
    """The new leg."""

    call_control_id: str


class HangUpAnswer(BaseModel):
    """The leg that is being ended."""

    call_control_id: str


@blueprint.get("", summary="Calls, newest first", responses={200: CallList, 422: ErrorAnswer})
def list_calls(query: CallQuery) -> Response:
    which = CallFilter(**{name: getattr(query, name) for name in CallFilter.__slots__})
    try:
        page = services().calls.list(which, limit=query.limit, cursor=query.cursor)
    except ValueError as error:
        wrong = InitErrorDetails(type=PydanticCustomError("cursor", str(error)), loc=("cursor",), input="")
        return invalid(ValidationError.from_exception_data("CallQuery", [wrong]))
    return jsonify({"calls": [asdict(call) for call in page.calls], "next_cursor": page.next_cursor})


@blueprint.get(
    "/<string:call_control_id>", summary="One call", responses={200: CallAnswer, 404: ErrorAnswer, 422: ErrorAnswer}
)
def get_call(path: CallPath) -> Response:
    call = asdict(services().calls.get(path.call_control_id))
    recordings = services().recordings
    recording = recordings.get(path.call_control_id) if recordings is not None else None
    after = services().after_calls.get(path.call_control_id)
    return jsonify(
        {
            **call.pop("summary"),
            **call,
            "recording": None if recording is None else asdict(recording),
            "summary": None if after is None else after.summary,
            "after_call": shown(after),
        }
    )


@blueprint.delete(
    "/<string:call_control_id>",
    summary="Remove a finished call and everything said in it, its recording included",
    responses={204: None, 404: ErrorAnswer, 422: ErrorAnswer},
)
def delete_call(path: CallPath) -> tuple[str, int]:
    remove_call(services(), path.call_control_id)
    return "", 204


@blueprint.post(
    "",
    summary="Place a call",
    responses={201: DialAnswer, 404: ErrorAnswer, 429: ErrorAnswer, 502: ErrorAnswer, **WITH_BODY},
)
def place_call(header: DialHeader, body: DialBody) -> tuple[Response, int]:
    call_control_id = services().dial_out(
        agent_id=body.agent_id,
        from_number=body.from_number,
        to_number=body.to_number,
        idempotency_key=header.idempotency_key,
    )
    return jsonify({"call_control_id": call_control_id}), 201


@blueprint.post(
    "/<string:call_control_id>/hangup",
    summary="End a running call",
    description="Needs no body. 202: the carrier was told; the record follows once it confirms. 409: it is over.",
    responses={202: HangUpAnswer, 404: ErrorAnswer, 409: ErrorAnswer, 422: ErrorAnswer, 502: ErrorAnswer},
)
def hang_up_call(path: CallPath) -> tuple[Response, int]:
    services().hang_up(path.call_control_id)
    return jsonify({"call_control_id": path.call_control_id}), 202
