"""/api/calls/…/recording and …/waveform: what was said in a call, to be heard and to be seen.

Served from the folder of recordings, with ranges, so that a player can jump. A running call's can be had as far as it is
written.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from flask import Response, jsonify, send_file
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from backend.records.disk import on_disk
from backend.records.errors import UnknownRecord
from backend.records.recordings import RecordingFacts, Recordings
from backend.web.api_calls import CallPath
from backend.web.errors import ErrorAnswer
from backend.web.openapi import CLOSED, SECURITY
from backend.web.services import services

blueprint = APIBlueprint(
    "recordings",
    __name__,
    url_prefix="/api/calls",
    abp_tags=[Tag(name="calls")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)

_WAV: dict[str, Any] = {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}
NO_RECORDING = "this call has no recording"


class RecordingQuery(BaseModel):
    """How to hand it over."""

    model_config = ConfigDict(extra="forbid")

    download: Literal["", "0", "1"] = Field("", description="1: as a file to be saved.")


class WaveformAnswer(BaseModel):
    """How loud each side was: the peak of each `step_s`, 0 to 100 in hundredths of full scale."""

    step_s: float
    caller: list[int]
    agent: list[int]


@blueprint.get(
    "/<string:call_control_id>/recording",
    summary="The recording of a call",
    description="Stereo, caller left, agent right, μ-law at 8 kHz. Ranges are served.",
    responses={
        200: {"description": "All of it", **_WAV},
        206: {"description": "The range that was asked for", **_WAV},
        304: {"description": "Not changed"},
        404: ErrorAnswer,
        416: ErrorAnswer,
        422: ErrorAnswer,
    },
)
def get_recording(path: CallPath, query: RecordingQuery) -> Response:
    recordings, facts = _found(path.call_control_id)
    file = recordings.files.path(path.call_control_id)
    if not on_disk(file.is_file):
        raise UnknownRecord(NO_RECORDING)
    answer = send_file(
        file,
        mimetype="audio/wav",
        as_attachment=query.download == "1",
        download_name=_name(facts, file),
        conditional=True,
        max_age=0,
    )
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


@blueprint.get(
    "/<string:call_control_id>/waveform",
    summary="The waveform of a recording",
    responses={200: WaveformAnswer, 404: ErrorAnswer, 422: ErrorAnswer},
)
def get_waveform(path: CallPath) -> Response:
    recordings, facts = _found(path.call_control_id)
    try:
        waveform = recordings.waveform(path.call_control_id, is_final=facts.state != "recording")
    except FileNotFoundError:
        raise UnknownRecord(NO_RECORDING) from None
    return jsonify(asdict(waveform))


def _found(call_control_id: str) -> tuple[Recordings, RecordingFacts]:
    recordings = services().recordings
    facts = recordings.get(call_control_id) if recordings is not None else None
    if recordings is None or facts is None:
        raise UnknownRecord(NO_RECORDING)
    return recordings, facts


def _name(facts: RecordingFacts, file: Path) -> str:
    """Says when, not who: file names end up in places where numbers of callers should not."""
    return f"call-{round(facts.started_at)}-{file.stem[:8]}.wav"
