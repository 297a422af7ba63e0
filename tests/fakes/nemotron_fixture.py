"""A Nemotron model directory with random weights, made by the package's own classes.

    python -m tests.fakes.nemotron_fixture [DIR]    .run/models/nemotron

What it hears is noise, but everything around the noise is real: configuration, tokenizer, processor, weights file and the
package's loader. A third of a megabyte and half a second for the tiny one; `full_size` has the shape of
nvidia/nemotron-speech-streaming-en-0.6b (619 M parameters, 2.5 GB) and is made on `device`.

The weights are stirred so that what is said changes what is recognised, and the blank is levelled so that words come at
about the pace of speech (`TOKENS_PER_S`), which is what decoding costs.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    NemotronAsrStreamingConfig,
    NemotronAsrStreamingFeatureExtractor,
    NemotronAsrStreamingForRNNT,
    NemotronAsrStreamingProcessor,
    ParakeetTokenizer,
)

TOKENS_PER_S = 4.0
"""Of speech; English has two to three words in a second, of one or two pieces each."""
GAIN = 0.7
"""How strongly a layer answers to what goes in. Much more, and any rounding grows to another word."""
LEVEL_S = 8.0
FRAME_S = 0.08
MOST_SYMBOLS = 2
"""At one frame. Random weights hardly know when to stop, and the ten of the published configuration would all be used."""
RARE = 1.0
"""Logits taken from the pieces that are no syllable: they come up, and seldom."""
SOUNDS = ("ba", "de", "ki", "lo", "mu", "na", "ro", "si", "ta", "ve")
ENDS = ("", "n", "r", "s", "t")
BYTES = [f"<0x{number:02X}>" for number in range(256)]


def write_model(
    directory: Path,
    *,
    full_size: bool = False,
    seed: int = 7,
    device: str = "cpu",
) -> Path:
    """Write the files of one model into `directory`; gives it back."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(1024 if full_size else 0)
    blank = tokenizer.convert_tokens_to_ids("<blank>")
    extractor = NemotronAsrStreamingFeatureExtractor(feature_size=128 if full_size else 80)
    processor = NemotronAsrStreamingProcessor(extractor, tokenizer)
    config = NemotronAsrStreamingConfig(
        vocab_size=blank + 1,
        blank_token_id=blank,
        pad_token_id=0,
        max_symbols_per_step=MOST_SYMBOLS,
        **(FULL if full_size else TINY),
    )
    with torch.random.fork_rng(["cuda"] if device.startswith("cuda") else []), torch.device(device):
        torch.manual_seed(seed)
        net = NemotronAsrStreamingForRNNT(config).eval()
    with torch.inference_mode():
        _stir(net, torch.Generator(device).manual_seed(seed))
        net.generation_config.decoder_start_token_id = blank
        _level(net, processor)
    net.save_pretrained(directory)
    processor.save_pretrained(directory)
    return directory


TINY: dict[str, Any] = {
    "decoder_hidden_size": 32,
    "num_decoder_layers": 1,
    "encoder_config": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "subsampling_conv_channels": 8,
        "num_mel_bins": 80,
    },
}
FULL: dict[str, Any] = {"encoder_config": {"num_mel_bins": 128}}


def speech(seconds: float, seed: int = 1, pause_s: float = 0.0) -> np.ndarray:
    """Mono int16 at 16 kHz: syllables of a voice-like buzz whose pitch and colour wander, then `pause_s` of silence."""
    rng = np.random.default_rng(seed)
    sound: list[np.ndarray] = []
    while sum(map(len, sound)) < seconds * 16000:
        length = int(rng.uniform(0.08, 0.3) * 16000)
        t = np.arange(length) / 16000
        pitch, colours = rng.uniform(90, 220), rng.uniform(250, 3400, 3)
        wave = sum(np.sin(2 * np.pi * round(colour / pitch) * pitch * t) for colour in colours)
        wave = (wave + 0.3 * rng.standard_normal(length)) * np.sin(np.pi * np.arange(length) / length)
        sound += [0.15 * wave, np.zeros(int(rng.uniform(0.0, 0.06) * 16000))]
    spoken = np.concatenate(sound)[: int(seconds * 16000)]
    both = np.concatenate([spoken, np.zeros(int(pause_s * 16000))])
    return (both * 32767).clip(-32768, 32767).astype(np.int16)


def _tokenizer(size: int) -> ParakeetTokenizer:
    """Syllables, with and without the sign of a word's beginning; single bytes for all else. <blank> comes last."""
    syllables = [sound + end for sound in SOUNDS for end in ENDS]
    known = ["<unk>", "\u2581", *(f"\u2581{s}" for s in syllables), *syllables, *BYTES]
    known += [f"\u2581x{number}" for number in range(size - len(known))]
    vocabulary = {piece: number for number, piece in enumerate(known)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken("<unk>", special=True)])
    return ParakeetTokenizer(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<unk>", additional_special_tokens=["<blank>"]
    )


def _stir(net: NemotronAsrStreamingForRNNT, generator: torch.Generator) -> None:
    """Weights as the package makes them hardly let a sound be heard; with these it is."""
    for name, weight in net.named_parameters():
        if weight.ndim >= 2 and "bias_" not in name:
            fan_in = weight[0].numel()
            weight.normal_(0.0, GAIN / fan_in**0.5, generator=generator)


def _level(net: NemotronAsrStreamingForRNNT, processor: NemotronAsrStreamingProcessor) -> None:
    """Centre what comes out of the encoder and what every token gets, so that the sound decides and not the weights; then
    let the blank win at most frames of a few seconds of sound."""
    heard = processor(speech(LEVEL_S) / np.float32(32768), sampling_rate=16000).to(net.device)
    heard["num_lookahead_tokens"] = 1
    heard.pop("attention_mask")
    heard["input_features"] = heard["input_features"].to(net.dtype)
    out = net.get_audio_features(**heard)
    hidden, encoded = out.last_hidden_state[0], out.pooler_output[0]
    mean, spread = encoded.mean(0), encoded.std(0).clamp(min=1e-3)
    net.encoder_projector.weight /= spread[:, None]
    net.encoder_projector.bias.copy_((net.encoder_projector.bias - mean) / spread)
    blank, bias = net.config.blank_token_id, net.joint.head.bias
    silent = net.decoder(torch.tensor([[blank]], device=net.device))
    bias -= net.joint(silent[0], net.encoder_projector(hidden)).mean(0)
    numbers = processor.tokenizer.convert_tokens_to_ids(["<unk>", "\u2581", *BYTES])
    bias[torch.tensor(numbers, device=net.device)] -= RARE
    logits = net.joint(silent[0], net.encoder_projector(hidden))
    blanks = logits[:, blank].clone()
    logits[:, blank] = -torch.inf
    speaks = TOKENS_PER_S * FRAME_S / MOST_SYMBOLS
    bias[blank] += torch.quantile((logits.max(1).values - blanks).float(), 1.0 - speaks)


if __name__ == "__main__":
    print(write_model(Path(sys.argv[1] if len(sys.argv) > 1 else ".run/models/nemotron")))
