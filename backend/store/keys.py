"""The legend of every Redis key: what it is, who writes it, how long it lives and why. Keys are spelled only here.

A key of one call carries the call as a *literal* hash tag, braces included: `call:{v3:abc}:leg`, and the flag of the
requirement, `flag:{call_control_id}:agent_done_speaking`, is meant literally in the same way. In a Redis Cluster the
text between the braces alone chooses the slot, so all keys of a call lie together and one script may touch them; no
script touches two slots. Every key expires, so a call that everybody forgot leaves nothing; a call that was finished
leaves only its tombstone and its last events for watchers, for `GONE_TTL_S`.

`LEGEND` is data, not prose, so that a test can hold the server's real contents against it.
"""

import hashlib
from dataclasses import dataclass

CALL_TTL_S = 18_000
"""Facts of a running call: the carrier ends every leg after 14,400 s at the latest; one hour more for the aftermath."""
ENDED_LEG_TTL_S = 600
"""A leg that has ended: long enough for the sweeper to write the record of a call whose owner died with it."""
GONE_TTL_S = 45
FLAG_TTL_S = 10
OWNER_TTL_S = 15
STREAM_TOKEN_TTL_S = 120
MAILBOX_TTL_S = 120
MAILBOX_TAKEN_TTL_S = 30
AUDIO_CLIP_TTL_S = 300
EVENT_WORKING_TTL_S = 10
EVENT_SEEN_TTL_S = 660
VOICE_WORKER_TTL_S = 30
LIVE_TTL_S = 120
"""What is told of a running call; its owner renews it every few seconds."""
LIVE_ENDED_TTL_S = GONE_TTL_S
"""Once it has ended: for a watcher who was away for a moment. As long as the tombstone, the longest that anything of a
finished call may stay."""
LIVE_CALLS_TTL_S = 3_600
SPEECH_TTL_S = 86_400
SPEECH_WARMED_TTL_S = 3_600
SIGNED_IN_TTL_S = 43_200
TRIES_TTL_S = 86_400

AGENT_DONE_SPEAKING = "agent_done_speaking"
FLAGS = (AGENT_DONE_SPEAKING,)
"""Every flag there is: a flag that is not listed could not be deleted when the call is finished."""


@dataclass(frozen=True, slots=True)
class KeyKind:
    """One line of the legend. `ttl_s` is the longest life; None: not a key but a channel, which holds nothing."""

    pattern: str
    type: str
    content: str
    writer: str
    ttl_s: int | None
    why: str


LEGEND = (
    KeyKind(
        "call:{<id>}:leg", "string", "LegState as JSON, plus the mark of the swap that wrote it", "legs", CALL_TTL_S,
        "any worker moves the leg by one webhook; compare-and-swap, so two of them ask for each command once",
    ),
    KeyKind(
        "call:{<id>}:playbacks", "hash", "playback_id → generation:number:deadline (Redis ms)", "playbacks",
        CALL_TTL_S, "what the carrier still has to play (A2); overdue entries no longer count",
    ),
    KeyKind(
        "call:{<id>}:ended_playbacks", "zset", "playback_id → number, the newest 1000", "playbacks", CALL_TTL_S,
        "an end that overtook its start must not let the start count afterwards",
    ),
    KeyKind(
        "call:{<id>}:playback_progress", "hash",
        "floor (generations below are void), newest:<generation>, flagged (last value raised)", "playbacks",
        CALL_TTL_S, "up_to of the flag; void generations stay void; no flag is raised twice",
    ),
    KeyKind(
        "flag:{<id>}:agent_done_speaking", "string", "generation:up_to", "playbacks, any worker", FLAG_TTL_S,
        "tells the owner that the last outstanding playback ended (A3); the ledger is the truth",
    ),
    KeyKind(
        "call:{<id>}:owner", "string", "worker_id", "owners", OWNER_TTL_S,
        "who holds the media stream; renewed; its end is noticed by the other workers (G2)",
    ),
    KeyKind(
        "call:{<id>}:mailbox", "list", "facts for the owner as JSON, at most 500", "mailbox, any worker",
        MAILBOX_TTL_S, "webhooks reach any worker, the conversation lives on one",
    ),
    KeyKind(
        "call:{<id>}:mailbox_taken", "list", "mark of the taking, then what was taken", "mailbox, owner",
        MAILBOX_TAKEN_TTL_S, "a taking whose answer got lost is asked again and gives the same facts",
    ),
    KeyKind(
        "call:{<id>}:stream_token", "string", "sha256 of the token and when it was issued, or used:<mark>",
        "stream_tokens", STREAM_TOKEN_TTL_S, "only the carrier's own media socket may become the call's (F41)",
    ),
    KeyKind(
        "call:{<id>}:audio:<generation>-<number>", "string", "secret, newline, WAV", "audio_clips, owner",
        AUDIO_CLIP_TTL_S, "delivery `playback`: the carrier fetches it from any worker",
    ),
    KeyKind(
        "call:{<id>}:audio_names", "set", "names of the call's clips", "audio_clips, owner", CALL_TTL_S,
        "so that finishing a call deletes its clips without a scan",
    ),
    KeyKind(
        "call:{<id>}:gone", "string", "1", "legs.finish", GONE_TTL_S,
        "a late duplicate must not recreate anything of a finished call; every writing script looks here first",
    ),
    KeyKind(
        "call:{<id>}:live", "stream", "name, data (JSON), by, number of each event, the newest 5000", "live_feeds, owner",
        LIVE_TTL_S, "what watchers on any worker are told of the call (I1); once it has ended, "
        f"for {LIVE_ENDED_TTL_S} s more",
    ),
    KeyKind(
        "live:{all}:calls", "zset", "call_control_id → last sign of life (Redis ms)", "live_feeds, owner",
        LIVE_CALLS_TTL_S, "a call whose owner died is forgotten; in one slot with the next two",
    ),
    KeyKind(
        "live:{all}:states", "hash", "call_control_id → what it is at, as JSON", "live_feeds, owner", LIVE_CALLS_TTL_S,
        "the page of all running calls, read at one instant with the place in the stream below",
    ),
    KeyKind(
        "live:{all}:events", "stream", "name, data (JSON), the newest 2000", "live_feeds, owner", LIVE_CALLS_TTL_S,
        "what watchers of all calls are told",
    ),
    KeyKind(
        "seen:{<event_id>}", "string", "working:<mark> or done", "seen_events", EVENT_SEEN_TTL_S,
        "a webhook acts once; longer than the signature window on both sides, so a replay is stale or seen",
    ),
    KeyKind(
        "calls:live", "zset", "call_control_id → started_at (wall)", "legs", CALL_TTL_S,
        "what the sweeper compares with the carrier (G3); one key for all, hence never in a script with another",
    ),
    KeyKind(
        "dials:{limits}:all", "zset", "dial id → instant (Redis ms)", "dial_limits", 86_400,
        "global limit of outbound dials; the window is its life",
    ),
    KeyKind(
        "dials:{limits}:number:<hash>", "zset", "dial id → instant (Redis ms)", "dial_limits", 86_400,
        "the limit of one number, hashed because keys appear in logs; same slot as the global one on purpose",
    ),
    KeyKind(
        "worker:{<name>}", "string", "VoiceWorker as JSON: address, capabilities, voices, models, metrics, draining",
        "voice_workers, TTS worker", VOICE_WORKER_TTL_S,
        "who can speak (D5); renewed by the heartbeat, so a dead TTS worker is forgotten",
    ),
    KeyKind(
        "workers:names", "zset", "name → instant of its last heartbeat (Redis ms)", "voice_workers, TTS worker",
        VOICE_WORKER_TTL_S, "finds the keys above without a scan; one key for all, hence never in a script with another",
    ),
    KeyKind(
        "speech:{<hash>}", "string", "mono s16le samples", "speech_cache, owner", SPEECH_TTL_S,
        "a finished short utterance, for all workers; hashed, because keys appear in logs and texts are private",
    ),
    KeyKind(
        "speech:{<hash>}:warmed", "string", "working:<mark>", "speech_cache, owner", SPEECH_WARMED_TTL_S,
        "an agent's short utterances are made ahead once an hour, by one of all workers",
    ),
    KeyKind(
        "speeches:used", "zset", "hash → instant of its last use (Redis ms)", "speech_cache, owner", SPEECH_TTL_S,
        "bounds the utterances kept, since Redis itself must not evict; the one unused longest goes",
    ),
    KeyKind(
        "live:{all}:seen", "zset", "call_control_id → when somebody was last there (Redis ms)", "presence, any worker",
        LIVE_CALLS_TTL_S, "a browser's session that everybody left is ended (I3)",
    ),
    KeyKind(
        "call:{<id>}:audio_now", "channel", "both sides' audio as JSON", "listen_in, owner", None,
        "listening in, while somebody does",
    ),
    KeyKind(
        "live:news", "channel", "call_control_id; empty: of all calls", "live_feeds, owner", None,
        "workers with watchers read the stream at once",
    ),
    KeyKind(
        "signed_in:{<hash>}", "string", "user, seal, csrf token and when it began, as JSON", "sign_ins, any worker",
        SIGNED_IN_TTL_S, "a browser that is signed in, by the hash of its token; every use renews it",
    ),
    KeyKind(
        "tries:{<hash>}:all", "zset", "try → instant (Redis ms)", "tries, any worker", TRIES_TTL_S,
        "how often a group (an address) tried something (to sign in); the window is its life",
    ),
    KeyKind(
        "tries:{<hash>}:one:<hash>", "zset", "try → instant (Redis ms)", "tries, any worker", TRIES_TTL_S,
        "the same of one member of the group (a name); same slot as the group's on purpose",
    ),
    KeyKind("web:<worker_id>:wake", "channel", "call_control_id", "any worker", None, "the owner looks at once (A5)"),
)  # fmt: skip


def _tagged(call_control_id: str) -> str:
    """The id in braces. An id with a brace of its own would move its keys to another slot, so it is a bug here:
    the parsers of what comes from outside do not let one through."""
    if not call_control_id or "{" in call_control_id or "}" in call_control_id:
        raise ValueError(f"not usable in a key: {call_control_id!r}")
    return "{" + call_control_id + "}"


def leg(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:leg"


def playbacks(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:playbacks"


def ended_playbacks(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:ended_playbacks"


def playback_progress(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:playback_progress"


def flag(call_control_id: str, name: str) -> str:
    if name not in FLAGS:
        raise ValueError(f"unknown flag {name!r}")
    return f"flag:{_tagged(call_control_id)}:{name}"


def owner(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:owner"


def mailbox(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:mailbox"


def mailbox_taken(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:mailbox_taken"


def stream_token(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:stream_token"


def audio(call_control_id: str, name: str) -> str:
    """`name` is the playback id, `<generation>-<number>`. With an empty name: the prefix of all clips."""
    return f"call:{_tagged(call_control_id)}:audio:{name}"


def audio_names(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:audio_names"


def gone(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:gone"


def live(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:live"


def live_audio(call_control_id: str) -> str:
    return f"call:{_tagged(call_control_id)}:audio_now"


def live_seen() -> str:
    return "live:{all}:seen"


def live_calls() -> str:
    return "live:{all}:calls"


def live_states() -> str:
    return "live:{all}:states"


def live_events() -> str:
    return "live:{all}:events"


def live_news() -> str:
    return "live:news"


def all_of(call_control_id: str) -> list[str]:
    """Every key that a call may have, apart from its tombstone, its clips (which `audio_names` lists), and what was told of
    it, which a watcher who was away may still want and which goes with the tombstone."""
    kinds = (
        leg,
        playbacks,
        ended_playbacks,
        playback_progress,
        owner,
        mailbox,
        mailbox_taken,
        stream_token,
        audio_names,
    )
    return [kind(call_control_id) for kind in kinds] + [flag(call_control_id, name) for name in FLAGS]


def seen(event_id: str) -> str:
    return f"seen:{_tagged(event_id)}"


def calls_live() -> str:
    return "calls:live"


def dials_all() -> str:
    return "dials:{limits}:all"


def dials_of(number: str) -> str:
    return f"dials:{{limits}}:number:{hashlib.sha256(number.encode()).hexdigest()[:24]}"


def voice_worker(name: str) -> str:
    return f"worker:{_tagged(name)}"


def voice_worker_names() -> str:
    return "workers:names"


def speech(digest: str) -> str:
    return f"speech:{_tagged(digest)}"


def speech_warmed(digest: str) -> str:
    return f"speech:{_tagged(digest)}:warmed"


def speeches_used() -> str:
    return "speeches:used"


def signed_in(digest: str) -> str:
    return f"signed_in:{_tagged(digest)}"


def tries_of_group(digest: str) -> str:
    return f"tries:{_tagged(digest)}:all"


def tries_of_one(group_digest: str, digest: str) -> str:
    return f"tries:{_tagged(group_digest)}:one:{digest}"


def wake_channel(worker_id: str) -> str:
    return f"web:{worker_id}:wake"
