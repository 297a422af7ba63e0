"""What thinking ahead gains and costs: a model that takes 0.5 s to its first word, with the shortest wait of 0.5 and 0.8 s.

In each call two plain questions, and one turn in two stretches with 0.4 s between them, which a draft takes for the end.
Gained: from the caller's last sample to the agent's first, without and with thinking ahead, medians. Thrown away: drafts of
which nothing was heard, of all drafts.
"""

from typing import Any

from backend.rehearsal.load import quantiles
from backend.rehearsal.runner import Stage
from backend.rehearsal.scenario import Scenario
from tests.bench.stage_runs import Figure, in_ms, run_many
from tests.bench.turn_legs import timeline_of

FIRST_TOKEN_S = 0.5
CALLS = 8
WAITS_S = (0.5, 0.8)
_ANSWERED: dict[str, Any] = {"wait_until": "agent_answered"}


def scenario(wait_s: float, is_ahead: bool) -> Scenario:
    turn_taking = {"min_endpointing_delay_s": wait_s, "speculation": is_ahead}
    return Scenario.model_validate(
        {
            "name": f"speculation_{'ahead' if is_ahead else 'plain'}",
            "agent": {"settings": {"turn_taking": turn_taking}},
            "model": [{"when": "any", "say": "Certainly.", "delay_s": FIRST_TOKEN_S, "token_delay_s": 0}],
            "caller": [
                _ANSWERED,
                {"say": "When do you open?"},
                _ANSWERED,
                {"say": "I need a table."},
                {"wait_s": 0.4},
                {"say": "For two people, please."},
                _ANSWERED,
                {"say": "What about Sundays?"},
                _ANSWERED,
                {"hang_up": True},
            ],
        }
    )


async def measure(stage: Stage) -> list[Figure]:
    figures = []
    for wait_s in WAITS_S:
        plain_s, _ = await _latencies(stage, wait_s, is_ahead=False)
        ahead_s, drafts = await _latencies(stage, wait_s, is_ahead=True)
        gained_s = quantiles(plain_s).p50 - quantiles(ahead_s).p50
        wasted = drafts.count(False) / len(drafts) if drafts else 0.0
        figures += [
            Figure(f"answer after the caller's end, wait {wait_s:g} s, as it comes", "reported", in_ms(plain_s), True),
            Figure(
                f"the same, thinking ahead: {1000 * gained_s:.0f} ms sooner", "sooner", in_ms(ahead_s), gained_s > 0
            ),
            Figure("drafts thrown away", "reported", f"{wasted:.0%} of {len(drafts)}", True),
        ]
    return figures


async def _latencies(stage: Stage, wait_s: float, is_ahead: bool) -> tuple[list[float], list[bool]]:
    """Seconds to each answer; of each draft, whether it was used."""
    first = len(stage.carrier.log.entries)
    await run_many(scenario(wait_s, is_ahead), stage, calls=CALLS, at_once=4)
    entries = stage.carrier.log.entries[first:]
    found: list[float] = []
    drafts: list[bool] = []
    kinds = ("caller_speech_started", "caller_speech_ended", "agent_audio_started")
    for call in sorted({entry.call_control_id for entry in entries if entry.call_control_id}):
        own = [entry for entry in entries if entry.call_control_id == call and entry.kind in kinds]
        own.sort(key=lambda entry: entry.at)
        for said, then in zip(own, own[1:], strict=False):
            if (said.kind, then.kind) == ("caller_speech_ended", "agent_audio_started"):
                found.append(then.at - said.at)
        events = await timeline_of(stage, call)
        drafts += [bool(event["detail"]["was_used"]) for event in events if event["name"] == "ReportDraft"]
    return found, drafts
