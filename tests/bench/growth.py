"""What a process may have more of after many syntheses than before them: nothing but the record of the conversation.

Pure but for `resident_kb`; imported by benches that are patched and by tests that are not.
"""

from pathlib import Path
from typing import Any

MOST_GROWTH_KB = 6144
"""Of resident memory, over 150 messages: the allocators' own ups and downs, and the history, ledger and timeline of a call
that goes on. 4.2 MB were measured since calls are also told to watchers; what is left behind shows in the counts above."""
MOST_OBJECTS = 20
"""For each message of a session: its two entries in the history, its piece in the ledger, a dozen events on the timeline."""


class Violated(Exception):
    """Something is wrong, whatever the time it took."""


def check(is_so: bool, what: str) -> None:
    if not is_so:
        raise Violated(what)


def judge(warm: dict[str, int], end: dict[str, int], counted: int) -> dict[str, Any]:
    """The figures of a session: what there was when it was warm, and `counted` messages later. Raises Violated."""
    for name in ("greenlets", "sockets", "threads", "worker_sockets", "redis_keys"):
        check(end[name] <= warm[name], f"{name}: {warm[name]} when warm, {end[name]} at the end")
    for name in ("streams", "tickets", "worker_slots"):
        check(end[name] == 0, f"{name}: {end[name]} left")
    for name in ("memory_kb", "worker_memory_kb"):
        check(end[name] - warm[name] <= MOST_GROWTH_KB, f"{name}: grown by {end[name] - warm[name]}")
    objects = (end["objects"] - warm["objects"]) / counted
    check(objects <= MOST_OBJECTS, f"{objects:.1f} objects more for each message")
    return {
        "objects_per_message": round(objects, 2),
        "memory_grown_kb": end["memory_kb"] - warm["memory_kb"],
        "worker_memory_grown_kb": end["worker_memory_kb"] - warm["worker_memory_kb"],
        **{name: end[name] for name in ("greenlets", "sockets", "threads", "redis_keys")},
    }


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
