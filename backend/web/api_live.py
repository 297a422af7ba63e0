"""/api/live: the running calls, what happens in them as it happens, and what somebody who watches may do.

Any worker answers for any call. The event streams are those of `live/watchers.py`; a command to a call is put into the
mailbox of its owner. Hanging up is in `api_calls.py`: it must work on a call that nobody drives any more.
"""

import json
from typing import Any, Literal, cast

from flask import Response, jsonify, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field, field_validator

from backend.call.agent_config import AgentConfig
from backend.call.events import Event, TransferRequested, WhisperRequested
from backend.live.watchers import ALL_CALLS, NotLive
from backend.web.errors import ErrorAnswer, FieldError, error_response
from backend.web.event_stream import Line, event_response
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.worker import worker

blueprint = APIBlueprint(
    "live",
    __name__,
    url_prefix="/api/live",
    abp_tags=[Tag(name="live")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)

MAX_WHISPER = 2000
_EVENTS: dict[str, Any] = {
    "description": "Server-sent events. `id` of an event goes on from there on any worker (`Last-Event-ID`).",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


class LivePath(BaseModel):
    """Which running call."""

    call_control_id: str = Field(min_length=1, max_length=255, pattern=r"^[^{}\x00-\x1f]+$")


class LiveHeader(BaseModel):
    """Headers of an event stream."""

    last_event_id: str = Field(
        "",
        alias="Last-Event-ID",
        description="The `id` of the last event that was received: the stream goes on after it.",
    )


class LiveCallAnswer(BaseModel):
    """One running call."""

    call_control_id: str
    kind: Literal["phone", "browser", "livekit"]
    agent_id: str
    agent_version: int
    agent_name: str
    from_number: str
    to_number: str
    direction: str
    started_at: float = Field(description="Seconds since 1970 UTC.")
    state: Literal["listening", "thinking", "speaking", "on_hold", "ending"]
    check_ins: int = Field(description="Spoken in the present silence.")
    worker: str


class LiveList(BaseModel):
    """The running calls, oldest first."""

    calls: list[LiveCallAnswer]


class WhisperBody(BaseModel):
    """An instruction to the model, for its next answer. The caller does not hear it."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MAX_WHISPER)

    @field_validator("text")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip() or "\x00" in value:
            raise ValueError("must hold words, and no control characters")
        return value


class TransferBody(BaseModel):
    """Where the caller is sent: one of the agent's own targets, by name."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(min_length=1, max_length=200)


class CommandAnswer(BaseModel):
    """The call whose owner will carry it out."""

    call_control_id: str


@blueprint.get("", summary="Running calls", responses={200: LiveList, 503: ErrorAnswer})
def list_live() -> Response:
    calls = [json.loads(state) for state in worker().services.stores.live.calls()[1]]
    return jsonify({"calls": sorted(calls, key=lambda call: (call["started_at"], call["call_control_id"]))})


@blueprint.get("/events", summary="What happens, of all calls", responses={200: _EVENTS, 503: ErrorAnswer})
def watch_all(header: LiveHeader) -> Response:
    return _watch(ALL_CALLS, header.last_event_id)


@blueprint.get(
    "/<string:call_control_id>",
    summary="One running call",
    responses={200: LiveCallAnswer, 404: ErrorAnswer, 422: ErrorAnswer, 503: ErrorAnswer},
)
def get_live(path: LivePath) -> Response:
    return jsonify(_running(path.call_control_id))


@blueprint.get(
    "/<string:call_control_id>/events",
    summary="What happens in one call",
    description="From the call's beginning, or after `Last-Event-ID`. After `ended` the stream is over. A call that has "
    "ended is told for some seconds more.",
    responses={200: _EVENTS, 404: ErrorAnswer, 422: ErrorAnswer, 503: ErrorAnswer},
)
def watch_one(path: LivePath, header: LiveHeader) -> Response:
    return _watch(path.call_control_id, header.last_event_id)


@blueprint.post(
    "/<string:call_control_id>/whisper",
    summary="Instruct the agent of a running call",
    responses={202: CommandAnswer, 404: ErrorAnswer, 503: ErrorAnswer, **WITH_BODY},
)
def whisper(path: LivePath, body: WhisperBody) -> tuple[Response, int]:
    _running(path.call_control_id)
    return _tell_owner(path.call_control_id, WhisperRequested(body.text.strip()))


@blueprint.post(
    "/<string:call_control_id>/transfer",
    summary="Send the caller to one of the agent's targets",
    description="At once: what the agent is saying is cut off.",
    responses={202: CommandAnswer, 404: ErrorAnswer, 503: ErrorAnswer, **WITH_BODY},
)
def transfer(path: LivePath, body: TransferBody) -> tuple[Response, int] | Response:
    call = _running(path.call_control_id)
    agent: AgentConfig = worker().services.agents.get_version(call["agent_id"], call["agent_version"]).config
    if agent.target(body.target) is None:
        allowed = ", ".join(target.name for target in agent.transfer_targets) or "none"
        wrong = FieldError(field="target", message=f"not one of this agent's targets; allowed: {allowed}")
        return error_response(422, "invalid", "wrong: target", [wrong])
    return _tell_owner(path.call_control_id, TransferRequested(body.target))


def _running(call_control_id: str) -> dict[str, Any]:
    """What GET gives of it. Raises NotLive."""
    for state in worker().services.stores.live.calls()[1]:
        call = cast(dict[str, Any], json.loads(state))
        if call["call_control_id"] == call_control_id:
            return call
    raise NotLive("no such call is running")


def _tell_owner(call_control_id: str, event: Event) -> tuple[Response, int]:
    running = worker()
    session = running.registry.get(call_control_id)
    if session is not None:
        session.post(event)
    elif not running.services.stores.mailbox.post(call_control_id, event):
        raise NotLive("no such call is running")
    return jsonify({"call_control_id": call_control_id}), 202


def _watch(name: str, last_event_id: str) -> Response:
    line = Line(request.environ)
    watcher = worker().watchers.watch(name, last_event_id, line.cut)
    return event_response(watcher.frames(), line, lambda: watcher.end("left"), watcher.close)
