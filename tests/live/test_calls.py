"""Calls from end to end: real processes, real sockets, real time, judged by the carrier's log."""

import asyncio
import time
from typing import Any

import redis

from backend.rehearsal.runner import Outcome, run_scenario
from tests.fakes.live_stack import LiveStack
from tests.live.conftest import scenario

SILENT: dict[str, Any] = {
    "heard": [
        {"kind": "greeting", "after": "answered", "within_s": 3.0},
        {"kind": "check_in", "at_s": 1.5, "tolerance_ms": 250},
        {"kind": "goodbye", "at_s": 1.0, "tolerance_ms": 350},
    ],
    "check_ins": 1,
    "ends": {"who": "agent"},
    "commands": {"answer": 1, "streaming_start": 1, "hangup": 1},
}
GOODBYE = {
    "silence_timeout_normal": 1.5, "max_checkins_before_disconnect": 1, "final_wait": 1, "goodbye_message": "Goodbye.",
}  # fmt: skip


def silent(delivery: str, number: int) -> Any:
    agent = {"audio_delivery": delivery, "settings": {"dead_air_settings": GOODBYE}}
    return scenario(f"silent-{delivery}-{number}", agent, expect=SILENT)


async def side_by_side(live: LiveStack, *scenarios: Any) -> list[Outcome]:
    return await asyncio.gather(*(run_scenario(one, live.stage) for one in scenarios))


def keys_of(live: LiveStack, call: str) -> list[str]:
    """But for the two that stay for GONE_TTL_S: the tombstone, and what was told to watchers."""
    with redis.Redis.from_url(live.stack.redis_url, decode_responses=True) as client:
        found = client.scan_iter("*", count=1000)
        return [key for key in found if call in key and not key.endswith((":gone", ":live"))]


def test_silent_callers_are_checked_in_on_and_let_go_whatever_worker_the_webhooks_reach(live: LiveStack) -> None:
    """Eight calls, both deliveries: each hears the agent's timeline; webhooks land on all workers, most off the owner."""
    outcomes = live.run(side_by_side(live, *(silent(way, n) for n in range(4) for way in ("stream", "playback"))))
    log = live.stage.carrier.log
    workers, off_owner, sent = set[str](), 0, 0
    for outcome in outcomes:
        call = outcome.leg.call_control_id
        owner = log.of("stream_opened", call)[-1].data["worker"]
        for entry in log.of("webhook_sent", call):
            workers.add(entry.data["worker"])
            off_owner += entry.data["worker"] != owner
            sent += 1

    assert [(o.scenario.name, str(c)) for o in outcomes for c in o.verdict.failed_checks] == []
    assert len(workers) == 4 and off_owner > sent / 2
    deadline = time.monotonic() + 10
    while any(keys_of(live, outcome.leg.call_control_id) for outcome in outcomes) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [keys_of(live, outcome.leg.call_control_id) for outcome in outcomes] == [[]] * len(outcomes)


def test_a_caller_is_answered_and_can_say_goodbye(live: LiveStack) -> None:
    """Question, answer, the model's hang-up; and at the same time a caller who just hangs up, and an outgoing call."""
    talk = scenario(
        "talk",
        {"settings": {"dead_air_settings": {"silence_timeout_normal": 20}}},
        model=[
            {"when": "how are you", "say": "I am very well, thank you."},
            {"when": "goodbye", "say": "Thank you for calling.", "tool": {"name": "hang_up"}},
        ],
        caller=[
            {"wait_until": "agent_said_1"},
            {"say": "How are you?"},
            {"wait_until": "agent_answered"},
            {"say": "Goodbye."},
            {"stay_silent": True},
        ],
        expect={
            "heard": [
                {"kind": "greeting"},
                {"kind": "answer", "text": "I am very well, thank you.", "after": "said_1", "within_s": 2.5},
                {"kind": "answer", "text": "Thank you for calling.", "after": "said_2", "within_s": 2.5},
            ],
            "ends": {"who": "agent"},
            "commands": {"hangup": 1},
        },
    )
    leaves = scenario(
        "leaves", caller=[{"wait_until": "agent_said_1"}, {"hang_up": True}],
        expect={"ends": {"who": "caller"}, "commands": {"hangup": 0}},
    )  # fmt: skip
    outgoing = scenario(
        "outgoing", {"answering_machine": "ignore"}, direction="outbound",
        called_party={"after_s": 0.3, "says": "Hello?"}, expect={"ends": {"who": "agent"}, "check_ins": 1},
    )  # fmt: skip
    outcomes = live.run(side_by_side(live, talk, leaves, outgoing))

    assert [(o.scenario.name, str(c)) for o in outcomes for c in o.verdict.failed_checks] == []
