"""Which TTS worker speaks next. Pure: time is an argument, nothing is opened or asked.

A worker says of itself what it can (`VoiceWorker`, kept in Redis by `store/voice_workers.py`); a request says what it
needs (`Wanted`); `VoiceRouter` picks, in this order:

1. only workers that can: not draining, with the voice (or a voice of the language), with the capabilities, not tried yet;
2. those that did not fail of late before those that did: these are a last resort, never excluded, so that a single
   worker that stumbled once is still asked. Of late: within `LEFT_FOR_S`, and until it has said again that it is there,
   which a dead worker never does although it stays listed for a while;
3. those whose model is resident before those that would have to load it;
4. those with a free slot before those that are full;
5. those that compute faster than they speak (`rtf` below 1) before those whose every sentence would stutter;
6. then the strategy: the least loaded (`queue_depth`), the one not chosen for longest (`round_robin`), or the one
   that is quickest with its first frame (`latency`; among equally quick ones, the one that computes least).

Loads are some seconds old, so what this process itself has under way is added. Run by `voices.py` and the command line.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Strategy = Literal["queue_depth", "round_robin", "latency"]

_COMPOSED = re.compile(r"[+#]")

LEFT_FOR_S = 5.0
"""How long a worker that failed is avoided at least."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of a worker. `model` names the model and, where it is known, its version."""

    name: str
    language: str
    model: str


@dataclass(frozen=True, slots=True)
class VoiceWorker:
    """What one TTS worker says of itself."""

    name: str
    address: str
    """host:port"""
    max_concurrent_sessions: int = 1
    streaming: bool = True
    zero_shot: bool = False
    """It can speak in a voice from a short recording."""
    voices: tuple[Voice, ...] | None = ()
    """None: not known yet; it is asked for any voice."""
    resident_models: tuple[str, ...] = ()
    rtf: float = 0.0
    """Seconds of computing, not of waiting, per second of audio, median; 0 before the first synthesis. Not a measure of
    load: a row of a busy batch costs less than one that is alone."""
    queue_depth: int = 0
    """Syntheses it has under way."""
    p50_latency_ms: float = 0.0
    """Request to first frame, median; 0 before the first synthesis."""
    is_draining: bool = False
    told_at: float = 0.0
    """When it said so, wall seconds."""

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({voice.language for voice in self.voices or ()}))

    def find(self, wanted: "Wanted") -> Voice | None:
        """The voice that would speak: the one named, or the best of the language."""
        voices = self.voices or ()
        if wanted.voice:
            # A worker may compose names, as in "en-us+f3": a listed voice in the manner of something.
            listed = (wanted.voice, _COMPOSED.split(wanted.voice, maxsplit=1)[0])
            return next((voice for name in listed for voice in voices if voice.name == name), None)
        language = wanted.language.lower() or "en"
        while language:
            for voice in voices:
                if voice.language.lower() == language or voice.language.lower().startswith(language + "-"):
                    return voice
            language = language.rpartition("-")[0]
        return None

    def to_json(self) -> dict[str, Any]:
        """As it lies in Redis: in the order and grouping in which a person wants to read it."""
        return {
            "address": self.address,
            "capabilities": {
                "streaming": self.streaming,
                "zero_shot": self.zero_shot,
                "languages": list(self.languages),
                "max_concurrent_sessions": self.max_concurrent_sessions,
            },
            "voices": [[voice.name, voice.language, voice.model] for voice in self.voices or ()],
            "resident_models": list(self.resident_models),
            "metrics": {"rtf": self.rtf, "queue_depth": self.queue_depth, "p50_latency_ms": self.p50_latency_ms},
            "is_draining": self.is_draining,
            "told_at": self.told_at,
        }

    @classmethod
    def from_json(cls, name: str, fields: Mapping[str, Any]) -> "VoiceWorker":
        """Raises ValueError, TypeError or KeyError for what no worker of ours wrote."""
        capabilities, metrics = fields["capabilities"], fields["metrics"]
        return cls(
            name=name,
            address=str(fields["address"]),
            max_concurrent_sessions=int(capabilities["max_concurrent_sessions"]),
            streaming=bool(capabilities["streaming"]),
            zero_shot=bool(capabilities["zero_shot"]),
            voices=tuple(Voice(str(voice), str(language), str(model)) for voice, language, model in fields["voices"]),
            resident_models=tuple(str(model) for model in fields["resident_models"]),
            rtf=float(metrics["rtf"]),
            queue_depth=int(metrics["queue_depth"]),
            p50_latency_ms=float(metrics["p50_latency_ms"]),
            is_draining=bool(fields["is_draining"]),
            told_at=float(fields["told_at"]),
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request needs. `voice` "" means any voice of `language`."""

    voice: str
    language: str = "en"
    streaming: bool = False
    zero_shot: bool = False

    def __str__(self) -> str:
        named = f"voice {self.voice[:80]!r}" if self.voice else f"language {self.language[:80]!r}"
        needs = [name for name in ("streaming", "zero_shot") if getattr(self, name)]
        return " with ".join([named, *needs])


@dataclass(slots=True)
class VoiceRouter:
    """Picks for one process, and remembers what it picked and what failed."""

    strategy: Strategy = "queue_depth"
    _failures: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Name → when it failed, and the `told_at` it had then."""
    _own: Counter[str] = field(default_factory=Counter)
    _chosen: dict[str, int] = field(default_factory=dict)
    _choices: int = 0

    def choose(
        self, workers: Sequence[VoiceWorker], wanted: Wanted, now: float, tried: Collection[str] = ()
    ) -> VoiceWorker | None:
        """The worker to ask next; None when none is left that can."""
        able = [worker for worker in workers if worker.name not in tried and _can(worker, wanted)]
        if not able:
            return None
        best = min(able, key=lambda worker: self._rank(worker, wanted, now))
        self._choices += 1
        self._chosen[best.name] = self._choices
        return best

    def began(self, name: str) -> None:
        """A synthesis of this process runs there."""
        self._own[name] += 1

    def ended(self, name: str) -> None:
        self._own[name] -= 1
        if self._own[name] <= 0:
            del self._own[name]

    def failed(self, worker: VoiceWorker, now: float) -> None:
        """It did not do what it was asked; not for being full, which is no fault."""
        self._failures[worker.name] = (now, worker.told_at)

    def succeeded(self, name: str) -> None:
        """It has spoken to the end."""
        self._failures.pop(name, None)

    def forget_all_but(self, names: Collection[str]) -> None:
        """Workers that are no longer known leave nothing behind."""
        for name in [name for name in self._failures if name not in names]:
            del self._failures[name]
        for name in [name for name in self._chosen if name not in names]:
            del self._chosen[name]

    def _rank(self, worker: VoiceWorker, wanted: Wanted, now: float) -> tuple[float, ...]:
        failure = self._failures.get(worker.name)
        is_left = failure is not None and (now - failure[0] < LEFT_FOR_S or worker.told_at == failure[1])
        voice = worker.find(wanted)
        is_resident = worker.voices is None or (voice is not None and _is_resident(worker, voice))
        load = (worker.queue_depth + self._own[worker.name]) / max(1, worker.max_concurrent_sessions)
        turn = self._chosen.get(worker.name, 0)
        by_strategy: tuple[float, ...]
        match self.strategy:
            case "queue_depth":
                by_strategy = (load, turn)
            case "round_robin":
                by_strategy = (turn,)
            case "latency":
                by_strategy = (worker.p50_latency_ms, worker.rtf, load, turn)
        return (is_left, not is_resident, load >= 1, worker.rtf >= 1, *by_strategy)


def _can(worker: VoiceWorker, wanted: Wanted) -> bool:
    if worker.is_draining or (wanted.streaming and not worker.streaming) or (wanted.zero_shot and not worker.zero_shot):
        return False
    return worker.voices is None or worker.find(wanted) is not None


def _is_resident(worker: VoiceWorker, voice: Voice) -> bool:
    """A model's name may carry its version behind an @."""
    resident = {model.partition("@")[0] for model in worker.resident_models}
    return voice.model.partition("@")[0] in resident
