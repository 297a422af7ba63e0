"""What the caller's line may play while the agent speaks, and what of it interrupts: `python -m tests.bench sounds [takes]`.

Takes of six seconds each at -15 to -30 dBFS over hiss, through μ-law, the real detector and the real ear, while the agent is
audible on a line without echo. An edge is a SpeechStarted; what would interrupt by sound alone is a SpeechLasted of the
default agent's `interruption_by_sound_s`.
"""

import sys

import numpy as np
from numpy.typing import NDArray

from backend.audio import g711
from backend.call.agent_config import TurnTakingSettings
from backend.call.events import SpeechEnded, SpeechLasted, SpeechStarted
from backend.engines.vad_silero import SileroVad
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.sounds import SoundName, make_sound
from tests.audio.echo_call import Heard, listen
from tests.audio.echo_paths import RATE, Line
from tests.bench.stage_runs import Figure

TAKES = 100
SECONDS = 6
STEADY: tuple[SoundName, ...] = ("hold_music", "tune", "ringback", "busy", "dtmf", "cough")
BY_LENGTH: tuple[SoundName, ...] = ("throaty_cough",)
"""Partly voiced: kept from interrupting by its length, or by having no words."""
LASTED_S = TurnTakingSettings().interruption_by_sound_s


def on_a_line(sound: NDArray[np.float64], seed: int, at_s: float = 0.0) -> Line:
    """The sound over hiss, while the agent says something else all the time."""
    count = SECONDS * RATE
    dice = np.random.default_rng(seed)
    theirs = dice.normal(0, 32, count)
    start = round(at_s * RATE)
    sound = sound[: count - start]
    theirs[start : start + len(sound)] += sound
    agent = np.frombuffer(synthesise("We are open from nine to five, Monday to Friday.", "en-us", 160), np.int16)
    played = np.resize(agent, count)
    clipped = np.clip(theirs, -32000, 32000).astype(np.int16)
    return Line("sound", 0.0, 0.0, played, g711.decode_ulaw(g711.encode_ulaw(clipped)), None)


def take(vad: SileroVad, name: SoundName, seed: int) -> Heard:
    level = float(np.random.default_rng(seed).uniform(-30, -15))
    made = np.frombuffer(make_sound(name, SECONDS, level, seed), np.int16).astype(np.float64)
    return listen(vad, on_a_line(made, seed), lasted_s=LASTED_S)


def lengths_s(heard: Heard) -> list[float]:
    began, found = None, []
    for _, event in heard.events:
        if isinstance(event, SpeechStarted):
            began = event.at
        elif isinstance(event, SpeechEnded) and began is not None:
            found.append(event.at - began)
            began = None
    return found


def measure(takes: int = TAKES) -> list[Figure]:
    vad = SileroVad(capacity=2)
    figures = []
    for name in (*STEADY, *BY_LENGTH):
        heard = [take(vad, name, 1000 + seed) for seed in range(takes)]
        edges = [len(each.starts()) for each in heard]
        longest_s = max((length_s for each in heard for length_s in lengths_s(each)), default=0.0)
        interrupting = sum(any(isinstance(event, SpeechLasted) for _, event in each.events) for each in heard)
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
