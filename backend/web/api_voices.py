"""/api/voices: what an agent can speak with, and how that sounds."""

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field, field_validator

from backend.web import access
from backend.web.errors import ErrorAnswer
from backend.web.openapi import CLOSED, SECURITY, WITH_BODY
from backend.web.services import services
from backend.web.voice_samples import LONGEST_TEXT, VoiceSamples

blueprint = APIBlueprint(
    "voices",
    __name__,
    url_prefix="/api/voices",
    abp_tags=[Tag(name="voices")],
    abp_security=SECURITY,
    abp_responses=CLOSED,
)

_WAV: dict[str, Any] = {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}


class VoiceAnswer(BaseModel):
    """A voice that can be chosen now."""

    name: str
    language: str
    engine: str
    default: bool = Field(description="Speaks its language when no voice is named.")


class VoiceList(BaseModel):
    """Of all TTS workers that are there, each voice once."""

    voices: list[VoiceAnswer]


class SampleBody(BaseModel):
    """What to say, and in which voice."""

    model_config = ConfigDict(extra="forbid")

    voice: str = Field("", max_length=80, description="Empty: the best of the language.")
    language: str = Field("en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")
    text: str = Field("", max_length=LONGEST_TEXT, description="Empty: a sentence in that language.")

    @field_validator("voice", "text")
    @classmethod
    def _is_text(cls, value: str) -> str:
        if any(ord(letter) < 32 and letter not in "\n\t" or 0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            raise ValueError("must not contain control characters")
        return value.strip()


@blueprint.get("", summary="The voices that can be chosen now", responses={200: VoiceList})
def list_voices() -> Response:
    return jsonify({"voices": [asdict(voice) for voice in _samples().voices()]})


@blueprint.post(
    "/sample",
    summary="Listen to a voice",
    description="Mono at 24 kHz. 429: too many are being listened to; 503: no voice answers.",
    responses={200: {"description": "The sentence", **_WAV}, 429: ErrorAnswer, **WITH_BODY},
)
def sample(body: SampleBody) -> Response:
    wav = _samples().speak(body.voice, body.language, body.text, access.asking().name)
    return Response(wav, mimetype="audio/wav", headers={"Content-Disposition": 'inline; filename="voice.wav"'})


def _samples() -> VoiceSamples:
    return services().voice_samples
