"""`GET /audio/<call>/<piece>.wav`: one piece of agent speech for the carrier to play (delivery `playback`).

Any worker serves it, from Redis. The name holds a secret, so nobody can listen by guessing; every miss looks the same.
"""

from flask import Blueprint, Response, request

from backend.carrier.telnyx.audio_url import parse_audio_path
from backend.errors import StoreError
from backend.web.worker import worker

blueprint = Blueprint("audio", __name__)


@blueprint.get("/audio/<path:name>")
def audio(name: str) -> Response:
    piece = parse_audio_path(request.path)
    if piece is None:
        return Response(status=404)
    try:
        wav = worker().services.stores.audio_clips.get(piece.call_control_id, piece.playback_id, piece.secret)
    except (StoreError, ValueError):
        return Response(status=503, headers={"Retry-After": "1"})
    if wav is None:
        return Response(status=404)
    return Response(wav, mimetype="audio/wav", headers={"Cache-Control": "no-store"})
