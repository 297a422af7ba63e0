"""The carrier's own recogniser, which in a rehearsal knows the words beforehand. Pure: when which words are sent."""

from dataclasses import dataclass
from typing import Any

INTERIM_EVERY_S = 0.6


@dataclass(frozen=True, slots=True)
class Transcription:
    """A running transcription_start."""

    started_at: float
    """Carrier clock; what was said before is not reported."""
    tracks: str = "inbound"
    wants_interim: bool = False
    """`interim_results` of the engine's config; the real default is no."""
    names_track: bool = False
    """Only engine B says which side spoke."""

    @classmethod
    def from_body(cls, body: dict[str, Any], now: float) -> "Transcription":
        config = body.get("transcription_engine_config") or {}
        return cls(
            started_at=now,
            tracks=body.get("transcription_tracks") or "inbound",
            wants_interim=bool(config.get("interim_results", body.get("interim_results", False))),
            names_track=body.get("transcription_engine") == "B",
        )

    def hears(self, until: float) -> bool:
        """Whether it listens to the far end and was running before the speech that lasts until then was over."""
        return self.tracks in ("inbound", "both") and self.started_at < until

    def data(self, words: str, is_final: bool) -> dict[str, Any]:
        shown = {"transcript": words, "confidence": 0.94 if is_final else 0.8, "is_final": is_final}
        return {**shown, "transcription_track": "inbound"} if self.names_track else shown

    @staticmethod
    def plan(text: str, started_at: float, ended_at: float, delay_s: float) -> list[tuple[float, str, bool]]:
        """(time, words so far, is final): interim results every 0.6 s, the whole `delay_s` after the end."""
        words = text.split()
        planned: list[tuple[float, str, bool]] = []
        at = started_at + INTERIM_EVERY_S
        while at < ended_at:
            count = int(len(words) * (at - started_at) / (ended_at - started_at))
            if count:
                planned.append((at, " ".join(words[:count]), False))
            at += INTERIM_EVERY_S
        return [*planned, (ended_at + delay_s, text, True)]
