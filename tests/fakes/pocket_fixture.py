"""A pocket-tts model directory with random weights, made by the package's own classes.

    python -m tests.fakes.pocket_fixture [DIR]    .run/models/pocket

What it says is noise, but everything around the noise is real: config, tokenizer, weights file, voice files and the
package's loader. Half a megabyte and under a second for the tiny one; `full_size` has the shape of english_2026-10.
"""

import json
import string
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from pocket_tts import TTSModel, export_model_state
from pocket_tts.utils.config import CONFIGS_DIR
from safetensors.torch import save_file

NEVER, ALWAYS = 1e9, -1e9
"""End-of-speech thresholds: run to the guard (2 s and a third of a second per token), or end after about a second."""
GAIN = 0.8
"""How strongly a layer answers to what goes in. From 1.4 on the model is chaotic: any rounding grows to another sound."""
LOUDNESS = 0.1
"""Of the noise, as a part of full scale: audible, and far from clipping."""


def write_model(
    directory: Path,
    *,
    eos_threshold: float = NEVER,
    full_size: bool = False,
    voices: tuple[str, ...] = ("anna", "bob"),
    voice_s: float = 1.0,
    seed: int = 7,
) -> Path:
    """Write the files of one model into `directory`; gives it back."""
    (directory / "voices").mkdir(parents=True, exist_ok=True)
    config = _full_size() if full_size else _tiny()
    config["default_eos_threshold"] = eos_threshold
    table = config["flow_lm"]["lookup_table"]
    _write_tokenizer(directory / "tokenizer.json", table["n_bins"])
    table["tokenizer_path"] = str(directory / "tokenizer.json")
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        _write_config(directory, config)
        model = TTSModel.load_model(config=directory / "config.yaml")
        _stir(model)
        _level(model)
        save_file(model.state_dict(), directory / "model.safetensors")
        for name in voices:
            recording = 0.1 * torch.randn(1, int(voice_s * model.sample_rate))
            export_model_state(
                model.get_state_for_audio_prompt(recording), directory / "voices" / f"{name}.safetensors"
            )
    # As a downloaded configuration names them: by where they were published, which the loader must not ask.
    table["tokenizer_path"] = "hf://nobody/nothing/tokenizer.json@0"
    config["weights_path"] = "hf://nobody/nothing/model.safetensors@0"
    _write_config(directory, config)
    return directory


def _write_config(directory: Path, config: dict[str, Any]) -> None:
    (directory / "config.yaml").write_text(yaml.safe_dump(config))


def _write_tokenizer(path: Path, size: int) -> None:
    """Characters are tokens; the rest of the vocabulary is filling."""
    known = ["<unk>", *string.ascii_letters, *string.digits, *" .,!?;:'-"]
    vocabulary = {token: number for number, token in enumerate(known + [f"<{n}>" for n in range(size - len(known))])}
    path.write_text(
        json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "added_tokens": [],
                "normalizer": None,
                "pre_tokenizer": {
                    "type": "Split",
                    "pattern": {"Regex": "."},
                    "behavior": "Isolated",
                    "invert": False,
                },
                "post_processor": None,
                "decoder": {"type": "Fuse"},
                "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
            }
        )
    )


def _stir(model: TTSModel) -> None:
    """Weights as the package makes them hardly let a word or the voice be heard; with these both are, clearly."""
    for name, weight in model.named_parameters():
        if weight.ndim >= 2:
            torch.nn.init.normal_(weight, std=GAIN / weight[0].numel() ** 0.5)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(weight)


def _level(model: TTSModel) -> None:
    """Scale the last layer so that the noise has the loudness of quiet speech."""
    state = model.get_state_for_audio_prompt(0.1 * torch.randn(1, model.sample_rate))
    said = model.generate_audio(state, "Level", frames_after_eos=3)
    last = model.mimi.decoder.model[-1].conv
    with torch.no_grad():
        last.bias.zero_()
        last.weight *= LOUDNESS / float(said.std())


def _full_size() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((CONFIGS_DIR / "english_2026-10.yaml").read_text())
    del config["weights_path"], config["weights_path_without_voice_cloning"]
    return config


def _tiny() -> dict[str, Any]:
    """english_2026-10 with every width and depth cut down; its frame rates and its kinds of layers are kept."""
    config = _full_size()
    config["flow_lm"] |= {
        "flow": {"depth": 2, "dim": 32},
        "transformer": {"d_model": 32, "hidden_scale": 2, "max_period": 10000, "num_heads": 4, "num_layers": 2},
    }
    config["flow_lm"]["lookup_table"] |= {"dim": 32, "n_bins": 96}
    config["mimi"]["outer_dim"] = config["mimi"]["inner_dim"] = 32
    config["mimi"]["seanet"] |= {"dimension": 32, "n_filters": 4}
    config["mimi"]["transformer"] |= {
        "d_model": 32,
        "num_heads": 4,
        "context": 40,
        "dim_feedforward": 64,
        "input_dimension": 32,
        "output_dimensions": [32],
        # Full size has 0.01: with random weights the transformer would then hardly be heard.
        "layer_scale": 0.5,
    }
    config["mimi"]["quantizer"] = {"dimension": 32, "output_dimension": 32}
    return config


if __name__ == "__main__":
    print(write_model(Path(sys.argv[1] if len(sys.argv) > 1 else ".run/models/pocket")))
