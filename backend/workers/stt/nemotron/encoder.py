"""One streaming step of the encoder for calls of any age, over caches that were taken once.

Decides how a chunk of each row goes through the package's layers and what is kept for the next. It drives the package's
modules one by one (transformers is pinned for that): the package's own streaming forward wants all rows to be of one age
as long as they are younger than the left context, grows its caches by copying, and projects the same relative positions
anew for every row and layer, which at full size is more work than everything else together.

    caches     a row ("slot") per call: per layer keys and values of `left + chunk` frames, eight frames before the
               convolution, one before each subsampling stage. `clear` zeroes a slot; joining and leaving cost no more
    ring       a chunk's keys and values replace the oldest ones where they lie, at `(age * chunk) % ring`. Which distance
               a place has from a query follows from the call's age; places not yet filled are masked. The numbers are those
               of a cache in order, summed in another one
    alone      nothing crosses rows, and a call's arithmetic depends on its own age only; what is left between a call alone
               and in company is the rounding of matrix products of another height
    chunk 0    has seven mel frames fewer. They are zeros here, and again zeros after each stage that makes frames of them,
               which is what the package pads with

All shapes depend on the number of rows alone, nothing is decided by a value, and every cache keeps its address: a step of
so many rows can be captured as a CUDA graph. Not done: the gain could not be measured here. Not decided here: mel frames
(features.py), words (greedy.py), slots and ages (batch.py).
"""

from typing import Any

import torch
from torch.nn import functional as F

from backend.workers.stt.nemotron.features import FIRST_FRAMES
from backend.workers.stt.nemotron.model import KERNEL, STRIDE, NemotronModel


class StreamingEncoder:
    """The encoder, with a cache for each of `slots` calls."""

    def __init__(self, model: NemotronModel, slots: int) -> None:
        self._net, self._encoder = model.net, model.net.encoder
        config = model.net.config.encoder_config
        self._chunk = model.chunk_frames
        # The package shows a frame its own chunk and so many whole chunks before it.
        self._left = (config.sliding_window - 1) // self._chunk * self._chunk
        self._ring = self._left + self._chunk
        self._heads, self._width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
        self._tail = config.conv_kernel_size - 1
        kind = {"device": model.device, "dtype": model.dtype}
        layers = config.num_hidden_layers
        self._keys = torch.zeros(layers, slots, self._heads, self._ring, self._width, **kind)
        self._values = torch.zeros_like(self._keys)
        self._convolved = torch.zeros(layers, slots, self._tail, config.hidden_size, **kind)
        stages = [torch.zeros(slots, 1, KERNEL - STRIDE, config.num_mel_bins, **kind)]
        for _ in self._encoder.subsampling.layers:
            bins = (stages[-1].shape[-1] + KERNEL - 1 + STRIDE - 1 - KERNEL) // STRIDE + 1
            stages.append(torch.zeros(slots, config.subsampling_conv_channels, KERNEL - STRIDE, bins, **kind))
        self._subsampled = stages
        self._head = torch.arange(self._heads, device=model.device)
        self._relative = [self._project_distances(layer.self_attn, model) for layer in self._encoder.layers]

    @property
    def caches(self) -> list[torch.Tensor]:
        """All that a call leaves behind; the slot is dimension 1 of the first three, 0 of the others."""
        return [self._keys, self._values, self._convolved, *self._subsampled]

    def clear(self, slot: int) -> None:
        for cache in (self._keys, self._values, self._convolved):
            cache[:, slot] = 0
        for cache in self._subsampled:
            cache[slot] = 0

    @torch.inference_mode()
    def step(self, slots: torch.Tensor, ages: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        """`slots`, `ages` (chunks so far): [rows] int64; `mel`: [rows, mel frames of a chunk, bins]. Gives what the joint
        network takes, [rows, chunk, decoder width]; a slot must not be named twice."""
        hidden = self._subsample(slots, ages == 0, mel) * self._encoder.input_scale
        newest = (ages * self._chunk) % self._ring + self._chunk - 1
        frame = torch.arange(self._chunk, device=slots.device)
        written = newest[:, None] - (self._chunk - 1) + frame
        # How many frames a place of the ring is older than the newest frame, and whether there is anything in it.
        older = (newest[:, None] - torch.arange(self._ring, device=slots.device)) % self._ring
        is_empty = older >= (ages * self._chunk).clamp(max=self._left)[:, None] + self._chunk
        # Distances run from ring - 1 (the oldest, seen by the newest) down to -(chunk - 1): see _project_distances.
        which = self._ring - 1 - older[:, None, :] + (self._chunk - 1 - frame)[None, :, None]
        which = which[:, None].expand(-1, self._heads, -1, -1)
        is_empty = is_empty[:, None, None, :]
        for number, layer in enumerate(self._encoder.layers):
            hidden = hidden + 0.5 * layer.feed_forward1(layer.norm_feed_forward1(hidden))
            hidden = hidden + self._attend(number, layer.norm_self_att(hidden), slots, written, which, is_empty)
            hidden = hidden + self._convolve(number, layer.norm_conv(hidden), slots)
            hidden = hidden + 0.5 * layer.feed_forward2(layer.norm_feed_forward2(hidden))
            hidden = layer.norm_out(hidden)
        projected: torch.Tensor = self._net.encoder_projector(hidden)
        return projected

    def _subsample(self, slots: torch.Tensor, is_first: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        subsampling = self._encoder.subsampling
        hidden, absent = mel[:, None], FIRST_FRAMES
        for number, cache in enumerate(self._subsampled):
            stage = subsampling.layers[number - 1] if number else None
            convolution = stage.depthwise_conv if stage is not None else subsampling.conv_in
            before = cache[slots]
            cache[slots] = hidden[:, :, -before.shape[2] :]
            hidden = F.pad(torch.cat([before, hidden], dim=2), convolution.freq_pad)
            # The class' own forward pads in time; what comes before a chunk is there already.
            hidden = F.conv2d(
                hidden, convolution.weight, convolution.bias, convolution.stride, groups=convolution.groups
            )
            if stage is not None:
                hidden = stage.pointwise_conv(hidden)
            hidden = subsampling.act_fn(hidden)
            absent //= STRIDE
            frame = torch.arange(hidden.shape[2], device=hidden.device)
            does_not_exist = is_first[:, None] & (frame < absent)
            hidden = hidden.masked_fill(does_not_exist[:, None, :, None], 0.0)
        rows, _, frames, _ = hidden.shape
        out: torch.Tensor = subsampling.linear(hidden.transpose(1, 2).reshape(rows, frames, -1))
        return out

    def _attend(
        self,
        number: int,
        hidden: torch.Tensor,
        slots: torch.Tensor,
        written: torch.Tensor,
        which: torch.Tensor,
        is_empty: torch.Tensor,
    ) -> torch.Tensor:
        attention = self._encoder.layers[number].self_attn
        rows, frames, _ = hidden.shape
        by_head = (rows, frames, self._heads, self._width)
        query = attention.q_proj(hidden).view(by_head).transpose(1, 2)
        place = (slots[:, None, None], self._head[None, :, None], written[:, None, :])
        self._keys[number].index_put_(place, attention.k_proj(hidden).view(by_head).transpose(1, 2))
        self._values[number].index_put_(place, attention.v_proj(hidden).view(by_head).transpose(1, 2))
        keys, values = self._keys[number][slots], self._values[number][slots]
        by_content = (query + attention.bias_u[:, None]) @ keys.transpose(2, 3)
        by_distance = ((query + attention.bias_v[:, None]) @ self._relative[number]).gather(3, which)
        scores = ((by_content + by_distance) * attention.scaling).masked_fill(is_empty, float("-inf"))
        weights = scores.softmax(dim=-1, dtype=torch.float32).to(values.dtype)
        out: torch.Tensor = attention.o_proj((weights @ values).transpose(1, 2).reshape(rows, frames, -1))
        return out

    def _convolve(self, number: int, hidden: torch.Tensor, slots: torch.Tensor) -> torch.Tensor:
        module = self._encoder.layers[number].conv
        depthwise = module.depthwise_conv
        # Convolutions of width 1 are matrix products, and time stays where it is.
        hidden = F.glu(F.linear(hidden, module.pointwise_conv1.weight[:, :, 0], module.pointwise_conv1.bias))
        hidden = torch.cat([self._convolved[number][slots], hidden], dim=1)
        self._convolved[number, slots] = hidden[:, -self._tail :]
        hidden = F.conv1d(hidden.transpose(1, 2), depthwise.weight, depthwise.bias, groups=depthwise.groups)
        hidden = module.activation(module.norm(hidden.transpose(1, 2)))
        return F.linear(hidden, module.pointwise_conv2.weight[:, :, 0], module.pointwise_conv2.bias)

    @torch.inference_mode()
    def _project_distances(self, attention: Any, model: NemotronModel) -> torch.Tensor:
        """[heads, width, ring + chunk - 1], from the distance ring - 1 down to -(chunk - 1)."""
        # The package makes positions from length - 1 down to -(length - 1).
        blank = torch.zeros(1, self._ring, 1, device=model.device, dtype=model.dtype)
        positions = self._encoder.encode_positions(blank)[0, : self._ring + self._chunk - 1]
        projected = attention.relative_k_proj(positions)
        return projected.view(-1, self._heads, self._width).permute(1, 2, 0).contiguous()
