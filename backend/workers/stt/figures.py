"""What the sidecar counts and times, for its own /metrics page. One process, so a registry of its own, without the web
processes' files. No label holds a call, a language or a word."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)
_PIECES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class SidecarFigures:
    """Built once; `step` comes from the compute thread, the rest from the event loop."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._sessions = Gauge("offhook_stt_sessions", "Sessions that have a seat", registry=registry)
        self._closed = Counter("offhook_stt_closed_total", "Connections closed, by code", ["code"], registry=registry)
        self._odd = Counter("offhook_stt_odd_messages_total", "Audio of an odd size, skipped", registry=registry)
        self._audio = Counter("offhook_stt_audio_seconds_total", "Audio recognised", registry=registry)
        self._step_s = Histogram(
            "offhook_stt_step_seconds", "Time of one step of all sessions", buckets=_SECONDS, registry=registry
        )
        self._pieces = Histogram(
            "offhook_stt_step_sessions", "Sessions in one step", buckets=_PIECES, registry=registry
        )

    def step(self, pieces: int, audio_s: float, took_s: float) -> None:
        """One step of the recogniser is over."""
        self._pieces.observe(pieces)
        self._audio.inc(audio_s)
        self._step_s.observe(took_s)

    def seated(self, sessions: int) -> None:
        """So many seats are taken now."""
        self._sessions.set(sessions)

    def closed(self, code: int) -> None:
        """A connection is over. Codes beyond the protocol's are the library's own or the client's."""
        self._closed.labels(str(code) if 1000 <= code <= 1015 else "other").inc()

    def odd_message(self) -> None:
        """Audio of an odd number of bytes was skipped."""
        self._odd.inc()

    def page(self) -> bytes:
        """All of it in the Prometheus text format."""
        return generate_latest(self._registry)
