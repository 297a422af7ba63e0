"""Chunks of sound to mel frames, by the package's rules."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from backend.workers.stt.nemotron.features import FIRST_FRAMES, MelFrames, framing
from backend.workers.stt.nemotron.model import NemotronModel
from tests.fakes.nemotron_fixture import speech
from tests.workers.stt.nemotron.hearing import LOOKAHEADS, mel_chunks, package_features

SOUND = speech(5.0) / np.float32(32768)


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_chunks_are_frame_for_frame_one_pass_over_the_whole(
    load: Callable[[int], NemotronModel], lookahead: int
) -> None:
    """Behind the seven frames of the first chunk that do not exist."""
    model = load(lookahead)
    chunks = mel_chunks(model, SOUND)

    frames = torch.cat(chunks)

    assert len(chunks) == (500 + 7) // (8 * (lookahead + 1))
    assert not frames[:FIRST_FRAMES].any()
    assert torch.allclose(
        frames[FIRST_FRAMES:], package_features(model, SOUND)[: len(frames) - FIRST_FRAMES], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_the_package_wants_as_many_frames_from_as_many_samples(
    load: Callable[[int], NemotronModel], lookahead: int
) -> None:
    """Its processor says how long a chunk is; ours carries seven more frames at first, and nothing else."""
    from transformers import NemotronAsrStreamingProcessor

    model = load(lookahead)
    theirs = NemotronAsrStreamingProcessor(model.extractor, model.tokenizer)
    theirs.set_num_lookahead_tokens(lookahead)
    ours = framing(model.extractor, lookahead)

    assert ours.frames == theirs.num_mel_frames_per_audio_chunk
    assert ours.frames - FIRST_FRAMES == theirs.num_mel_frames_first_audio_chunk
    assert ours.needs(0) == theirs.num_samples_first_audio_chunk
    assert ours.needs(7) - ours.needs(6) == ours.step == 1280 * (lookahead + 1)


def test_what_comes_after_the_samples_that_a_chunk_needs_does_not_matter(model: NemotronModel) -> None:
    """It is complete with them: waiting for more would be waiting for nothing."""
    mel = MelFrames(model)
    unneeded = mel.framing.samples - (mel.framing.needs(3) - mel.framing.start(3))
    piece = torch.from_numpy(SOUND[: mel.framing.samples]).clone()[None]
    other = piece.clone()
    other[:, -unneeded:] = 0.9

    is_first = torch.tensor([False])

    assert unneeded == 56
    assert torch.equal(mel(piece, is_first), mel(other, is_first))


def test_rows_do_not_touch_each_other(model: NemotronModel) -> None:
    """Also where one of them is a call's first chunk."""
    mel = MelFrames(model)
    pieces = torch.from_numpy(np.stack([SOUND[n * 999 :][: mel.framing.samples] for n in range(4)]))
    is_first = torch.tensor([False, True, False, True])

    together = mel(pieces, is_first)

    for row in range(4):
        assert torch.allclose(together[row], mel(pieces[row : row + 1], is_first[row : row + 1])[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_silence_and_full_scale_are_finite(model: NemotronModel, level: float) -> None:
    """The logarithm of nothing is guarded as in the package."""
    mel = MelFrames(model)
    square = torch.sign(torch.sin(torch.arange(mel.framing.samples) / 9.0)) * level

    frames = mel(square[None], torch.tensor([False]))

    assert frames.isfinite().all()
