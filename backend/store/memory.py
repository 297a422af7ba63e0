"""The in-memory twin of Redis: the same scripts, in Python, over one dictionary. Held to the same tests.

For tests and for a single process without Redis. Values are what Redis would hold (bytes, hashes, sorted sets, lists,
sets); every entry expires by the clock that is handed in. Each function below is named after its `lua/<name>.lua`,
whose header says what it does.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from backend.clock import Clock, SystemClock
from backend.store import memory_streams
from backend.store.database import Argument, Subscription


class MemoryDatabase:
    """One lock makes every script atomic."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._entries: dict[str, tuple[Any, float]] = {}
        self._ears: dict[str, list[MemorySubscription]] = {}

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Any:
        with self._lock:
            return SCRIPTS[script](self, list(keys), [_bytes(argument) for argument in arguments])

    def run_many(self, script: str, runs: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        return [self.run(script, keys, arguments) for keys, arguments in runs]

    def get(self, key: str) -> bytes | None:
        with self._lock:
            value: bytes | None = self.peek(key)
            return value

    def set(self, key: str, value: str | bytes, ttl_s: int) -> None:
        with self._lock:
            self.put(key, _bytes(value), ttl_s)

    def delete(self, key: str) -> None:
        with self._lock:
            self.drop(key)

    def publish(self, channel: str, message: str) -> None:
        with self._lock:
            ears = list(self._ears.get(channel, ()))
        for ear in ears:
            ear.hear(("message", message))

    def subscribe(self, channel: str) -> Subscription:
        ear = MemorySubscription(lambda closed: self._ears.get(channel, []).remove(closed))
        with self._lock:
            self._ears.setdefault(channel, []).append(ear)
        ear.hear(("subscribed", ""))
        return ear

    # --- for the scripts, under the lock ---

    def now_ms(self) -> int:
        return int(self._clock.wall() * 1000)

    def peek(self, key: str, default: Any = None) -> Any:
        """The value, or `default` when there is none or it has expired."""
        value, until = self._entries.get(key, (default, 0.0))
        if key in self._entries and self._clock.monotonic() >= until:
            del self._entries[key]
            return default
        return value

    def put(self, key: str, value: Any, ttl_s: float) -> None:
        self._entries[key] = (value, self._clock.monotonic() + float(ttl_s))

    def replace(self, key: str, value: Any) -> None:
        """A new value with the old expiry."""
        self._entries[key] = (value, self._entries[key][1])

    def drop(self, key: str) -> int:
        found = self.peek(key) is not None
        self._entries.pop(key, None)
        return int(found)

    def ttls(self) -> dict[str, float]:
        """Key → seconds left, of everything. What became empty does not exist, as in Redis."""
        with self._lock:
            now = self._clock.monotonic()
            return {key: until - now for key, (value, until) in self._entries.items() if until > now and len(value)}


class MemorySubscription:
    """A queue."""

    def __init__(self, on_close: Callable[["MemorySubscription"], None]) -> None:
        self._heard: queue.Queue[tuple[str, str]] = queue.Queue()
        self._on_close = on_close

    def hear(self, heard: tuple[str, str]) -> None:
        self._heard.put(heard)

    def next(self, timeout_s: float) -> tuple[str, str] | None:
        try:
            return self._heard.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def ping(self) -> None:
        self.hear(("pong", ""))

    def close(self) -> None:
        self._on_close(self)


def _bytes(argument: Argument) -> bytes:
    return argument if isinstance(argument, bytes) else str(argument).encode()


Keys = list[str]
Arguments = list[bytes]


def leg_read(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> Any:
    return [int(db.peek(keys[0]) is not None), db.peek(keys[1]), b"%d" % db.now_ms()]


def leg_swap(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    expected, wanted, ttl_s, valid_until = arguments
    if db.peek(keys[0]) is not None:
        return -1
    current = db.peek(keys[1], b"")
    if current == wanted:
        return 1
    if db.now_ms() > int(valid_until):
        return -2
    if current != expected:
        return 0
    db.put(keys[1], wanted, int(ttl_s))
    return 1


def call_finish(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    db.put(keys[0], b"1", int(arguments[0]))
    clips = [arguments[1].decode() + name.decode() for name in db.peek(keys[1], set())]
    return sum(db.drop(key) for key in clips + keys[1:])


def live_add(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    live = db.peek(keys[0], {})
    live.setdefault(arguments[0], float(arguments[1]))
    db.put(keys[0], live, int(arguments[2]))
    return 1


def live_remove(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    return int(db.peek(keys[0], {}).pop(arguments[0], None) is not None)


def live_list(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[bytes]:
    live = db.peek(keys[0], {})
    for name in [name for name, started_at in live.items() if started_at < float(arguments[0])]:
        del live[name]
    in_order = sorted(live.items(), key=lambda entry: (entry[1], entry[0]))
    return [part for name, started_at in in_order for part in (name, repr(started_at).encode())]


def _floor(progress: dict[bytes, int]) -> int:
    return progress.get(b"floor", 0)


def playback_register(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    playback_id, generation, number, deadline_ms, ttl_s = arguments[0], *map(int, arguments[1:])
    progress, ended, entries = db.peek(keys[3], {}), db.peek(keys[2], {}), db.peek(keys[1], {})
    if db.peek(keys[0]) is not None or generation < _floor(progress) or playback_id in ended:
        return 0
    deadline = db.now_ms() + deadline_ms
    if playback_id in entries:
        deadline = max(deadline, entries[playback_id][2])
    entries[playback_id] = (generation, number, deadline)
    newest = b"newest:%d" % generation
    progress[newest] = max(number, progress.get(newest, 0))
    db.put(keys[1], entries, ttl_s)
    db.put(keys[3], progress, ttl_s)
    return 1


def playback_end(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[Any]:
    playback_id, generation, number, ttl_s, flag_ttl_s, kept = arguments[0], *map(int, arguments[1:])
    if db.peek(keys[0]) is not None:
        return [0, 0, 0, None]
    owner = db.peek(keys[5])
    entries, ended, progress = db.peek(keys[1], {}), db.peek(keys[2], {}), db.peek(keys[3], {})

    def remember(name: bytes, its_number: int) -> None:
        ended[name] = its_number
        for surplus in sorted(ended, key=lambda one: (ended[one], one))[: max(0, len(ended) - kept)]:
            del ended[surplus]
        db.put(keys[2], ended, ttl_s)

    is_void = generation < _floor(progress)
    was = int(entries.pop(playback_id, None) is not None)
    if not is_void:
        remember(playback_id, number)
    overdue = [name for name, entry in entries.items() if entry[2] <= db.now_ms()]
    remaining = len(entries) - len(overdue)
    if not was or is_void or remaining:
        return [was, remaining, 0, owner]
    for name in overdue:
        remember(name, entries.pop(name)[1])
    newest = {int(name[7:]): up_to for name, up_to in progress.items() if name.startswith(b"newest:")}
    last = max(newest, default=-1)
    value = b"%d:%d" % (last, newest.get(last, 0))
    if progress.get(b"flagged") == value:
        return [was, 0, 0, owner]
    progress[b"flagged"] = value
    db.put(keys[3], progress, ttl_s)
    db.put(keys[4], value, flag_ttl_s)
    return [was, 0, 1, owner]


def playback_clear(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    if db.peek(keys[0]) is not None:
        return 0
    below, ttl_s = int(arguments[0]), int(arguments[1])
    entries, progress = db.peek(keys[1], {}), db.peek(keys[2], {})
    void = [name for name, entry in entries.items() if entry[0] < below]
    for name in void:
        del entries[name]
    for name in [name for name in progress if name.startswith(b"newest:") and int(name[7:]) < below]:
        del progress[name]
    progress[b"floor"] = max(below, _floor(progress))
    db.put(keys[2], progress, ttl_s)
    flag = db.peek(keys[3])
    if flag is not None and int(flag.partition(b":")[0]) < below:
        db.drop(keys[3])
    return len(void)


def playback_list(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[bytes]:
    found = []
    for name, entry in db.peek(keys[0], {}).items():
        left = entry[2] - db.now_ms()
        if left > 0:
            found += [name, b"%d:%d:%d" % entry, b"%d" % left]
    return found


def flag_raise(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[Any]:
    if db.peek(keys[0]) is not None:
        return [0, None]
    db.put(keys[1], arguments[0], int(arguments[1]))
    return [1, db.peek(keys[2])]


def flag_take(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> bytes | None:
    value: bytes | None = db.peek(keys[0])
    db.drop(keys[0])
    return value


def mailbox_post(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[Any]:
    if db.peek(keys[0]) is not None:
        return [0, None]
    facts = [*db.peek(keys[1], []), arguments[0]]
    db.put(keys[1], facts[-int(arguments[2]) :], int(arguments[1]))
    return [1, db.peek(keys[2])]


def mailbox_take(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[bytes]:
    mark, taken = db.peek(keys[1], (b"", []))
    if mark == arguments[0]:
        return list(taken)
    facts: list[bytes] = db.peek(keys[0], [])
    db.drop(keys[0])
    db.drop(keys[1])
    if facts:
        db.put(keys[1], (arguments[0], facts), int(arguments[1]))
    return list(facts)


def owner_claim(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    if db.peek(keys[0]) is not None:
        return 0
    if db.peek(keys[1], arguments[0]) != arguments[0] and arguments[2] != b"1":
        return 0
    db.put(keys[1], arguments[0], int(arguments[1]))
    return 1


def owner_release(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    return db.drop(keys[0]) if db.peek(keys[0]) == arguments[0] else 0


def token_issue(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    if db.peek(keys[0]) is not None:
        return 0
    db.put(keys[1], arguments[0], int(arguments[1]))
    return 1


def token_redeem(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    if db.peek(keys[0]) is not None:
        return 0
    current = db.peek(keys[1])
    if current == arguments[1]:
        return 1
    if current != arguments[0]:
        return 0
    db.replace(keys[1], arguments[1])
    return 1


def value_renew(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> bytes | None:
    value: bytes | None = db.peek(keys[0])
    if value is not None:
        db.put(keys[0], value, int(arguments[0]))
    return value


def seen_claim(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> bytes:
    current = db.peek(keys[0])
    if current is None:
        db.put(keys[0], arguments[0], int(arguments[1]))
        return b"first"
    if current == arguments[0]:
        return b"first"
    return b"done" if current == b"done" else b"working"


def seen_forget(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    return 0 if db.peek(keys[0]) in (None, b"done") else db.drop(keys[0])


def dial_take(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[Any]:
    dial_id, (*windows_ms, overall, per_number) = arguments[0], map(int, arguments[1:])
    now = db.now_ms()
    windows = [
        {name: at for name, at in db.peek(key, {}).items() if at > now - window}
        for key, window in zip(keys, windows_ms, strict=True)
    ]
    if dial_id in windows[1]:
        return [1, 0, b""]
    wait, which = 0, b""
    for dials, window, limit, name in zip(windows, windows_ms, (overall, per_number), (b"all", b"number"), strict=True):
        if len(dials) >= limit:
            until_free = sorted(dials.values())[len(dials) - limit] + window - now if limit > 0 else window
            if until_free >= wait:
                wait, which = until_free, name
    if which:
        return [0, max(1, wait), which]
    for key, dials, window in zip(keys, windows, windows_ms, strict=True):
        db.put(key, {**dials, dial_id: now}, window / 1000)
    return [1, 0, b""]


def clip_put(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    if db.peek(keys[0]) is not None:
        return 0
    db.put(keys[1], arguments[0], int(arguments[1]))
    db.put(keys[2], {*db.peek(keys[2], set()), arguments[2]}, int(arguments[3]))
    return 1


def rank_now(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[bytes]:
    name, ttl_s, most = arguments[0], int(arguments[1]), int(arguments[2])
    ranking = {**db.peek(keys[0], {}), name: db.now_ms()}
    in_order = sorted(ranking, key=lambda one: (ranking[one], one))
    dropped = in_order[: max(0, len(ranking) - most)] if most > 0 else []
    db.put(keys[0], {one: ranking[one] for one in in_order if one not in dropped}, ttl_s)
    return dropped


def rank_list(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> list[bytes]:
    ranking = db.peek(keys[0], {})
    for name in [name for name, at in ranking.items() if at < db.now_ms() - int(arguments[0])]:
        del ranking[name]
    return sorted(ranking, key=lambda one: (ranking[one], one))


def rank_drop(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> int:
    return int(db.peek(keys[0], {}).pop(arguments[0], None) is not None)


def value_read(db: MemoryDatabase, keys: Keys, arguments: Arguments) -> bytes | None:
    value: bytes | None = db.peek(keys[0])
    return value


SCRIPTS: dict[str, Callable[[MemoryDatabase, Keys, Arguments], Any]] = {
    script.__name__: script
    for script in (
        leg_read, leg_swap, call_finish, live_add, live_remove, live_list,
        playback_register, playback_end, playback_clear, playback_list, flag_raise, flag_take,
        mailbox_post, mailbox_take, owner_claim, owner_release, token_issue, token_redeem,
        seen_claim, seen_forget, dial_take, clip_put, rank_now, rank_list, rank_drop, value_read, value_renew,
        *memory_streams.SCRIPTS,
    )
}  # fmt: skip
