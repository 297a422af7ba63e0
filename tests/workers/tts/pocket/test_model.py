"""Loading from a directory, and from nowhere else."""

import shutil
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.pocket.model import PocketModel, load_model


@pytest.fixture
def copy(model_directory: Path, tmp_path: Path) -> Path:
    """A directory to spoil."""
    return Path(shutil.copytree(model_directory, tmp_path / "pocket"))


def change_config(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = yaml.safe_load((directory / "config.yaml").read_text())
    change(config)
    (directory / "config.yaml").write_text(yaml.safe_dump(config))


def test_model_and_voices_come_from_the_directory(model: PocketModel) -> None:
    """Also where the configuration names places on the network; the weights are the file's, not fresh ones."""
    assert sorted(model.voices) == ["anna", "bob"]
    assert model.tts.sample_rate == 24000
    layers, both, positions, heads, width = model.voices["anna"].prefix.shape
    assert (layers, both, heads, width) == (2, 2, 4, 8)
    assert 10 < positions < 20


def test_the_weights_are_those_of_the_file(model: PocketModel, model_directory: Path) -> None:
    """An unnamed weights file would leave the package's model as it was born."""
    stored = load_file(model_directory / "model.safetensors")

    for name, tensor in model.tts.state_dict().items():
        assert torch.equal(tensor, stored[name]), name


@pytest.mark.parametrize("name", ["config.yaml", "model.safetensors", "tokenizer.json", "voices"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    """So that whoever installs it knows what to fetch."""
    target = copy / name
    shutil.rmtree(target) if target.is_dir() else target.unlink()

    with pytest.raises(EngineBroken, match=rf"{name}.*missing"):
        load_model(copy, "cpu")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [", "not YAML"),
        ("just words", "not a configuration"),
        ("flow_lm: {}\nmimi: {}\n", "lookup_table"),
        ("flow_lm: {lookup_table: {tokenizer_path: tokenizer.json}}\nmimi: {}\n", "names no weights_path"),
    ],
)
def test_a_configuration_that_is_none_is_refused(copy: Path, content: str, says: str) -> None:
    """With the file's name."""
    (copy / "config.yaml").write_text(content)

    with pytest.raises(EngineBroken, match=rf"config\.yaml.*{says}"):
        load_model(copy, "cpu")


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    """The package's strict loading says which tensor."""
    change_config(copy, lambda config: config["flow_lm"]["transformer"].update(num_layers=3))

    with pytest.raises(EngineBroken, match="does not load"):
        load_model(copy, "cpu")


def test_weights_without_voice_cloning_serve_as_well(copy: Path) -> None:
    """A configuration may name only those."""

    def rename(config: dict[str, Any]) -> None:
        config["weights_path_without_voice_cloning"] = config.pop("weights_path")

    change_config(copy, rename)
    assert load_model(copy, "cpu").voices


@pytest.mark.parametrize("kind", ["empty", "foreign", "torn"])
def test_a_voice_that_is_not_this_models_is_named(copy: Path, kind: str) -> None:
    """Rather than speaking noise in a call."""
    path = copy / "voices" / "eve.safetensors"
    tensors = load_file(copy / "voices" / "anna.safetensors")
    if kind == "empty":
        save_file({"a/b": torch.zeros(1)}, path)
    elif kind == "foreign":
        save_file({name: t[..., :4].contiguous() if t.ndim == 5 else t for name, t in tensors.items()}, path)
    else:
        path.write_bytes((copy / "voices" / "anna.safetensors").read_bytes()[:100])

    with pytest.raises(EngineBroken, match=r"eve\.safetensors"):
        load_model(copy, "cpu")


def write_recording(path: Path) -> None:
    noise = np.random.default_rng(1).integers(-3000, 3000, 16000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(noise.tobytes())


def test_a_recording_is_a_voice(copy: Path) -> None:
    """One second at 16 kHz; an exported voice of the same name goes before it."""
    write_recording(copy / "voices" / "carl.wav")
    write_recording(copy / "voices" / "anna.wav")
    voices = load_model(copy, "cpu").voices

    assert sorted(voices) == ["anna", "bob", "carl"]
    assert voices["carl"].prefix.shape[2] > 10


def test_a_recording_needs_weights_that_can_clone(copy: Path) -> None:
    """The published ones without voice cloning cannot."""
    write_recording(copy / "voices" / "carl.wav")
    weights = load_file(copy / "model.safetensors")
    weights["flow_lm.speaker_proj_weight"].zero_()
    save_file(weights, copy / "model.safetensors")

    with pytest.raises(EngineBroken, match=r"carl\.wav.*recording"):
        load_model(copy, "cpu")
