"""Loading from a directory, and from nowhere else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.workers.stt.nemotron.model import ModelBroken, NemotronModel, load_model


@pytest.fixture
def copy(model_directory: Path, tmp_path: Path) -> Path:
    """A directory to spoil."""
    return Path(shutil.copytree(model_directory, tmp_path / "nemotron"))


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def refuses(directory: Path, says: str, **options: Any) -> None:
    with pytest.raises(ModelBroken, match=says):
        load_model(directory, device="cpu", **options)


def test_the_weights_are_those_of_the_file(model: NemotronModel, model_directory: Path) -> None:
    """The package would fill what it does not find with random numbers."""
    stored = load_file(model_directory / "model.safetensors")

    for name, tensor in model.net.state_dict().items():
        assert torch.equal(tensor, stored[name]), name
    assert not model.net.training


def test_a_chunk_is_80_ms_and_the_lookahead(load: Callable[[int], NemotronModel]) -> None:
    """As the package lists its latencies."""
    assert [round(load(n).chunk_s, 3) for n in (0, 1, 6, 13)] == [0.08, 0.16, 0.56, 1.12]


def test_text_is_what_the_tokenizer_says(model: NemotronModel) -> None:
    """With the word's beginnings as spaces, and repeated pieces kept."""
    numbers = model.tokenizer.convert_tokens_to_ids(
        ["\u2581ba", "de", "de", "\u2581kin", "<0xC3>", "<0xA9>", "<blank>"]
    )

    assert model.decode(numbers) == "badede kin\u00e9"
    assert [model.begins_word(number) for number in numbers[:4]] == [True, False, False, True]


def test_a_place_that_is_no_directory_is_named(tmp_path: Path) -> None:
    """And not looked for on the network."""
    refuses(tmp_path / "nvidia", "nvidia is not a directory")
    refuses(tmp_path, r"config\.json is missing")


@pytest.mark.parametrize(
    "name", ["config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    """So that whoever installs it knows what to fetch."""
    (copy / name).unlink()

    refuses(copy, rf"{name} is missing")


@pytest.mark.parametrize("content", ["", "[]", "{}", "{'a': 1}"])
def test_a_configuration_that_is_none_is_named(copy: Path, content: str) -> None:
    """Empty, a list, without a type, not JSON."""
    (copy / "config.json").write_text(content)

    refuses(copy, r"config\.json.* is not a model's configuration")


def test_another_model_is_named(copy: Path) -> None:
    """What would load as something else."""
    change_json(copy / "config.json", lambda config: config.update(model_type="whisper"))

    refuses(copy, "holds a model of the type 'whisper'")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "processor_config.json"])
def test_a_broken_file_is_an_error_of_the_directory(copy: Path, name: str) -> None:
    """Cut off, as by a full disk."""
    (copy / name).write_bytes((copy / name).read_bytes()[:100])

    refuses(copy, "does not load")


def test_weights_that_are_missing_are_named(copy: Path) -> None:
    """One is enough."""
    stored = load_file(copy / "model.safetensors")
    del stored["encoder.layers.1.self_attn.bias_u"]
    save_file(stored, copy / "model.safetensors", {"format": "pt"})

    refuses(copy, r"do not fit.*encoder\.layers\.1\.self_attn\.bias_u")


def test_weights_of_another_size_are_named(copy: Path) -> None:
    """A configuration that belongs to another checkpoint."""
    change_json(copy / "config.json", lambda config: config["encoder_config"].update(num_hidden_layers=1))

    refuses(copy, "do not fit.*layers.1")


def test_a_larger_vocabulary_is_refused(copy: Path) -> None:
    """A tokenizer of another model."""
    change_json(
        copy / "tokenizer.json",
        lambda content: content["model"]["vocab"].update(
            {f"x{n}": len(content["model"]["vocab"]) + 1 + n for n in range(9)}
        ),
    )

    refuses(copy, r"tokenizer.json has \d+ tokens, the model 359")


def test_another_blank_is_refused(copy: Path) -> None:
    """Every token would be taken for another."""
    change_json(copy / "config.json", lambda config: config.update(blank_token_id=7))

    refuses(copy, "the blank is token 358 in tokenizer.json and 7 in config.json")


def test_other_mel_bins_are_refused(copy: Path) -> None:
    """They would only fail with the first call."""
    change_json(copy / "processor_config.json", lambda content: content["feature_extractor"].update(feature_size=128))

    refuses(copy, "makes 128 mel bins, the model wants 80")


def test_a_lookahead_it_was_not_trained_with_is_refused(copy: Path) -> None:
    """The package's list is the model's own."""
    refuses(copy, r"a lookahead of 2 is not one of \[13, 6, 1, 0\]", lookahead=2)


def test_shorter_numbers_are_loaded_as_such(copy: Path) -> None:
    """For those who want them."""
    model = load_model(copy, device="cpu", dtype="bfloat16")

    assert {weight.dtype for weight in model.net.parameters()} == {torch.bfloat16}
