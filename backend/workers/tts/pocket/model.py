"""Load a pocket-tts model and its voices from one local directory, and nothing from anywhere else.

    config.yaml         a configuration of the package, as published; paths in it are looked up here by their last part
    model.safetensors   whatever the configuration's weights_path ends with
    tokenizer.json      whatever its tokenizer_path ends with
    voices/*.safetensors, voices/*.wav
                        a voice each, named by the file: as exported by the package, or a recording of at most 30
                        seconds (which needs the weights with voice cloning)

Published under hf.co/kyutai/pocket-tts (with voice cloning, behind a form) and kyutai/pocket-tts-without-voice-cloning:
english_2026-10 is 438 MB, a voice of two seconds 1.3 MB; weights CC-BY-4.0, code MIT. Nothing is downloaded at run time.

Not decided here: how the model is driven (batch.py).
"""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from pocket_tts import TTSModel

from backend.workers.tts.adapter import EngineBroken


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker: the keys and values of the audio that precedes every text, [layers, 2, positions, heads, width]."""

    name: str
    prefix: torch.Tensor


@dataclass(frozen=True, slots=True)
class PocketModel:
    """The package's model on its device, and the voices by name."""

    tts: TTSModel
    voices: dict[str, Voice]
    device: torch.device


def load_model(directory: Path, device: str = "") -> PocketModel:
    """Raises EngineBroken, which names the file that is missing or unusable. `device`: "" is the GPU if there is one."""
    tts = load_weights(directory, device)
    voices = {path.stem: load_voice(tts, path) for path in _voice_files(directory / "voices")}
    return PocketModel(tts, voices, tts.flow_lm.speaker_proj_weight.device)


def load_weights(directory: Path, device: str = "") -> TTSModel:
    """The model without its voices. Raises as `load_model` does."""
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    config = _read_config(directory)
    # The package is talkative and warns of what is normal here.
    logging.getLogger("pocket_tts").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        resolved = Path(folder) / "config.yaml"
        resolved.write_text(yaml.safe_dump(config))
        try:
            tts = TTSModel.load_model(config=resolved)
        except Exception as error:  # a strict schema, a state dict that does not fit, a tokenizer of another size
            raise EngineBroken(f"pocket-tts: {directory} does not load: {error}") from error
    if chosen.type == "cuda":
        # Ten bits of mantissa, chosen by batch size: a row would not be what it is alone.
        torch.backends.cudnn.allow_tf32 = False
    tts.to(chosen).eval().requires_grad_(False)
    return tts


def can_clone(tts: TTSModel) -> bool:
    """The published weights come with and without what makes a voice of a recording."""
    return bool(tts.flow_lm.speaker_proj_weight.any())


def _read_config(directory: Path) -> dict[str, Any]:
    """The configuration with every path replaced by the local file of that name."""
    path = directory / "config.yaml"
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise EngineBroken(f"pocket-tts: {path} is missing or cannot be read") from error
    except yaml.YAMLError as error:
        raise EngineBroken(f"pocket-tts: {path} is not YAML") from error
    try:
        flow_lm, mimi = config["flow_lm"], config["mimi"]
        table = flow_lm["lookup_table"]
        table["tokenizer_path"] = _local(directory, table["tokenizer_path"])
        # The published configuration names two sets of weights, with and without voice cloning, by the same file name.
        without = config.pop("weights_path_without_voice_cloning", None)
        config["weights_path"] = config.get("weights_path") or without
        parts = [part for part in (config, flow_lm, mimi) if part.get("weights_path")]
        for part in parts:
            part["weights_path"] = _local(directory, part["weights_path"])
    except (KeyError, TypeError, AttributeError) as error:
        raise EngineBroken(f"pocket-tts: {path} is not a configuration of pocket-tts: {error!r} is wrong") from error
    if not parts:
        raise EngineBroken(f"pocket-tts: {path} names no weights_path")
    return dict(config)


def _local(directory: Path, published: str) -> str:
    name = published.rpartition("/")[2].partition("@")[0]
    path = (directory / name).resolve()
    if not path.is_file():
        raise EngineBroken(f"pocket-tts: {path} is missing (config.yaml names {published})")
    return str(path)


def _voice_files(directory: Path) -> Iterator[Path]:
    exported = sorted(directory.glob("*.safetensors"))
    names = {path.stem for path in exported}
    recorded = sorted(path for path in directory.glob("*.wav") if path.stem not in names)
    if not exported and not recorded:
        raise EngineBroken(f"pocket-tts: {directory}/*.safetensors is missing: there is no voice")
    yield from (*exported, *recorded)


@torch.inference_mode()
def load_voice(tts: TTSModel, path: Path) -> Voice:
    """One voice of this model. Raises EngineBroken."""
    if path.suffix == ".wav" and not can_clone(tts):
        raise EngineBroken(f"pocket-tts: {path}: these weights cannot make a voice from a recording")
    try:
        state = tts.get_state_for_audio_prompt(path, truncate=True)
        layers = [
            state[f"transformer.layers.{number}.self_attn"] for number in range(len(tts.flow_lm.transformer.layers))
        ]
        positions = int(layers[0]["offset"].view(-1)[0])
        prefix = torch.stack([layer["cache"][:, 0, :positions] for layer in layers])
    except Exception as error:  # another model's voice, a broken file, a file that is no audio
        raise EngineBroken(f"pocket-tts: {path} is not a voice of this model: {error}") from error
    first = tts.flow_lm.transformer.layers[0].self_attn
    expected = (2, positions, first.num_kv_heads, first.dim_per_head)
    if tuple(prefix.shape[1:]) != expected or not bool(prefix.isfinite().all()):
        raise EngineBroken(f"pocket-tts: {path} is a voice of another model: {tuple(prefix.shape[1:])}, not {expected}")
    return Voice(path.stem, prefix)
