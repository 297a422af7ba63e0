"""Load a streaming Nemotron recogniser from one local directory, and nothing from anywhere else.

    config.json             "model_type": "nemotron_asr_streaming"
    model.safetensors       or its shards with model.safetensors.index.json
    processor_config.json   how sound becomes mel frames
    tokenizer.json, tokenizer_config.json

Published as nvidia/nemotron-speech-streaming-en-0.6b (2.5 GB, NVIDIA Open Model License). Nothing is downloaded at run
time. transformers would fill a weight that the file lacks with random numbers and go on; here that is an error.

Not decided here: how the model is driven (encoder.py, greedy.py), who is in a step (batch.py).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForRNNT, AutoProcessor
from transformers.utils import logging as transformers_logging

MODEL_TYPE = "nemotron_asr_streaming"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
FILES = ("config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
WORD_SIGNS = ("\u2581", "\u0120")
"""How tokenizers write the space before a word: SentencePiece, and byte-level BPE."""
KERNEL, STRIDE, FACTOR = 3, 2, 8
"""Of the convolutions that make one encoder frame of eight mel frames; encoder.py is written for these."""


class ModelBroken(Exception):
    """The directory holds no usable model. The message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class NemotronModel:
    """The package's model on its device, with what is needed to drive it."""

    net: Any
    """NemotronAsrStreamingForRNNT, in evaluation, without gradients."""
    extractor: Any
    """NemotronAsrStreamingFeatureExtractor; features.py follows its constants."""
    tokenizer: Any
    lookahead: int
    """Encoder frames of 80 ms that a frame may look ahead; a chunk has one more."""
    blank: int
    device: torch.device
    dtype: torch.dtype

    @property
    def chunk_frames(self) -> int:
        """Encoder frames of one chunk."""
        return self.lookahead + 1

    @property
    def chunk_s(self) -> float:
        return float(self.chunk_frames * FACTOR * self.extractor.hop_length / self.extractor.sampling_rate)

    def decode(self, tokens: list[int]) -> str:
        """The text of these tokens; bytes that are no text are U+FFFD."""
        text: str = self.tokenizer.decode(tokens, group_tokens=False, skip_special_tokens=True)
        return text

    def begins_word(self, token: int) -> bool:
        """Whether a space comes before it."""
        piece: str = self.tokenizer.convert_ids_to_tokens(token)
        return piece.startswith(WORD_SIGNS)


def load_model(directory: Path, *, lookahead: int = 1, device: str = "", dtype: str = "float32") -> NemotronModel:
    """Raises ModelBroken. `device`: "" is the GPU if there is one. `dtype`: with fewer bits than float32 a call's text may
    depend on who else is in the step."""
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    _check_files(directory)
    # The package is talkative, and draws progress bars into the log.
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        processor = AutoProcessor.from_pretrained(directory, local_files_only=True)
        net, report = AutoModelForRNNT.from_pretrained(
            directory, local_files_only=True, use_safetensors=True, dtype=DTYPES[dtype], output_loading_info=True
        )
    except Exception as error:  # a strict schema, a broken file, a tokenizer of another kind
        raise ModelBroken(f"nemotron: {directory} does not load: {error}") from error
    for kind in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        if report[kind]:
            some = ", ".join(sorted(map(str, report[kind]))[:3])
            raise ModelBroken(f"nemotron: the weights in {directory} do not fit its config.json: {kind} {some} …")
    _check_fit(directory, net.config, processor, lookahead)
    if chosen.type == "cuda":
        # Ten bits of mantissa, chosen by batch size: a call would not be what it is alone.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    net.to(chosen).eval().requires_grad_(False)
    blank = int(net.config.blank_token_id)
    return NemotronModel(net, processor.feature_extractor, processor.tokenizer, lookahead, blank, chosen, DTYPES[dtype])


def _check_files(directory: Path) -> None:
    if not directory.is_dir():
        raise ModelBroken(f"nemotron: {directory} is not a directory")
    for name in FILES:
        if not (directory / name).is_file():
            raise ModelBroken(f"nemotron: {directory / name} is missing")
    if not any((directory / name).is_file() for name in WEIGHTS):
        raise ModelBroken(f"nemotron: {directory / WEIGHTS[0]} is missing")
    try:
        kind = json.loads((directory / "config.json").read_text())["model_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelBroken(f"nemotron: {directory / 'config.json'} is not a model's configuration: {error!r}") from error
    if kind != MODEL_TYPE:
        raise ModelBroken(f"nemotron: {directory} holds a model of the type {kind!r}; {MODEL_TYPE!r} is supported")


def _check_fit(directory: Path, config: Any, processor: Any, lookahead: int) -> None:
    """What loads and yet does not belong together."""
    encoder, extractor, tokenizer = config.encoder_config, processor.feature_extractor, processor.tokenizer
    known = list(processor.supported_num_lookahead_tokens)
    left = encoder.sliding_window - 1
    for is_wrong, what in (
        (lookahead not in known, f"a lookahead of {lookahead} is not one of {known}"),
        (left < lookahead + 1, f"its left context of {left} frames is shorter than a chunk of {lookahead + 1}"),
        (
            len(tokenizer) > config.vocab_size or tokenizer.convert_tokens_to_ids(processor.blank_token) is None,
            f"tokenizer.json has {len(tokenizer)} tokens, the model {config.vocab_size}",
        ),
        (
            processor.blank_token_id != config.blank_token_id,
            f"the blank is token {processor.blank_token_id} in tokenizer.json and {config.blank_token_id} in config.json",
        ),
        (
            not 0 <= config.blank_token_id < config.vocab_size,
            f"the blank {config.blank_token_id} is outside the vocabulary of {config.vocab_size}",
        ),
        (
            extractor.feature_size != encoder.num_mel_bins,
            f"processor_config.json makes {extractor.feature_size} mel bins, the model wants {encoder.num_mel_bins}",
        ),
        (extractor.sampling_rate != 16000, f"it wants sound at {extractor.sampling_rate} Hz, not 16000"),
        (
            (encoder.subsampling_conv_kernel_size, encoder.subsampling_conv_stride, encoder.subsampling_factor)
            != (KERNEL, STRIDE, FACTOR),
            "its subsampling is not by kernels of 3 and strides of 2 to an eighth",
        ),
    ):
        if is_wrong:
            raise ModelBroken(f"nemotron: {directory}: {what}")
