"""How tests cut sound into a model's chunks, and what the package itself makes of it."""

import numpy as np
import torch
from numpy.typing import NDArray

from backend.workers.stt.nemotron.features import FIRST_FRAMES, MelFrames
from backend.workers.stt.nemotron.model import NemotronModel

Sound = NDArray[np.float32]
LOOKAHEADS = (0, 1, 6, 13)
TOLERANCE = 1e-5


def mel_chunks(model: NemotronModel, sound: Sound) -> list[torch.Tensor]:
    """[frames, bins] for each whole chunk."""
    mel = MelFrames(model)
    framing, chunks = mel.framing, []
    while framing.needs(len(chunks)) <= len(sound):
        start = framing.start(len(chunks))
        piece = np.zeros(framing.samples, np.float32)
        begin, end = max(0, start), min(len(sound), start + framing.samples)
        piece[begin - start : end - start] = sound[begin:end]
        is_first = torch.tensor([not chunks], device=model.device)
        chunks.append(mel(torch.from_numpy(piece)[None].to(model.device), is_first)[0])
    return chunks


def package_features(model: NemotronModel, sound: Sound) -> torch.Tensor:
    """[frames, bins] of one pass over the whole sound."""
    heard = model.extractor(sound, sampling_rate=16000, return_attention_mask=True, return_tensors="pt")
    features: torch.Tensor = heard["input_features"][0].to(model.device, model.dtype)
    return features


@torch.inference_mode()
def package_encodes(model: NemotronModel, sound: Sound) -> torch.Tensor:
    """[encoder frames, width] of one pass over the whole sound, by the package's own forward."""
    features = package_features(model, sound)[None]
    out = model.net.get_audio_features(input_features=features, num_lookahead_tokens=model.lookahead)
    encoded: torch.Tensor = out.pooler_output[0]
    return encoded


@torch.inference_mode()
def package_streams(model: NemotronModel, sound: Sound) -> torch.Tensor:
    """[encoder frames, width] by the package's own streaming forward and caches, chunk by chunk."""
    keys_and_values = convolved = None
    encoded: list[torch.Tensor] = []
    for number, mel in enumerate(mel_chunks(model, sound)):
        out = model.net.get_audio_features(
            input_features=mel[None, 0 if number else FIRST_FRAMES :],
            past_key_values=keys_and_values,
            padding_cache=convolved,
            num_lookahead_tokens=model.lookahead,
            use_cache=True,
            output_attention_mask=False,
        )
        keys_and_values, convolved = out.past_key_values, out.padding_cache
        encoded.append(out.pooler_output[0])
    return torch.cat(encoded)


@torch.inference_mode()
def package_tokens(model: NemotronModel, sound: Sound) -> list[int]:
    """The package's own decoding of one pass over the whole sound."""
    out = model.net.generate(
        input_features=package_features(model, sound)[None],
        num_lookahead_tokens=model.lookahead,
        decoder_start_token_id=model.blank,
        max_new_tokens=20_000,
    )
    return [token for token in out.sequences[0].tolist() if token != model.blank]
