"""Where the time between the caller's last sample and the agent's first goes: one leg per step, from the record's timeline
and the carrier's log, both put on the wall clock of this machine.

    voice → noticed      the detector has reported the end of speech (beside the others: the wait runs already)
    voice → words        the final transcript has reached the call's owner (beside the others too)
    turn's end           the model is asked; the agent's own endpointing delay is taken off
    model                until its first sentence is written
    voice worker         until the first frame of that sentence was handed to the media socket
    way out              until the carrier hears it

The four last add up to the figure.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.product_api import ApiError
from backend.rehearsal.runner import Stage
from tests.bench.stage_runs import Figure, in_ms

NAMES = ("voice → noticed", "voice → words", "turn's end", "model", "voice worker", "way out")
STORED_WITHIN_S = 10.0


async def legs_of(stage: Stage, entries: Sequence[LogEntry], endpointing_s: float) -> dict[str, list[float]]:
    """Seconds of each leg, over all answered turns of these calls."""
    to_wall = time.time() - stage.carrier.now()
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for call in sorted({entry.call_control_id for entry in entries if entry.call_control_id}):
        events = await timeline_of(stage, call)
        of_call = [entry for entry in entries if entry.call_control_id == call]
        ends = [entry.at + to_wall for entry in of_call if entry.kind == "caller_speech_ended"]
        begins = [entry.at + to_wall for entry in of_call if entry.kind == "agent_audio_started"]
        for index, ended_at in enumerate(ends):
            until = ends[index + 1] if index + 1 < len(ends) else ended_at + 10.0
            turn = [event for event in events if ended_at <= event["at"] < until]
            heard_at = next((at for at in begins if ended_at < at < until), None)
            steps = {
                name: next((event["at"] for event in turn if event["name"] == name), None)
                for name in ("SpeechEnded", "TranscriptReceived", "Think", "SentenceWritten", "SynthesisStarted")
            }
            if heard_at is None or None in (steps["Think"], steps["SentenceWritten"], steps["SynthesisStarted"]):
                continue
            _note(found, "voice → noticed", steps["SpeechEnded"], ended_at)
            _note(found, "voice → words", steps["TranscriptReceived"], ended_at)
            _note(found, "turn's end", steps["Think"], ended_at + endpointing_s)
            _note(found, "model", steps["SentenceWritten"], steps["Think"])
            _note(found, "voice worker", steps["SynthesisStarted"], steps["SentenceWritten"])
            _note(found, "way out", heard_at, steps["SynthesisStarted"])
    return found


def as_figures(legs: dict[str, list[float]]) -> list[Figure]:
    return [Figure(f"of it: {name}", "reported", in_ms(values), True) for name, values in legs.items() if values]


def _note(found: dict[str, list[float]], name: str, at: float | None, since: float | None) -> None:
    if at is not None and since is not None:
        found[name].append(at - since)


async def timeline_of(stage: Stage, call_control_id: str) -> list[dict[str, Any]]:
    """The record's events; it is stored a moment after the call's end."""
    give_up_at = time.monotonic() + STORED_WITHIN_S
    while True:
        try:
            record = await stage.api.show_call(call_control_id)
        except ApiError as error:
            if error.status != 404 or time.monotonic() > give_up_at:
                raise
        else:
            if record["events"]:
                events: list[dict[str, Any]] = record["events"]
                return events
            if time.monotonic() > give_up_at:
                return []
        await asyncio.sleep(0.2)
