"""A voice from a recording, with a real model of random weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.audio.wav import build_wav
from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.pocket.adapter import Pocket, PocketSettings
from backend.workers.tts.pocket.make_voice import make_voice
from backend.workers.tts.pocket.recording import UnfitRecording


@pytest.fixture
def directory(brief_directory: Path, tmp_path: Path) -> Path:
    """A model of our own, without any voice: the first one is made."""
    copy = Path(shutil.copytree(brief_directory, tmp_path / "pocket"))
    shutil.rmtree(copy / "voices")
    return copy


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of noise in two channels at a telephone studio's rate."""
    noise = np.random.default_rng(5).normal(0, 3000, (3 * 44100, 2)).clip(-30000, 30000).astype("<i2")
    path = tmp_path / "anna at home.wav"
    path.write_bytes(build_wav(noise.tobytes(), 44100, channels=2))
    return path


def test_a_voice_that_was_made_speaks(directory: Path, recording: Path) -> None:
    """It is listed after a load, and nothing but its file was left behind."""
    made = make_voice(directory, "anna", recording)
    engine = Pocket(PocketSettings(directory, slots=1, device="cpu"))
    engine.load()
    frames = list(engine.synthesize("Hello.", "anna", bool))
    engine.unload()

    assert made == directory / "voices" / "anna.safetensors"
    assert list(made.parent.iterdir()) == [made]
    assert frames and np.abs(np.concatenate(frames)).max() > 500


def test_a_voice_is_replaced_only_when_told(directory: Path, recording: Path) -> None:
    """Somebody's only copy may be behind the name."""
    made = make_voice(directory, "anna", recording)
    before = made.read_bytes()
    with pytest.raises(UnfitRecording, match="is there already; --replace"):
        make_voice(directory, "anna", recording)
    noise = np.random.default_rng(6).normal(0, 3000, 48000 * 4).astype("<i2")
    recording.write_bytes(build_wav(noise.tobytes(), 48000))
    make_voice(directory, "anna", recording, may_replace=True)

    assert made.read_bytes() != before


def test_weights_without_voice_cloning_are_named(directory: Path, recording: Path) -> None:
    """Those that may be downloaded without a form."""
    weights = load_file(directory / "model.safetensors")
    weights["flow_lm.speaker_proj_weight"] = torch.zeros_like(weights["flow_lm.speaker_proj_weight"])
    save_file(weights, directory / "model.safetensors")

    with pytest.raises(EngineBroken, match="cannot make a voice from a recording"):
        make_voice(directory, "anna", recording)
    assert not (directory / "voices").exists()


def test_a_folder_without_a_model_is_named(tmp_path: Path, recording: Path) -> None:
    """Nothing is made there."""
    with pytest.raises(EngineBroken, match=r"config\.yaml is missing"):
        make_voice(tmp_path / "nowhere", "anna", recording)
    assert not (tmp_path / "nowhere").exists()
