"""Sound to mel frames, chunk by chunk, for many calls at once.

Decides which samples a chunk needs and what its mel frames are, by the rules of the package's feature extractor: mel frame
f is the window around sample `hop * f`, the sound before the call is silence, and neighbouring chunks give frame for frame
what one pass over the whole call would have given.

    chunk n     mel frames  F*n - 7 … F*n + F - 8, where F = 8 * (lookahead + 1)
    chunk 0     its frames -7 … -1 do not exist: the package feeds F - 7 frames first. Here every chunk has F, so that calls
                of any age are in one step; `first_frames` says how many of chunk 0 are to be blanked, here and in encoder.py
    samples     from `hop * first frame - n_fft/2` on; complete once the last frame's window (half of 25 ms) is there, so a
                chunk of 160 ms is complete when its last encoder frame's middle and 12.5 ms were heard

Not decided here: whose chunk is complete (batch.py asks), what is padded at the end (recogniser.py).
"""

from dataclasses import dataclass
from typing import Any

import torch

from backend.workers.stt.nemotron.model import FACTOR, NemotronModel

FIRST_FRAMES = FACTOR - 1
"""Mel frames before the first that exists, in chunk 0."""
LOG_ZERO_GUARD = 2.0**-24
"""What the package adds before the logarithm."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Sample numbers count from the call's first; what lies before 0 is silence."""

    frames: int
    """Mel frames of a chunk."""
    hop: int
    n_fft: int
    window: int

    @property
    def samples(self) -> int:
        """Of the piece of sound that a chunk is made of."""
        return (self.frames - 1) * self.hop + self.n_fft

    @property
    def step(self) -> int:
        """Samples from one chunk's piece to the next's."""
        return self.frames * self.hop

    def start(self, chunk: int) -> int:
        """The first sample of its piece; negative for chunk 0."""
        return chunk * self.step - FIRST_FRAMES * self.hop - self.n_fft // 2

    def needs(self, chunk: int) -> int:
        """So many samples of the call must be there. The rest of the piece is outside every window."""
        return self.start(chunk) + (self.frames - 1) * self.hop + self.n_fft // 2 + self.window // 2


def framing(extractor: Any, lookahead: int) -> Framing:
    return Framing((lookahead + 1) * FACTOR, extractor.hop_length, extractor.n_fft, extractor.win_length)


class MelFrames:
    """`log` of the mel spectrum, as the package computes it; the window and the filters stay on the device."""

    def __init__(self, model: NemotronModel) -> None:
        extractor = model.extractor
        rounded = getattr(torch, extractor.mel_filters_dtype)
        self.framing = framing(extractor, model.lookahead)
        self._preemphasis = extractor.preemphasis or 0.0
        window = torch.hann_window(extractor.win_length, periodic=False).to(rounded).float()
        self._window = window.to(model.device)
        self._filters = extractor.mel_filters.to(rounded).float().to(model.device)
        self._dtype = model.dtype

    def __call__(self, sound: torch.Tensor, is_first: torch.Tensor) -> torch.Tensor:
        """`sound`: [rows, framing.samples] float32, ±1 is full scale; `is_first`: [rows] bool. To [rows, frames, bins]."""
        sound = torch.cat([sound[:, :1], sound[:, 1:] - self._preemphasis * sound[:, :-1]], dim=1)
        spectrum = torch.stft(
            sound,
            self.framing.n_fft,
            hop_length=self.framing.hop,
            win_length=self.framing.window,
            window=self._window,
            center=False,
            return_complex=True,
        )
        power = torch.view_as_real(spectrum).pow(2).sum(-1).sqrt().pow(2)
        mel = torch.log(self._filters @ power + LOG_ZERO_GUARD).transpose(1, 2)
        frame = torch.arange(mel.shape[1], device=mel.device)
        does_not_exist = is_first[:, None] & (frame < FIRST_FRAMES)
        return mel.masked_fill(does_not_exist[:, :, None], 0.0).to(self._dtype)
