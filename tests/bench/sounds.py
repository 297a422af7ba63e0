"""What the caller's line may play while the agent speaks, and what of it interrupts: `python -m tests.bench sounds [takes]`.

Takes of six seconds each at -15 to -30 dBFS, through μ-law, the real detector and the real ear, while the agent is audible
on a line without echo. Every second one comes a little after the caller murmured something (voice activity then takes music
for speech, one time in ten); every third one lies over nothing, the others over hiss. An edge is a SpeechStarted of the
sound; what would interrupt by sound alone is a SpeechLasted of the default agent's `interruption_by_sound_s`.
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.audio import g711
from backend.call.agent_config import TurnTakingSettings
from backend.call.events import SpeechEnded, SpeechLasted, SpeechStarted
from backend.engines.vad_silero import SileroVad
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.sounds import SoundName, make_sound
from tests.audio.echo_call import BEGAN_AT, Heard, listen
from tests.audio.echo_paths import CALLER_VOICES, RATE, Line
from tests.bench.barge_in.calls import MURMURS
from tests.bench.stage_runs import Figure

TAKES = 100
FIRST_SEED = 2_000_000
"""Takes on which nothing was tuned. Tune on those below 10,000."""
SECONDS = 6
STEADY: tuple[SoundName, ...] = ("hold_music", "tune", "ringback", "busy", "dtmf", "cough")
BY_LENGTH: tuple[SoundName, ...] = ("throaty_cough",)
"""Partly voiced: kept from interrupting by its length, or by having no words."""
LASTED_S = TurnTakingSettings().interruption_by_sound_s


def on_a_line(sound: NDArray[np.float64], seed: int) -> Line:
    """The sound, while the agent says something else all the time. `caller_at_s` is when it begins."""
    count = SECONDS * RATE
    dice = np.random.default_rng(seed)
    theirs = dice.normal(0, 32, count) if seed % 3 else np.zeros(count)
    start = 0
    if seed % 2:
        murmur, voice = MURMURS[dice.integers(len(MURMURS))], CALLER_VOICES[dice.integers(len(CALLER_VOICES))]
        words = np.frombuffer(synthesise(murmur, voice, int(dice.choice((150, 190, 230)))), np.int16)
        theirs[RATE // 2 : RATE // 2 + len(words)] += words
        start = RATE // 2 + len(words) + int(dice.uniform(0.3, 2) * RATE)
    sound = sound[: count - start]
    theirs[start : start + len(sound)] += sound
    agent = np.frombuffer(synthesise("We are open from nine to five, Monday to Friday.", "en-us", 160), np.int16)
    played = np.resize(agent, count)
    clipped = np.clip(theirs, -32000, 32000).astype(np.int16)
    return Line("sound", 0.0, 0.0, played, g711.decode_ulaw(g711.encode_ulaw(clipped)), start / RATE)


@dataclass(frozen=True, slots=True)
class Take:
    """What was told of one sound."""

    edges: int
    longest_s: float
    interrupts: bool


def take(vad: SileroVad, name: SoundName, seed: int) -> Take:
    level = float(np.random.default_rng(seed).uniform(-30, -15))
    made = np.frombuffer(make_sound(name, SECONDS, level, seed), np.int16).astype(np.float64)
    line = on_a_line(made, seed)
    return told_of(listen(vad, line, lasted_s=LASTED_S), line.caller_at_s or 0.0)


def told_of(heard: Heard, from_s: float) -> Take:
    """Of what began since `from_s`, to a tenth of a second."""
    edges, longest_s, interrupts, began = 0, 0.0, False, None
    for _, event in heard.events:
        if isinstance(event, SpeechStarted) and event.at - BEGAN_AT >= from_s - 0.1:
            edges, began = edges + 1, event.at
        elif isinstance(event, SpeechLasted) and began is not None:
            interrupts = True
        elif isinstance(event, SpeechEnded) and began is not None:
            longest_s, began = max(longest_s, event.at - began), None
    return Take(edges, longest_s, interrupts)


def measure(takes: int = TAKES) -> list[Figure]:
    vad = SileroVad(capacity=2)
    figures = []
    for name in (*STEADY, *BY_LENGTH):
        told = [take(vad, name, FIRST_SEED + seed) for seed in range(takes)]
        edges, interrupting = [each.edges for each in told], sum(each.interrupts for each in told)
        longest_s = max(each.longest_s for each in told)
        figures.append(
            Figure(
                f"{name}, {takes} takes of {SECONDS} s: interrupts by sound at the default settings",
                "0",
                f"{interrupting}; {sum(edges)} edges in {sum(map(bool, edges))} takes, the longest {longest_s:.2f} s",
                interrupting == 0,
            )
        )
    return figures


def main() -> int:
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else TAKES)
    for figure in figures:
        print(f"{figure.name:<85} {figure.target:<12} {figure.measured}")
    return 0 if all(figure.is_reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
