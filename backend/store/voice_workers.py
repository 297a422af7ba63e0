"""The TTS workers that are up (D5): each says every ten seconds what it is, and is forgotten 30 s after its last word.

Decides nothing about who speaks: that is `engines/voice_routing.py`. The list of names is a key of its own, because no
script may touch two slots; a name without its worker, or the other way round, is a worker that is not there.
"""

import json

from backend.engines.voice_routing import VoiceWorker
from backend.store import keys
from backend.store.database import Database


class VoiceWorkers:
    """All of them. Used by the TTS workers to register and by everybody who looks for a voice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, worker: VoiceWorker) -> None:
        """Here it is, and this is what it can. Said again by every heartbeat; the newest word counts."""
        text = json.dumps(worker.to_json(), separators=(",", ":"))
        self._database.set(keys.voice_worker(worker.name), text, keys.VOICE_WORKER_TTL_S)
        self._database.run("rank_now", [keys.voice_worker_names()], [worker.name, keys.VOICE_WORKER_TTL_S, 0])

    def heartbeat(self, worker: VoiceWorker) -> None:
        """Still there. The same as `register`, so that nothing is missing after Redis was empty."""
        self.register(worker)

    def deregister(self, name: str) -> None:
        """It has gone, on purpose."""
        self._database.delete(keys.voice_worker(name))
        self._database.run("rank_drop", [keys.voice_worker_names()], [name])

    def list(self) -> list[VoiceWorker]:
        """Every worker that was heard of lately, by name. What cannot be read is left out."""
        names = self._database.run("rank_list", [keys.voice_worker_names()], [keys.VOICE_WORKER_TTL_S * 1000])
        in_order = sorted(name.decode() for name in names)
        texts = self._database.run_many("value_read", [([keys.voice_worker(name)], ()) for name in in_order])
        found = (_parse(name, text) for name, text in zip(in_order, texts, strict=True) if text is not None)
        return [worker for worker in found if worker is not None]


def _parse(name: str, text: bytes) -> VoiceWorker | None:
    try:
        return VoiceWorker.from_json(name, json.loads(text))
    except (ValueError, TypeError, KeyError):
        return None  # another version's, or not a worker's at all
