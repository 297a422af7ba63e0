"""What a worker's calls work with, in one explicit object. Made after the fork by `backend/app.py`, handed to everyone.

Holds no state of calls and decides nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backend.call.resume import Paces
from backend.carrier.base import CarrierClient
from backend.clock import Clock
from backend.engines.base import Llm, Stt, Tts, TurnModel, Vad
from backend.live.feed import Feed
from backend.live.tone.analyser import ToneAnalyser
from backend.store.stores import Stores

if TYPE_CHECKING:
    from backend.records.agents import Agents
    from backend.records.calls import Calls
    from backend.records.recordings import Recordings
    from backend.session.ready_speech import ReadySpeech


@dataclass(frozen=True, slots=True)
class CallServices:
    """One per worker."""

    worker_id: str
    clock: Clock
    carrier: CarrierClient
    stores: Stores
    agents: "Agents"
    calls: "Calls"
    tts: Tts
    llm: Llm
    vad: Vad
    may_barge_in: bool
    max_calls: int
    """Calls this worker holds at once."""
    media_url: Callable[[str], str]
    """call_control_id → address at which the carrier opens the media stream."""
    audio_url: Callable[[str, int, int, str], str]
    """call_control_id, generation, number, secret → address of one piece of speech."""
    ready_speech: "ReadySpeech | None" = None
    """Short utterances made before; None: everything is made when it is said."""
    turn_model: TurnModel | None = None
    """Judges the caller's voice in each pause; None: words and silence decide alone."""
    recognisers: Mapping[str, Stt] = field(default_factory=dict)
    """Those that are fed by this worker, by name. The carrier's own transcription is always there."""
    stt_engine: str = "carrier"
    """Who understands the callers of agents that do not say."""
    paces: Paces = field(default_factory=Paces)
    """How fast each voice speaks, learned from what it said."""
    tone: ToneAnalyser | None = None
    """Who judges how callers sound; None: nobody."""
    feed: Feed | None = None
    """Where calls tell their watchers what happens; None: nobody can watch."""
    recordings: "Recordings | None" = None
    """Where calls are recorded whose agents want that; None: nowhere."""
    record_core_dir: Path | None = None
    """Where each call's events and commands are written, what was said included; None: nowhere."""
