"""The twins of the scripts that keep streams of events, see `memory.py`: each function is named after its `lua/<name>.lua`,
whose header says what it does."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.store.memory import MemoryDatabase

Keys = list[str]
Arguments = list[bytes]
Stream = list[tuple[tuple[int, int], bytes, bytes, bytes, int]]
"""id, name, data, by, number."""


def _add(
    db: "MemoryDatabase", stream: Stream, most: int, name: bytes, data: bytes, by: bytes = b"", number: int = 0
) -> None:
    now, newest = db.now_ms(), stream[-1][0] if stream else (0, 0)
    stream.append(((now, 0) if now > newest[0] else (newest[0], newest[1] + 1), name, data, by, number))
    del stream[: max(0, len(stream) - most)]


def _id(event_id: tuple[int, int]) -> bytes:
    return b"%d-%d" % event_id


def feed_append(db: "MemoryDatabase", keys: Keys, arguments: Arguments) -> int:
    ttl, ended_ttl, most, by, first, channel, call, may_begin, *parts = arguments
    stream: Stream = db.peek(keys[1], [])
    known, added, ttl_s = 0, 0, int(ttl)
    if stream:
        if stream[-1][1] == b"ended":
            return -1
        known = stream[-1][4] if stream[-1][3] == by else 0
    elif may_begin != b"1" or db.peek(keys[0]) is not None:
        return -1
    for number, (name, data) in enumerate(zip(parts[::2], parts[1::2], strict=True), int(first)):
        if number > known:
            _add(db, stream, int(most), name, data, by, number)
            added += 1
            if name == b"ended":
                ttl_s = int(ended_ttl)
                break
    if stream:
        db.put(keys[1], stream, ttl_s)
    if added:
        db.publish(channel.decode(), call.decode())
    return added


def feed_read(db: "MemoryDatabase", keys: Keys, arguments: Arguments) -> list[Any]:
    stream: Stream = db.peek(keys[0], [])
    if not stream:
        return [0]
    after, how = arguments[0] or b"0-0", 1
    if not arguments[0]:
        how = 1 if stream[0][4] in (0, 1) else 2
    elif after != b"0-0" and after not in {_id(event[0]) for event in stream}:
        after, how = b"0-0", 2
    first, _, second = after.partition(b"-")
    later = [event for event in stream if event[0] > (int(first), int(second))][: int(arguments[1])]
    return [how, *(part for event in later for part in (_id(event[0]), event[1], event[2]))]


def feed_call_put(db: "MemoryDatabase", keys: Keys, arguments: Arguments) -> int:
    call, state, ttl, most, channel = arguments
    times, states, stream = db.peek(keys[0], {}), db.peek(keys[1], {}), db.peek(keys[2], [])
    before = states.get(call)
    if before != state:
        _add(db, stream, int(most), b"call_changed" if before else b"call_started", state)
    for key, value in zip(keys, ({**times, call: db.now_ms()}, {**states, call: state}, stream), strict=True):
        db.put(key, value, int(ttl))
    if before == state:
        return 0
    db.publish(channel.decode(), "")
    return 1


def feed_calls(db: "MemoryDatabase", keys: Keys, arguments: Arguments) -> list[bytes]:
    age, most, channel, over, ttl = arguments
    times, states, stream = db.peek(keys[0], {}), db.peek(keys[1], {}), db.peek(keys[2], [])
    lost = [call for call, at in times.items() if at < db.now_ms() - int(age)]
    for call in [*lost, over] if over else lost:
        times.pop(call, None)
        if states.pop(call, None) is not None:
            _add(db, stream, int(most), b"call_ended", json.dumps({"call_control_id": call.decode()}).encode())
            db.put(keys[2], stream, int(ttl))
            db.publish(channel.decode(), "")
    return [_id(stream[-1][0]) if stream else b"0-0", *(states[call] for call in sorted(states))]


def feed_seen(db: "MemoryDatabase", keys: Keys, arguments: Arguments) -> list[bytes]:
    seen = db.peek(keys[0], {})
    return [b"%d" % db.now_ms(), *(part for call, at in seen.items() for part in (call, b"%d" % at))]


SCRIPTS = (feed_append, feed_read, feed_call_put, feed_calls, feed_seen)
