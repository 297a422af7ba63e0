"""From the caller's last sample to the agent's first, as the caller hears it: espeak-ng and the scripted model,
which answers without any delay of its own.

The part above the agent's own endpointing delay is ours: detecting the end, the model, the voice, the way out. How long each
of them took is printed below the figure (`turn_legs.py`).
"""

from backend.call.agent_config import TurnTakingSettings
from backend.rehearsal.load import quantiles
from backend.rehearsal.runner import Stage
from backend.rehearsal.scenario import Scenario
from tests.bench.stage_runs import Figure, in_ms, run_many
from tests.bench.turn_legs import as_figures, legs_of

SCENARIO = Scenario.model_validate(
    {
        "name": "first_frame",
        "model": [{"when": "any", "say": "We open at nine. We close at five.", "token_delay_s": 0}],
        "caller": [
            {"wait_until": "agent_answered"},
            {"say": "When do you open?"},
            {"wait_until": "agent_answered"},
            {"say": "And when do you close?"},
            {"wait_until": "agent_answered"},
            {"say": "What about Sundays?"},
            {"wait_until": "agent_answered"},
            {"hang_up": True},
        ],
    }
)


async def measure(stage: Stage, *, calls: int = 40, at_once: int = 5) -> list[Figure]:
    endpointing_s = TurnTakingSettings().min_endpointing_delay_s
    first = len(stage.carrier.log.entries)
    await run_many(SCENARIO, stage, calls=calls, at_once=at_once)
    entries = stage.carrier.log.entries[first:]
    extra = []
    for call in {entry.call_control_id for entry in entries}:
        of_call = [entry for entry in entries if entry.call_control_id == call]
        for said in (entry for entry in of_call if entry.kind == "caller_speech_ended"):
            answer = next((e for e in of_call if e.kind == "agent_audio_started" and e.at > said.at), None)
            if answer is not None:
                extra.append(answer.at - said.at - endpointing_s)
    return [
        Figure(
            f"first agent frame after the caller's end of speech, above the endpointing delay of {endpointing_s:g} s",
            "p95 ≤ 60 ms",
            in_ms(extra),
            quantiles(extra).p95 <= 0.060,
        ),
        *as_figures(await legs_of(stage, entries, endpointing_s)),
    ]
