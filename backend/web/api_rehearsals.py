"""/api/rehearsals: those that come with the product, those of one's own, and their runs.

A run is asked for here and played elsewhere, one at a time; its events can be followed on any worker.
"""

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify, send_file
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from backend.web.errors import ErrorAnswer, FieldError, error_response
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.rehearsal_answers import (
    CheckBody,
    EventHeader,
    InvalidRehearsal,
    ProblemList,
    RehearsalAnswer,
    RehearsalBody,
    RehearsalList,
    RehearsalPath,
    RunAnswer,
    RunBegun,
    RunBody,
    RunList,
    RunPath,
    RunQuery,
    summary_of,
)
from backend.web.rehearsing import ShippedRehearsal, TooManyRuns, WrongRehearsal
from backend.web.services import services

blueprint = APIBlueprint(
    "rehearsals",
    __name__,
    url_prefix="/api/rehearsals",
    abp_tags=[Tag(name="rehearsals")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)

_ONE: dict[str | int, Any] = {404: ErrorAnswer, 422: ErrorAnswer}
_AUDIO = {"description": "Stereo, the caller left, the agent right.", "content": {"audio/wav": {}}}
_EVENTS = {"description": "Events `run`, `line` and, the last, `over`.", "content": {"text/event-stream": {}}}


@blueprint.get("", summary="All rehearsals", responses={200: RehearsalList})
def list_rehearsals() -> Response:
    return jsonify(services().rehearsing.all().model_dump())


@blueprint.post("/check", summary="What is wrong with a text", responses={200: ProblemList, **WITH_BODY})
def check_rehearsal(body: CheckBody) -> Response:
    return jsonify({"problems": [asdict(one) for one in services().rehearsing.check(body.yaml)]})


@blueprint.get("/runs", summary="Runs, newest first", responses={200: RunList, 422: ErrorAnswer})
def list_runs(query: RunQuery) -> Response:
    runs = services().rehearsing.runs(query.name, query.limit)
    return jsonify({"runs": [summary_of(run).model_dump() for run in runs]})


@blueprint.get("/runs/<string:run_id>", summary="One run", responses={200: RunAnswer, **_ONE})
def get_run(path: RunPath) -> Response:
    return jsonify(services().rehearsing.run(path.run_id).model_dump())


@blueprint.post(
    "/runs/<string:run_id>/cancel",
    summary="Break a run off",
    description="Needs no body. 409: it is over.",
    responses={202: RunBegun, 409: ErrorAnswer, **_ONE},
)
def cancel_run(path: RunPath) -> tuple[Response, int]:
    if not services().rehearsing.cancel(path.run_id):
        return error_response(409, "run_over", "the run is over"), 409
    return jsonify({"run_id": path.run_id}), 202


@blueprint.get(
    "/runs/<string:run_id>/recording",
    summary="What was heard in a run",
    responses={200: _AUDIO, 206: _AUDIO, 416: ErrorAnswer, **_ONE},
)
def get_run_recording(path: RunPath) -> Response:
    found = services().rehearsing.recording(path.run_id)
    answer = send_file(found, mimetype="audio/wav", conditional=True, etag=False, download_name=f"{path.run_id}.wav")
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer


@blueprint.get(
    "/runs/<string:run_id>/events",
    summary="A run as it happens, as server-sent events",
    responses={200: _EVENTS, **_ONE},
)
def follow_run(path: RunPath, header: EventHeader) -> Response:
    after = int(header.last_event_id) if header.last_event_id.isdecimal() else -1
    events = services().rehearsing.events(path.run_id, after)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(events, mimetype="text/event-stream", headers=headers)


@blueprint.get("/<string:name>", summary="One rehearsal", responses={200: RehearsalAnswer, **_ONE})
def get_rehearsal(path: RehearsalPath) -> Response:
    return jsonify(services().rehearsing.get(path.name).model_dump())


@blueprint.put(
    "/<string:name>",
    summary="Store a rehearsal of one's own",
    responses={200: RehearsalAnswer, 409: ErrorAnswer, **WITH_BODY, 422: InvalidRehearsal},
)
def put_rehearsal(path: RehearsalPath, body: RehearsalBody) -> Response:
    try:
        return jsonify(services().rehearsing.put(path.name, body.yaml, body.version).model_dump())
    except WrongRehearsal as wrong:
        return _not_valid(wrong)
    except ShippedRehearsal as error:
        return error_response(409, "shipped_rehearsal", str(error))


@blueprint.delete(
    "/<string:name>",
    summary="Remove a rehearsal of one's own and its runs",
    responses={204: None, 409: ErrorAnswer, **_ONE},
)
def delete_rehearsal(path: RehearsalPath) -> Response | tuple[str, int]:
    try:
        services().rehearsing.delete(path.name)
    except ShippedRehearsal as error:
        return error_response(409, "shipped_rehearsal", str(error))
    return "", 204


@blueprint.post(
    "/<string:name>/runs",
    summary="Have a rehearsal played",
    responses={202: RunBegun, 404: ErrorAnswer, 429: ErrorAnswer, **WITH_BODY, 422: InvalidRehearsal},
)
def begin_run(path: RehearsalPath, body: RunBody) -> Response | tuple[Response, int]:
    try:
        return jsonify({"run_id": services().rehearsing.begin(path.name, body.agent_id)}), 202
    except WrongRehearsal as wrong:
        return _not_valid(wrong)
    except TooManyRuns as error:
        return error_response(429, "too_many_runs", str(error), retry_after_s=30)


def _not_valid(wrong: WrongRehearsal) -> Response:
    """Each problem as a wrong field, for whoever shows those, and with its place."""
    fields = [
        FieldError(field="yaml", message=f"line {one.line}: {one.path + ': ' if one.path else ''}{one.message}")
        for one in wrong.problems
    ]
    answer = error_response(422, "invalid", "the rehearsal is not valid", fields)
    content = answer.get_json()
    content["problems"] = [asdict(one) for one in wrong.problems]
    answer.set_data(jsonify(content).get_data())
    return answer
