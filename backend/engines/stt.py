"""Which recognisers an installation has, and which one an agent gets. One table row per engine.

The carrier's own transcription is always there; it is no row, since it is no `Stt` (`stt_carrier.py` says why).
"""

import logging
from collections.abc import Mapping, Sequence

from backend.engines.base import Stt
from backend.engines.stt_openai import OpenAiStt
from backend.engines.stt_sidecar import SidecarStt

CARRIER = "carrier"

log = logging.getLogger(__name__)


def make_recognisers(
    *, sidecar_urls: Sequence[str], sidecar_token: str, openai_api_key: str, openai_base_url: str, openai_model: str
) -> dict[str, Stt]:
    """Those that can be had with these settings, by the names that `AgentConfig.recogniser` knows."""
    recognisers: dict[str, Stt] = {}
    if sidecar_urls and sidecar_token:
        recognisers["sidecar"] = SidecarStt(sidecar_urls, sidecar_token)
    if openai_api_key or openai_base_url:
        recognisers["openai"] = OpenAiStt(api_key=openai_api_key, base_url=openai_base_url, model=openai_model)
    return recognisers


def choose_recogniser(wanted: str, default: str, available: Mapping[str, Stt]) -> str:
    """The agent's wish, the installation's default, or the carrier where the wish cannot be had."""
    name = wanted or default
    if name == CARRIER or name in available:
        return name
    log.warning("recogniser_not_available wanted=%s", name)
    return CARRIER
