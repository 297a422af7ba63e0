"""Every mark, or every `playback.ended`, is lost: how long the agent counts as speaking (B7).

With a silence of one second the check-in is due the moment the agent stops counting as speaking, so what the caller hears
between the greeting's end and the check-in is that time, plus the voice's reaction.
"""

from backend.rehearsal.load import quantiles
from backend.rehearsal.runner import Outcome, Stage
from backend.rehearsal.scenario import Scenario
from tests.bench.stage_runs import Figure, in_ms, run_many

GRACE_S = 2.0
REACTION_S = 0.15
"""What the default timeline allows for a step, too."""


def scenario(delivery: str) -> Scenario:
    return Scenario.model_validate(
        {
            "name": f"lost_ends_{delivery}",
            "agent": {
                "audio_delivery": delivery,
                "settings": {"dead_air_settings": {"silence_timeout_normal": 1, "max_checkins_before_disconnect": 1}},
            },
            "faults": {"drop_marks": True, "drop_playback_ended": True},
            "caller": [{"wait_until": "agent_said_2"}, {"hang_up": True}],
        }
    )


def waits_s(outcomes: list[Outcome]) -> list[float]:
    """Per call: end of the greeting → check-in, as heard; a call without a check-in counts as endless."""
    waits = []
    for outcome in outcomes:
        heard = outcome.leg.agent_segments
        waits.append(heard[1].started_at - heard[0].ended_at if len(heard) > 1 else float("inf"))
    return waits


async def measure(stage: Stage, *, calls: int = 100, at_once: int = 10) -> list[Figure]:
    figures = []
    for delivery, what in (("stream", "marks"), ("playback", "playback.ended")):
        waits = waits_s(await run_many(scenario(delivery), stage, calls=calls, at_once=at_once))
        in_time = sum(wait <= GRACE_S + REACTION_S for wait in waits)
        figures.append(
            Figure(
                f"all {what} lost: agent speaking ≤ audio + 2 s",
                f"{calls} of {calls}",
                f"{in_time} of {calls}, longest {1000 * quantiles(waits).max:.0f} ms; {in_ms(waits)}",
                in_time == calls,
            )
        )
    return figures
