"""All stores together: what the wiring hands around."""

from dataclasses import dataclass

from backend.clock import Clock, SystemClock
from backend.store.audio_clips import AudioClips
from backend.store.connection import check_policy, connect
from backend.store.database import Database, RedisDatabase
from backend.store.dial_limits import DialLimits
from backend.store.flags import Flags
from backend.store.legs import Legs
from backend.store.live_feeds import LiveFeeds
from backend.store.mailbox import Mailbox
from backend.store.memory import MemoryDatabase
from backend.store.owners import Owners
from backend.store.playbacks import Playbacks
from backend.store.seen_events import SeenEvents
from backend.store.speech_cache import SpeechCache
from backend.store.stream_tokens import StreamTokens
from backend.store.voice_workers import VoiceWorkers


@dataclass(frozen=True, slots=True)
class Stores:
    """One per worker. `listener.Listener(stores.database, …)` is started by the worker itself."""

    database: Database
    legs: Legs
    playbacks: Playbacks
    flags: Flags
    mailbox: Mailbox
    owners: Owners
    stream_tokens: StreamTokens
    seen_events: SeenEvents
    dial_limits: DialLimits
    audio_clips: AudioClips
    voice_workers: VoiceWorkers
    speech_cache: SpeechCache
    live: LiveFeeds


def stores_over(database: Database, clock: Clock | None = None, dial_limits: DialLimits | None = None) -> Stores:
    """The stores over one database."""
    return Stores(
        database=database,
        legs=Legs(database, clock),
        playbacks=Playbacks(database),
        flags=Flags(database),
        mailbox=Mailbox(database),
        owners=Owners(database),
        stream_tokens=StreamTokens(database),
        seen_events=SeenEvents(database),
        dial_limits=dial_limits or DialLimits(database),
        audio_clips=AudioClips(database),
        voice_workers=VoiceWorkers(database),
        speech_cache=SpeechCache(database),
        live=LiveFeeds(database),
    )


def redis_stores(redis_url: str, clock: Clock | None = None) -> Stores:
    """Over Redis, after a look at its eviction policy. Call after the fork."""
    redis = connect(redis_url)
    check_policy(redis)
    return stores_over(RedisDatabase(redis), clock)


def memory_stores(clock: Clock | None = None) -> Stores:
    """Inside this process only."""
    clock = clock or SystemClock()
    return stores_over(MemoryDatabase(clock), clock)
