"""What the analysis of tone costs, and what it makes of known sounds: `python -m tests.bench tone`.

One caller's audio in frames through the tap, the in-process analyser and its events, all in this process: the CPU that a
web worker spends per second of a call in which the caller speaks all the time, and per second of silence. Then seconds of
music, noise and speech, and what each is taken for.
"""

import time

import gevent
import numpy as np

from backend.live.tone.analyser import InProcess
from backend.live.tone.environment import look
from backend.live.tone.tap import ToneTap
from backend.live.tone.windows import RATE
from backend.rehearsal.carrier.speech import synthesise
from backend.rehearsal.sounds import SoundName, make_sound
from tests.bench.stage_runs import Figure

TEXT = "Good morning, I would like to know which bread you have today, and until when you are open in the evening."
SECONDS = 120
FRAME = 320


def cpu_ms_per_second(pcm: bytes) -> tuple[float, int]:
    """And how many seconds were judged."""
    judged: list[str] = []
    tap = ToneTap(InProcess().open("bench", 600.0), lambda name, data: judged.append(name))
    began = time.process_time()
    for start in range(0, len(pcm), FRAME):
        tap.caller(pcm[start : start + FRAME], start / 2 / RATE)
        if start % (50 * FRAME) == 0:
            gevent.sleep(0)
    tap.ended()
    gevent.sleep(0)
    return 1000 * (time.process_time() - began) / (len(pcm) / 2 / RATE), judged.count("tone")


def taken_for(name: SoundName, takes: int) -> dict[str, int]:
    kinds = [
        look(np.frombuffer(make_sound(name, 1.0, float(level), seed), np.int16)).kind or "speech or other"
        for seed in range(takes)
        for level in (-15, -25, -35)
    ]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def measure() -> list[Figure]:
    speech = np.resize(np.frombuffer(synthesise(TEXT, "en-us", 160), np.int16), SECONDS * RATE).tobytes()
    cpu_ms_per_second(speech[: 20 * 2 * RATE])  # what is only needed once
    (talking, judged), (silent, _) = cpu_ms_per_second(speech), cpu_ms_per_second(bytes(len(speech)))
    seconds = [speech[start : start + 2 * RATE] for start in range(0, len(speech), 2 * RATE)]
    wrong = sum(look(np.frombuffer(second, np.int16)).kind == "hold_music" for second in seconds)
    figures = [
        Figure(
            "tone: CPU per second of a caller who speaks all the time",
            "reported",
            f"{talking:.1f} ms, {judged} of {SECONDS} seconds judged",
            judged >= 0.9 * SECONDS,
        ),
        Figure("tone: CPU per second of a silent caller", "reported", f"{silent:.2f} ms", True),
        Figure("tone: seconds of speech taken for hold music", "0", f"{wrong} of {len(seconds)}", wrong == 0),
    ]
    names: tuple[tuple[SoundName, str], ...] = (
        ("hold_music", "hold_music"),
        ("tune", "hold_music"),
        ("noise", "noise"),
    )
    for name, kind in names:
        found = taken_for(name, 40)
        figures.append(
            Figure(f"tone: seconds of {name}, taken for", f"{kind}, 95 %", str(found), found.get(kind, 0) >= 0.95 * 120)
        )
    return figures
