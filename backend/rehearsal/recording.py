"""The recording of a rehearsal: one stereo WAV file, the caller left, the agent right, as heard on the line."""

import wave
from pathlib import Path

import numpy as np

RATE = 8000
RECORDING = "recording.wav"
RUNS_FOLDER = "rehearsals"
"""Under DATA_DIR: each run that was asked for over the API has a folder there, named by its id."""


def write_stereo(path: str | Path, caller_pcm: bytes, agent_pcm: bytes) -> float:
    """Both sides are 8 kHz s16le from the same instant; the shorter one is filled with silence. Returns seconds."""
    left = np.frombuffer(caller_pcm[: len(caller_pcm) // 2 * 2], dtype="<i2")
    right = np.frombuffer(agent_pcm[: len(agent_pcm) // 2 * 2], dtype="<i2")
    both = np.zeros((max(len(left), len(right)), 2), dtype="<i2")
    both[: len(left), 0] = left
    both[: len(right), 1] = right
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(both.tobytes())
    return len(both) / RATE
