"""Interrupted answers: the words that the product keeps as heard, against the words that the carrier had played.

    python -m tests.bench heard_history

Callers ask for a story and cut into it, several times per call, at random moments. Two witnesses that do not know of each
other are compared for every interruption:

| witness     | what it says                                                                                       |
|-------------|----------------------------------------------------------------------------------------------------|
| the carrier | the sound at the caller's ear until `clear` took effect. Its last second is looked for in the whole  |
|             | story as espeak-ng speaks it here; espeak-ng's own word events say which words lie before that place |
| the product | the transcript under /api/calls: what the caller heard of the story in that turn                     |

A word counts as heard when four fifths of it were played, here as there. Both sides are whole words, so a cut in the middle
of a word may differ by one; more is a fault. An interruption whose sound is not found again in the story is not counted, and
said so.
"""

import argparse
import asyncio
import random
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.engines.sentences import SentenceSplitter
from backend.rehearsal.carrier.codec import FRAME_S, RATE
from backend.rehearsal.carrier.hearing import AudibleSegment
from backend.rehearsal.carrier.playout import slot_of
from backend.rehearsal.carrier.speech import to_8k
from backend.rehearsal.runner import Outcome, Stage, prepare_agent, run_call
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.stack import StackSettings
from backend.rehearsal.stage import own_stage
from backend.session.stream_delivery import BREATH_S
from backend.workers.tts.adapter import WordAt
from backend.workers.tts.espeak import Espeak
from tests.bench.stage_runs import Figure

STORY = (
    "Long ago a miller lived beside a wide brown river. His wheel turned by day and by night, because the water "
    "never slept. One winter a stranger knocked and asked for a place near the fire. He carried a lamp, a ladder, "
    "and nothing else. Nobody in the valley had seen such clothes before. The miller gave him soup, then bread, "
    "then the warm corner of the bench. In return the stranger promised to mend whatever was broken in the house. "
    "He began with the clock above the door, which had stood still for eleven years. After that he climbed up to "
    "the roof and counted the stars that fell through it. When spring came the wheel ran twice as fast, and the "
    "flour tasted faintly of honey."
)
VOICE = "en-us"
INTERRUPTIONS = 6
"""Per call."""
TAIL_S = 1.2
"""So much of the sound before the cut is looked for: longer than any pause in it."""
FOUND = 0.4
"""Likeness of the waves from which on a place is the right one: after two resamplings, loudness and telephone coding the
right one has 0.45 to 0.95, the others less than 0.3."""
LONGEST_STARVED_S, EARLIEST_S = 4.0, 0.3
"""The place lies this much before, or after, what the time since the first sound says."""
ENOUGH_OF_A_WORD = 0.8

Wave = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SpokenStory:
    """The story as it sounds: 8 kHz, and for each word when its audio is mostly over (s)."""

    wave: Wave
    mostly_over_s: list[float]

    def words_before(self, at_s: float) -> int:
        """How many words were mostly played by then."""
        return bisect_left(self.mostly_over_s, at_s + 1e-9)


def speak_story(text: str = STORY) -> SpokenStory:
    """As the product hands it over: sentence by sentence, silence at both ends cut off, a breath between two."""
    engine = Espeak()
    engine.load()
    waves: list[Wave] = []
    mostly_over: list[float] = []
    at_s = 0.0
    splitter = SentenceSplitter()
    for sentence in splitter.push(text) + splitter.flush():
        samples: list[NDArray[np.int16]] = []
        starts: dict[int, float] = {}
        for made in engine.synthesize(sentence, VOICE, bool):
            if isinstance(made, WordAt):
                starts.setdefault(made.number, made.at_s)
            else:
                samples.append(made)
        wave = to_8k(np.concatenate(samples), engine.native_sample_rate).astype(np.float64)
        audible = np.flatnonzero(np.abs(wave) >= 250)
        first, last = int(audible[0]), int(audible[-1]) + 1
        words = range(len(sentence.split()))
        # The library says some words in one breath ("for a") and tells only the first: the others share its time.
        shared = np.interp(words, [*sorted(starts), len(words)], [*sorted(starts.values()), last / RATE])
        begins = [at_s + max(0.0, float(start_s) - first / RATE) for start_s in shared]
        ends = [*begins[1:], at_s + (last - first) / RATE]
        mostly_over += [a + ENOUGH_OF_A_WORD * (b - a) for a, b in zip(begins, ends, strict=True)]
        waves += [wave[first:last], np.zeros(int(BREATH_S * RATE))]
        at_s += (last - first) / RATE + BREATH_S
    engine.unload()
    return SpokenStory(np.concatenate(waves), mostly_over)


def place_of(tail: Wave, story: Wave, elapsed_s: float) -> tuple[float, float]:
    """Where in the story the end of `tail` lies (s), and how alike the two are there (0 to 1). `elapsed_s`: how long ago its
    first sound was heard; what starved in between makes the place earlier."""
    size = 1 << int(np.ceil(np.log2(len(story) + len(tail))))
    product = np.fft.irfft(np.fft.rfft(story, size) * np.conj(np.fft.rfft(tail, size)), size)[: len(story)]
    energy = np.concatenate([[0.0], np.cumsum(story**2)])
    ends = np.minimum(np.arange(len(story)) + len(tail), len(story))
    norm = np.sqrt((energy[ends] - energy[: len(story)]) * float(np.sum(tail**2))) + 1e-9
    likeness = np.where(norm > 0.05 * norm.max(), product / norm, 0.0)
    ends_s = (np.arange(len(story)) + len(tail)) / RATE
    likeness[(ends_s < elapsed_s - LONGEST_STARVED_S) | (ends_s > elapsed_s + EARLIEST_S)] = 0.0
    best = int(np.argmax(likeness))
    return (best + len(tail)) / RATE, float(likeness[best])


def sound_until(segments: Sequence[AudibleSegment], until: float) -> Wave:
    """The caller's ear, from the beginning of what was said last to `until`, at most TAIL_S of it."""
    wave = np.zeros(int(TAIL_S * RATE))
    begins = until - TAIL_S
    first = until
    for segment in segments:
        if segment.ended_at <= begins or segment.started_at >= until:
            continue
        pcm = np.frombuffer(segment.pcm, "<i2").astype(np.float64)
        offset = round((segment.started_at - begins) * RATE)
        source = pcm[max(0, -offset) :]
        place = max(0, offset)
        source = source[: len(wave) - place]
        wave[place : place + len(source)] = source
        first = min(first, segment.started_at)
    return wave[max(0, round((first - begins) * RATE)) :]


def interrupting(number: int) -> Scenario:
    """A caller who asks for the story again and again, and cuts into it at random."""
    dice = random.Random(number)
    steps: list[dict[str, object]] = [{"wait_until": "agent_answered"}]
    for _ in range(INTERRUPTIONS):
        after_s = round(dice.uniform(0.3, 9.0), 3)
        steps += [
            {"say": "Tell me a story.", "rate_wpm": 200},
            {"say": "Stop please, that is enough.", "interrupt_after_s": after_s, "rate_wpm": 200},
            {"wait_until": "agent_answered", "timeout_s": 20},
        ]
    content: dict[str, Any] = {
        "name": f"heard_history_{number}",
        "needs": {"barge_in": True},
        "agent": {"voice": VOICE, "settings": {"turn_taking": {"longest_backchannel_s": 0}}},
        "model": [{"when": "story", "say": STORY}, {"when": "any", "say": "All right."}],
        "caller": [*steps, {"hang_up": True}],
    }
    return Scenario.model_validate(content)


@dataclass(frozen=True, slots=True)
class Compared:
    """One interruption. `kept` None: the transcript is no beginning of the story."""

    played: int | None
    """Words; None: the sound was not found in the story."""
    likeness: float
    kept: int | None


def heard_of_the_story(turns: Sequence[dict[str, Any]]) -> list[int | None]:
    """Of each telling, how many words the transcript keeps; None where they are not the story's first ones."""
    tellings: list[list[str]] = []
    is_telling = False
    for turn in turns:
        if turn["speaker"] == "caller":
            is_telling = "story" in turn["text"].lower()
            if is_telling:
                tellings.append([])
        elif is_telling and turn["heard"] != "unheard":
            tellings[-1] += turn["text"].split()
    wanted = STORY.split()
    return [len(words) if words == wanted[: len(words)] else None for words in tellings]


def compare(outcome: Outcome, turns: Sequence[dict[str, Any]], story: SpokenStory) -> list[Compared]:
    """Every interruption of one call that stopped the agent."""
    kept = heard_of_the_story(turns)
    clears = [entry.at for entry in outcome.facts.entries if entry.kind == "cleared" and entry.data["dropped_s"] > 0]
    cuts = [speech for speech in outcome.facts.said if speech.interrupts]
    found = []
    segments = outcome.leg.agent_segments
    asked_at = [speech.ended_at for speech in outcome.facts.said if not speech.interrupts]
    for telling, speech, after in zip(kept, cuts, asked_at, strict=False):
        at = next((at for at in clears if speech.started_at <= at <= speech.ended_at + 1.0), None)
        begins = next((segment.started_at for segment in segments if segment.started_at >= after), None)
        if at is None or begins is None:
            found.append(Compared(None, 0.0, telling))
            continue
        until = (slot_of(at) + 1) * FRAME_S  # the slot that was playing was heard to its end
        tail = sound_until(segments, until)
        place_s, likeness = place_of(tail, story.wave, until - begins) if len(tail) else (0.0, 0.0)
        played = story.words_before(place_s) if likeness >= FOUND else None
        found.append(Compared(played, likeness, telling))
    return found


async def _call(number: int, stage: Stage, story: SpokenStory) -> list[Compared]:
    scenario = interrupting(number)
    agent_id, called, agent = await prepare_agent(scenario, stage)
    try:
        outcome = await run_call(scenario, stage, agent_id, called, agent, check_keys=False)
        await asyncio.sleep(1.0)  # the record is written behind the call
        record = await stage.api.show_call(outcome.leg.call_control_id)
    finally:
        await stage.api.delete_agent(agent_id)
    return compare(outcome, record["turns"], story)


async def measure(stage: Stage, *, barge_ins: int = 500, at_once: int = 5) -> list[Figure]:
    """The figure, from so many interruptions."""
    story = await asyncio.to_thread(speak_story)
    gate = asyncio.Semaphore(at_once)
    calls = -(-barge_ins // INTERRUPTIONS)
    began = time.monotonic()
    compared: list[Compared] = []

    async def one(number: int) -> None:
        await asyncio.sleep(0.7 * (number % at_once))
        async with gate:
            compared.extend(await _call(number, stage, story))
        print(f"  {len(compared)} interruptions after {time.monotonic() - began:.0f} s", flush=True)

    await asyncio.gather(*(one(number) for number in range(calls)))
    return [figure_of(compared)]


def figure_of(compared: Sequence[Compared]) -> Figure:
    """Of those whose sound was found."""
    judged = [one for one in compared if one.played is not None]
    differences = Counter(one.kept - one.played for one in judged if one.kept is not None and one.played is not None)
    garbled = sum(1 for one in judged if one.kept is None)
    within = sum(count for words, count in differences.items() if abs(words) <= 1)
    spread = ", ".join(f"{words:+d}: {count}" for words, count in sorted(differences.items()))
    return Figure(
        f"heard text kept in history against what the carrier played, {len(judged)} barge-ins",
        "within one word, all",
        f"{within} of {len(judged)} (kept − played, in words: {spread}; no beginning of the story: {garbled}; "
        f"sound not found: {len(compared) - len(judged)})",
        bool(judged) and within == len(judged),
    )


async def _main(barge_ins: int, at_once: int, workers: int) -> bool:
    async with own_stage(StackSettings(web_workers=workers, barge_in=True), print) as (stage, _):
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
