"""Interrupted answers: the words that the product keeps as heard, against the words that the carrier had played.

    python -m tests.bench heard_history
    python -m tests.bench.heard_history --barge-ins 500 --at-once 5

Callers ask for a story and cut into it, several times per call, at random moments. Two witnesses that do not know of each
other are compared for every interruption:

| witness     | what it says                                                                                          |
|-------------|-------------------------------------------------------------------------------------------------------|
| the carrier | the samples that it had played when `clear` came. The voice is a made-up one (spelling_voice.py): each |
|             | word is a tone of its own, so they spell the words, and how much of the last one there was             |
| the product | the transcript under /api/calls: what the caller heard of the story in that turn                      |

Nothing is looked for and nothing is estimated: every interruption has a place in the story, to some milliseconds (12.3:
twelve words and a third of the next). Words kept less words played to their end: 0 is right, +1 also the one that was cut
(the product keeps a word of which four fifths were played), -1 one too few; anything else is a fault.

| also a fault                     |                                                                         |
|----------------------------------|-------------------------------------------------------------------------|
| the agent was not stopped        | no `clear` while the caller spoke                                       |
| no beginning of the story        | the transcript holds other words, or leaves some out                    |
| the carrier played something else | words repeated or left out where the agent went on after a sound       |
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.rehearsal.runner import Outcome, Stage, prepare_agent, run_call
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.stack import StackSettings
from backend.rehearsal.stage import own_stage
from tests.bench.stage_runs import Figure
from tests.bench.turn_legs import timeline_of
from tests.workers.tts.processes import voice_server
from tests.workers.tts.spelling_voice import TELLING, WORDS, seconds_of, spans_heard

RATE = 8000
INTERRUPTIONS = 6
"""Per call."""


def make_story(sentences: int = 8) -> str:
    """Half a minute; no word stands beside itself, so that two tones never run into one."""
    dice = random.Random(4)
    said: list[str] = []
    parts = []
    for _ in range(sentences):
        sentence: list[str] = []
        while len(sentence) < dice.randint(4, 9):
            word = dice.choice([word for word in WORDS if word not in said[-3:]])
            sentence.append(word)
            said.append(word)
        parts.append(" ".join(sentence).capitalize() + ".")
    return " ".join(parts)


STORY = make_story()
PLAIN = [word.strip(".").lower() for word in STORY.split()]


def interrupting(number: int) -> Scenario:
    """A caller who asks for the story again and again, and cuts into it at random."""
    dice = random.Random(number)
    steps: list[dict[str, object]] = [{"wait_until": "agent_answered"}]
    for _ in range(INTERRUPTIONS):
        after_s = round(dice.uniform(0.1, 7.0), 3)
        steps += [
            {"say": "Tell me a story.", "rate_wpm": 200},
            {"say": "Stop please, that is enough.", "interrupt_after_s": after_s, "rate_wpm": 200},
            {"wait_until": "agent_answered", "timeout_s": 20},
        ]
    content: dict[str, Any] = {
        "name": f"heard_history_{number}",
        "needs": {"barge_in": True},
        "agent": {
            "voice": TELLING,
            "greeting": "Good morning.",
            "settings": {"turn_taking": {"longest_backchannel_s": 0}},
        },
        "model": [{"when": "story", "say": STORY}, {"when": "any", "say": "All right then."}],
        "caller": [*steps, {"hang_up": True}],
        "time_limit_s": 180,
    }
    return Scenario.model_validate(content)


@dataclass(frozen=True, slots=True)
class Compared:
    """One interruption."""

    call_control_id: str
    number: int
    """In its call, from 0."""
    played: float | None
    """Words, with the part of the last one; None: the agent was not stopped."""
    is_in_order: bool
    """What was played is the story's beginning."""
    kept: int | None
    """Words of the transcript; None: they are not the story's first ones."""
    clears: int

    @property
    def fault(self) -> str:
        """ "" where all is well."""
        if self.played is None:
            return "the agent was not stopped"
        if not self.is_in_order:
            return "the carrier played something else"
        if self.kept is None:
            return "no beginning of the story"
        return "" if abs(self.kept - int(self.played)) <= 1 else "words"


def kept_of_the_story(turns: Sequence[dict[str, Any]], since: float, until: float) -> int | None:
    """Of what the agent began to say in this time, how many words of the story the transcript keeps; None where they are not
    its first ones. What else it says (that it falls silent, a filler) is made of other words."""
    kept: list[str] = []
    for turn in turns:
        words = turn["text"].split()
        if turn["speaker"] == "agent" and turn["heard"] != "unheard" and since <= turn["at"] < until:
            kept += words if any(word.strip(".").lower() in WORDS for word in words) else []
    return len(kept) if kept == STORY.split()[: len(kept)] else None


def played_of_the_story(pcm: NDArray[np.int16]) -> tuple[float, bool]:
    """How many words of it these samples hold, with the part of the last one; whether they are its beginning. A word that
    was cut and is said again, because the agent goes on after a sound that meant nothing, counts once."""
    spans = spans_heard(pcm)
    once = [span for index, span in enumerate(spans) if index == 0 or span.word != spans[index - 1].word]
    words = [span.word for span in once]
    if not words:
        return 0.0, True
    last = spans[-1]
    whole_s = seconds_of(STORY.split()[min(len(words), len(PLAIN)) - 1])
    part = min(1.0, (last.end - last.start) / RATE / whole_s)
    return len(words) - 1 + part, words == PLAIN[: len(words)]


def compare(outcome: Outcome, turns: Sequence[dict[str, Any]], to_carrier: float) -> list[Compared]:
    """Every interruption of one call. `to_carrier`: what takes wall-clock seconds to the carrier's clock."""
    audio = outcome.leg.playout.media.played()
    clears = [entry for entry in outcome.facts.entries if entry.kind == "cleared"]
    cuts = [speech for speech in outcome.facts.said if speech.interrupts]
    asked_at = [speech.ended_at for speech in outcome.facts.said if not speech.interrupts]
    found = []
    before = 0
    for number, (cut, after) in enumerate(zip(cuts, asked_at, strict=False)):
        until = asked_at[number + 1] if number + 1 < len(asked_at) else float("inf")
        own = [clear for clear in clears if after <= clear.at < until]
        telling = kept_of_the_story(turns, after - to_carrier, until - to_carrier)
        if not any(cut.started_at <= clear.at for clear in own):
            found.append(Compared(outcome.leg.call_control_id, number, None, True, telling, 0))
            continue
        end = int(own[-1].data["played_samples"])
        played, is_in_order = played_of_the_story(audio[before:end])
        found.append(Compared(outcome.leg.call_control_id, number, played, is_in_order, telling, len(own)))
        before = end
    return found


async def _call(number: int, stage: Stage) -> list[Compared]:
    scenario = interrupting(number)
    agent_id, called, agent = await prepare_agent(scenario, stage)
    try:
        outcome = await run_call(scenario, stage, agent_id, called, agent, check_keys=False)
        if outcome.facts.problem:
            print(f"  call {number}: {outcome.facts.problem}", flush=True)
        record = await record_of(stage, outcome.leg.call_control_id)
    finally:
        await stage.api.delete_agent(agent_id)
    to_carrier = stage.carrier.now() - time.time()
    compared = compare(outcome, record["turns"], to_carrier)
    for each in compared:
        if each.fault:
            print(f"  {each}", flush=True)
            explain(outcome, record, each, to_carrier)
    return compared


async def record_of(stage: Stage, call_control_id: str) -> dict[str, Any]:
    """It is written behind the call, later on a busy machine."""
    await timeline_of(stage, call_control_id)
    return await stage.api.show_call(call_control_id)


def explain(outcome: Outcome, record: dict[str, Any], fault: Compared, to_carrier: float) -> None:
    """What the product knew when it cut, on the carrier's clock: how late it learned of its marks, how late `clear` came."""
    cuts = [speech for speech in outcome.facts.said if speech.interrupts]
    began = cuts[fault.number].started_at
    clear = next((entry for entry in outcome.facts.entries if entry.kind == "cleared" and entry.at >= began), None)
    if clear is None:
        return
    shown = [(entry.at, "carrier", entry.kind, entry.data) for entry in outcome.facts.entries]
    shown += [(event["at"] + to_carrier, "product", event["name"], event["detail"]) for event in record["events"]]
    shown += [
        (turn["at"] + to_carrier, "turn", turn["speaker"], (turn["heard"], turn["text"])) for turn in record["turns"]
    ]
    for at, who, kind, data in sorted(shown, key=lambda one: one[0]):
        if clear.at - 12 <= at <= clear.at + 4 and "webhook" not in kind:
            print(f"    {at - clear.at:+7.3f} {who:8} {kind} {data}", flush=True)


async def measure(stage: Stage, *, barge_ins: int = 500, at_once: int = 5) -> list[Figure]:
    """The figure, from at least so many interruptions. The stage's voice is the spelling one."""
    gate = asyncio.Semaphore(at_once)
    calls = -(-barge_ins // INTERRUPTIONS)
    began = time.monotonic()
    compared: list[Compared] = []

    async def one(number: int) -> None:
        await asyncio.sleep(0.7 * (number % at_once))
        async with gate:
            found = await _call(number, stage)
        compared.extend(found)
        print(f"  {len(compared)} interruptions after {time.monotonic() - began:.0f} s", flush=True)

    await asyncio.gather(*(one(number) for number in range(calls)))
    return [figure_of(compared)]


def figure_of(compared: Sequence[Compared]) -> Figure:
    """All of them: none is left out."""
    faults = Counter(one.fault for one in compared if one.fault and one.fault != "words")
    differences = Counter(
        one.kept - int(one.played)
        for one in compared
        if one.kept is not None and one.played is not None and one.is_in_order
    )
    within = sum(1 for one in compared if not one.fault)
    spread = ", ".join(f"{words:+d}: {count}" for words, count in sorted(differences.items()))
    others = "".join(f"; {what}: {count}" for what, count in sorted(faults.items()))
    return Figure(
        f"heard text kept in history against what the carrier played, {len(compared)} barge-ins",
        "within one word, all",
        f"{within} of {len(compared)} (kept − played to its end, in words: {spread}{others})",
        bool(compared) and within == len(compared),
    )


async def _main(barge_ins: int, at_once: int, workers: int) -> bool:
    with voice_server("tests.workers.tts.spelling_voice", TTS_ENGINES="spelling", TTS_MAX_SESSIONS="64") as voice:
        settings = StackSettings(web_workers=workers, barge_in=True, environment={"TTS_ADDRESS": voice.address})
        async with own_stage(settings, print) as (stage, _):
            figures = await measure(stage, barge_ins=barge_ins, at_once=at_once)
    for figure in figures:
        print(f"{figure.name}: {figure.measured}; asked: {figure.target}")
    return all(figure.is_reached for figure in figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--barge-ins", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    sys.exit(0 if asyncio.run(_main(arguments.barge_ins, arguments.at_once, arguments.workers)) else 1)
