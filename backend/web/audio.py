"""`GET /audio/<call>/<piece>.wav`: one piece of agent speech for the carrier to play (delivery `playback`).

Any worker serves it, from Redis. The name holds a secret, so nobody can listen by guessing; every miss looks the same.
"""

from collections.abc import Callable
from typing import Protocol

from flask import Blueprint, Response, request

from backend.errors import StoreError
from backend.web.worker import worker


class AudioName(Protocol):
    """What the path of a piece says."""

    @property
    def call_control_id(self) -> str: ...
    @property
    def playback_id(self) -> str: ...
    @property
    def secret(self) -> str: ...


def audio_blueprint(parse_path: Callable[[str], AudioName | None]) -> Blueprint:
    """`parse_path` reads the addresses that were given to the carrier."""
    blueprint = Blueprint("audio", __name__)

    @blueprint.get("/audio/<path:name>")
    def audio(name: str) -> Response:
        return _serve(parse_path(request.path))

    return blueprint


def _serve(piece: AudioName | None) -> Response:
    if piece is None:
        return Response(status=404)
    try:
        wav = worker().services.stores.audio_clips.get(piece.call_control_id, piece.playback_id, piece.secret)
    except ValueError:
        return Response(status=404)  # a forged path: its call could not even be a key
    except StoreError:
        return Response(status=503, headers={"Retry-After": "1"})
    if wav is None:
        return Response(status=404)
    return Response(wav, mimetype="audio/wav", headers={"Cache-Control": "no-store"})
