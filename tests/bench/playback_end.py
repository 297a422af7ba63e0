"""How soon the owner knows that a playback ended when another worker took the webhook (A3–A5).

Delivery `playback`, an agent whose goodbye is followed by nothing but the hang-up: the time from the carrier's end of
the goodbye to the arrival of the hang-up at the carrier is an upper bound of “known to the owner”, since it also holds
the webhook's way in and the command's way out. Calls whose last webhook landed on the owner are left out. Second run:
Redis refuses PUBLISH, so only the look every 500 ms is left.
"""

import redis.asyncio

from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.load import quantiles
from backend.rehearsal.runner import Stage
from backend.rehearsal.scenario import Scenario
from tests.bench.stage_runs import Figure, in_ms, run_many

SCENARIO = Scenario.model_validate(
    {
        "name": "end_known",
        "agent": {
            "greeting": "Hello.",
            "audio_delivery": "playback",
            "settings": {
                "dead_air_settings": {
                    "silence_timeout_normal": 1,
                    "max_checkins_before_disconnect": 0,
                    "goodbye_message": "Goodbye.",
                }
            },
        },
    }
)


def reactions_s(entries: list[LogEntry]) -> list[float]:
    """Per call: end of the last playback → hang-up asked, where the webhook reached another worker than the owner."""
    found = []
    for call in {entry.call_control_id for entry in entries if entry.kind == "playback_ended"}:
        of_call = [entry for entry in entries if entry.call_control_id == call]
        owner = next((e.data.get("worker") for e in of_call if e.kind == "stream_opened"), None)
        ended = [e for e in of_call if e.kind == "playback_ended"]
        told = [e for e in of_call if e.kind == "webhook_sent" and e.data["event_type"] == "call.playback.ended"]
        asked = [e for e in of_call if e.kind == "command" and e.data["name"] == "hangup"]
        if ended and told and asked and owner and told[-1].data.get("worker") not in (None, owner):
            found.append(asked[0].at - ended[-1].at)
    return found


async def measure(stage: Stage, *, calls: int = 120, at_once: int = 8) -> list[Figure]:
    with_hint = await _reactions(stage, calls, at_once)
    admin = redis.asyncio.Redis.from_url(stage.redis_url)
    try:
        await admin.execute_command("ACL", "SETUSER", "default", "-publish")
        without = await _reactions(stage, calls // 2, at_once)
    finally:
        await admin.execute_command("ACL", "SETUSER", "default", "+publish")
        await admin.aclose()
    return [
        Figure(
            "playback end known to the owner, webhook elsewhere (upper bound: + webhook in, hang-up out)",
            "p99 ≤ 20 ms",
            in_ms(with_hint),
            quantiles(with_hint).p99 <= 0.020,
        ),
        Figure("the same with pub/sub cut", "≤ 550 ms", in_ms(without), quantiles(without).max <= 0.550),
    ]


async def _reactions(stage: Stage, calls: int, at_once: int) -> list[float]:
    first = len(stage.carrier.log.entries)
    await run_many(SCENARIO, stage, calls=calls, at_once=at_once)
    return reactions_s(stage.carrier.log.entries[first:])
