"""Which voice activity detector an installation uses. One table row per engine."""

from collections.abc import Callable

from backend.engines.base import Vad
from backend.engines.vad_silero import SileroVad
from backend.engines.vad_webrtc import WebRtcVad

VADS: dict[str, Callable[[], Vad]] = {"silero": SileroVad, "webrtc": WebRtcVad}


def make_vad(name: str) -> Vad:
    """The detector of that name. Settings allow no other names."""
    return VADS[name]()
