"""Makes a voice file from a recording, once: `python -m backend voices make anna recording.wav`.

A recording that merely lies in voices/ is read at every start and needs the weights that can do it; the file made here
loads in milliseconds and works with the weights without voice cloning too. Runs on the CPU, beside a worker that speaks.
Whether the recording is fit is decided in recording.py.
"""

import os
import tempfile
from pathlib import Path

from pocket_tts import export_model_state

from backend.audio.wav import build_wav
from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.pocket.model import can_clone, load_voice, load_weights
from backend.workers.tts.pocket.recording import UnfitRecording, check_recording


def make_voice(directory: Path, name: str, recording: Path, *, may_replace: bool = False) -> Path:
    """`directory` is the model's. The new file. Raises UnfitRecording, or EngineBroken for the model's part; then nothing
    has changed."""
    wav = check_recording(name, recording)
    target = directory / "voices" / f"{name}.safetensors"
    if target.exists() and not may_replace:
        raise UnfitRecording(f"{target} is there already; --replace overwrites it")
    tts = load_weights(directory, "cpu")
    if not can_clone(tts):
        raise EngineBroken(
            f"pocket-tts: the weights in {directory} cannot make a voice from a recording; "
            "docs/voices.md says which can"
        )
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        mono, made = Path(folder) / "recording.wav", Path(folder) / target.name
        mono.write_bytes(build_wav(wav.samples.astype("<i2").tobytes(), wav.sample_rate))
        try:
            export_model_state(tts.get_state_for_audio_prompt(mono), made)
        except Exception as error:  # the package's and torch's own, of any kind
            raise EngineBroken(f"pocket-tts: no voice could be made of {recording}: {error}") from error
        load_voice(tts, made)
        os.replace(made, target)
    return target
