"""The legend of the keys, held against what really lies in the database."""

import re
from pathlib import Path

import pytest

from backend.call.events import CallAnswered, CallInitiated, DtmfReceived
from backend.clock import SystemClock
from backend.engines.voice_routing import VoiceWorker
from backend.store import keys
from backend.store.database import LUA
from backend.store.live_feeds import Batch
from backend.store.memory import SCRIPTS
from backend.store.sign_ins import SignIns
from backend.store.speech_cache import Utterance
from backend.store.stores import Stores
from backend.store.tries import Tries
from tests.store.conftest import keys_left

BACKEND = Path(keys.__file__).parents[1]


UTTERANCE = Utterance("anna", "pocket@1", "en", 8000, "Are you still there?")


def use_everything(stores: Stores, call: str) -> None:
    """Leave every kind of key behind."""
    stores.legs.apply(call, CallInitiated("incoming", "+1", "+2"), 1e9)
    stores.legs.apply(call, CallAnswered(), 1e9)
    stores.owners.claim(call, "w1")
    stores.playbacks.register(call, "1-1", 1, 1, 60)
    stores.playbacks.register(call, "1-2", 1, 2, 60)
    stores.playbacks.end(call, "1-2", 1, 2)
    stores.playbacks.end(call, "1-1", 1, 1)
    stores.playbacks.register(call, "1-3", 1, 3, 60)
    stores.mailbox.post(call, DtmfReceived("1"))
    stores.mailbox.take_all(call)
    stores.mailbox.post(call, DtmfReceived("2"))
    stores.stream_tokens.issue(call, 1e9)
    stores.audio_clips.put(call, "1-1", "secret", b"RIFF")
    stores.audio_clips.put(call, "1-2", "secret", b"RIFF")
    stores.seen_events.first_time("event-1")
    stores.seen_events.done("event-2")
    stores.dial_limits.take("+13125550100", "dial-1")
    stores.voice_workers.register(VoiceWorker("gpu-1", "gpu-1:50051"))
    stores.speech_cache.put(UTTERANCE, b"\x01\x02")
    stores.speech_cache.claim_warming([UTTERANCE])
    stores.live.append([Batch(call, "w1", 1, [("state", "{}")])])
    stores.live.put_calls([(call, "{}")])
    stores.live.mark_seen([call])
    SignIns(stores.database, SystemClock()).begin("admin", "seal")
    Tries(stores.database, "sign_in", of_one=1, of_group=1, window_s=60).take("127.0.0.1", "admin")


def kind_of(key: str) -> keys.KeyKind:
    found = []
    for kind in keys.LEGEND:
        pattern = re.escape(kind.pattern)
        pattern = re.sub(r"<\w+>", "[^{}]+", pattern.replace(r"\<", "<").replace(r"\>", ">"))
        if re.fullmatch(pattern, key):
            found.append(kind)
    assert len(found) == 1, f"{key} has {len(found)} lines in the legend"
    return found[0]


def test_every_key_is_in_the_legend_and_expires(stores: Stores, call: str) -> None:
    """A7: nothing lives for ever, and nothing longer than the legend says."""
    use_everything(stores, call)

    left = keys_left(stores.database)

    assert {kind_of(key).pattern for key in left} == {
        kind.pattern for kind in keys.LEGEND if kind.ttl_s is not None and not kind.pattern.endswith(":gone")
    }
    for key, ttl_s in left.items():
        longest = kind_of(key).ttl_s
        assert longest is not None and 0 < ttl_s <= longest, key


def test_a_finished_call_leaves_only_its_tombstone(stores: Stores, call: str) -> None:
    """Invariant 5, clips and flag included; what belongs to no call stays. Its last events go with the tombstone."""
    stores.seen_events.done("event-0")
    stores.dial_limits.take("+13125550100", "dial-1")
    stores.voice_workers.register(VoiceWorker("gpu-1", "gpu-1:50051"))
    stores.speech_cache.put(UTTERANCE, b"\x01\x02")
    stores.speech_cache.claim_warming([UTTERANCE])
    before = set(keys_left(stores.database))
    use_everything(stores, call)
    others = before | {"seen:{event-1}", "seen:{event-2}", keys.live_events()}
    others |= {key for key in keys_left(stores.database) if key.startswith(("signed_in:", "tries:"))}

    stores.live.close(call, {"outcome": "completed"})
    stores.legs.finish(call)

    left = keys_left(stores.database)
    assert set(left) - others - {keys.calls_live()} == {keys.gone(call), keys.live(call)}
    assert left[keys.gone(call)] <= keys.GONE_TTL_S and left[keys.live(call)] <= keys.GONE_TTL_S
    assert stores.legs.live() == {} and stores.live.calls()[1] == []


def test_a_finished_call_cannot_be_recreated(stores: Stores, call: str) -> None:
    """Everything that arrives late bounces off the tombstone."""
    stores.legs.finish(call)

    assert stores.legs.apply(call, CallInitiated("incoming", "+1", "+2"), 1e9)[1] == []
    stores.legs.put_agent(call, "a", 1)
    stores.legs.begin_outgoing(call, "+1", "+2", "a", 1)
    assert not stores.owners.claim(call, "w1", take_over=True)
    assert stores.owners.renew([call], "w1") == [call]
    assert not stores.playbacks.register(call, "1-1", 1, 1, 60)
    assert not stores.mailbox.post(call, DtmfReceived("1"))
    assert not stores.flags.raise_flag(call, keys.AGENT_DONE_SPEAKING, "1:1")
    assert not stores.audio_clips.put(call, "1-1", "secret", b"RIFF")
    stores.live.append([Batch(call, "w1", 1, [("state", "{}")])])

    assert set(keys_left(stores.database)) == {keys.gone(call)}


def test_the_flag_is_spelled_as_required() -> None:
    """A3, with the braces meant literally: they are the hash tag of a cluster."""
    assert keys.flag("v3:abc", keys.AGENT_DONE_SPEAKING) == "flag:{v3:abc}:agent_done_speaking"


def test_all_keys_of_a_call_lie_in_one_slot() -> None:
    """Scripts must work in a cluster."""
    names = [*keys.all_of("v3:abc"), keys.gone("v3:abc"), keys.audio("v3:abc", "1-2"), keys.live("v3:abc")]

    assert {re.findall(r"\{(.*?)\}", name)[0] for name in names} == {"v3:abc"}


@pytest.mark.parametrize("bad", ["", "a{b", "a}b", "{}"])
def test_an_id_that_would_leave_its_slot_is_a_bug(bad: str) -> None:
    """The parsers let none through."""
    with pytest.raises(ValueError, match="not usable"):
        keys.leg(bad)


def test_an_unknown_flag_is_a_bug() -> None:
    """It could not be deleted when the call is finished."""
    with pytest.raises(ValueError, match="unknown flag"):
        keys.flag("v3:abc", "unheard_of")


def test_keys_are_spelled_nowhere_else() -> None:
    """Invariant 2."""
    names = r"call:|flag:|calls:live|seen:|dials:|web:\{|workers?:(\{|names)|speech:|speeches:|signed_in:|tries:|live:"
    spelled = re.compile(f"""["']({names})""")
    elsewhere = [
        path.name
        for path in BACKEND.rglob("*.py")
        if path != Path(keys.__file__) and spelled.search(path.read_text(encoding="utf-8"))
    ]

    assert elsewhere == []


def test_every_script_has_its_twin_and_its_header() -> None:
    """One Python function per Lua file, and a legend of keys atop each file."""
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in LUA.glob("*.lua")}

    assert set(scripts) == set(SCRIPTS)
    for name, text in scripts.items():
        assert "-- KEYS 1" in text.split("\nlocal ")[0], name
