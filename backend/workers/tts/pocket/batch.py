"""One pocket-tts model speaking for many calls at once, one frame of 80 ms per step (pinned: pocket-tts==4.0.1).

Decides how rows of different age share one forward pass and still come out as if each were alone. It does not decide
who joins, who steps or when (scheduler.py), and it knows no threads (stepper.py): all calls come from one.

A row is one piece of text being spoken, in one of a fixed number of slots. The package's own cache has a single write
position for all rows, so a row could neither pause nor be younger than its neighbours. Here every row has its own
positions, counted from its own beginning; the package's layers, projections, flow head and decoder are run as they are,
and only the memory between two steps is ours:

    language model   keys and values by slot and position; a row reads what is at or before its own position
    Mimi transformer the same, in a ring as long as its context and one frame
    Mimi convolutions  each module's few last samples, by slot
    noise            drawn for the whole piece when it joins, from the piece's own seed

So joining writes a voice's prefix and reads the text, in one pass for all who join; pausing is not being in the step;
leaving is being forgotten. What an earlier row left in a slot lies at positions that the mask excludes, and is finite.
All memory is taken when the batch is made: a call can never fail for want of it, and none grows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any

import torch
import torch.nn.functional as F
from pocket_tts.models.flow_lm import drifting_decode, lsd_decode, ot_decode, pointwise_decode
from pocket_tts.modules.stateful_module import StatefulModule

from backend.workers.tts.pocket.model import PocketModel, Voice

FADE_IN_S = 0.005
"""A fresh decoder begins with a click; the package fades it in over this, and so do we."""
SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1024)
"""On a GPU a step is filled up to one of these, so that its libraries meet few shapes."""
_READ_STEP, _TEXT_STEP = 64, 16
"""Positions read, and tokens of a text, are a multiple of these."""
_DECODERS = {
    "lsd": lsd_decode,
    "flow_matching": ot_decode,
    "drifting": drifting_decode,
    "pointwise": pointwise_decode,
}


@dataclass(frozen=True, slots=True)
class Start:
    """What a row begins with. `most_frames` is how much noise it needs."""

    voice: Voice
    tokens: Sequence[int]
    seed: int
    most_frames: int


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a forward pass writes and reads in its cache; the same for every layer. Shapes: B rows, T positions."""

    rows: torch.Tensor
    """[B] slots."""
    span: slice | None
    """The same as a slice, where they follow each other: reading is then no copy."""
    writes: torch.Tensor
    """[B, T] indices."""
    reads: int
    """The first so many indices are read."""
    mask: torch.Tensor
    """[B, 1, T, reads], true where a position may look."""
    turns: torch.Tensor
    """[B, T, 1, width / 2], the rotary embedding as complex numbers."""


class Batch:
    """`join` rows, `step` any of them, `leave`. Slots are numbers below `slots`."""

    def __init__(
        self, model: PocketModel, slots: int, *, most_tokens: int, most_frames: int, fills_up: bool | None = None
    ) -> None:
        """`fills_up`: steps to one of SIZES, texts to a multiple; None: on a GPU."""
        tts, device = model.tts, model.device
        self._lm, self._mimi, self._device = tts.flow_lm, tts.mimi, device
        self._eos_threshold = tts.eos_threshold
        self._noise_scale = math.sqrt(tts.temp)
        self._decode = partial(_DECODERS[tts.flow_lm.flow_type], num_steps=tts.sampler_decode_steps)
        self._fills_up = device.type != "cpu" if fills_up is None else fills_up
        self._frame_positions = int(tts.mimi.encoder_frame_rate / tts.mimi.frame_rate)
        self.frame_samples = tts.mimi.frame_size
        self.slots = slots
        self._free = list(range(slots))
        heapify(self._free)
        self._scratch = slots
        """A row that nobody owns; it fills steps up."""
        rows = slots + 1
        self._most_tokens = most_tokens
        longest = max(voice.prefix.shape[2] for voice in model.voices.values()) + most_tokens + most_frames
        self._lm_layers = list(tts.flow_lm.transformer.layers)
        self._lm_cache = _new_cache(self._lm_layers, rows, -(-longest // _READ_STEP) * _READ_STEP, device)
        self._lm_turns = _Turns(self._lm_layers[0], device)
        transformer = tts.mimi.decoder_transformer.transformer
        self._mimi_layers = list(transformer.layers)
        self._context = int(transformer.context)
        ring = (-(-(self._context - 1) // self._frame_positions) + 1) * self._frame_positions
        self._mimi_cache = _new_cache(self._mimi_layers, rows, ring, device)
        self._mimi_turns = _Turns(self._mimi_layers[0], device)
        self._convolutions = {
            name: module.init_state(rows, sequence_length=0)
            for name, module in tts.mimi.named_modules()
            if isinstance(module, StatefulModule) and name.split(".")[0] in ("decoder", "upsample")
        }
        self._latents = torch.zeros(rows, self._lm.ldim, device=device)
        self._noise = torch.zeros(rows, most_frames, self._lm.ldim, device=device)
        self._fade_in = torch.linspace(0, 1, int(FADE_IN_S * tts.sample_rate), device=device)
        self._lengths = [0] * rows
        """By slot: positions of the language model that are written."""
        self._frames = [0] * rows
        """By slot: frames made."""

    @property
    def free_slots(self) -> int:
        return len(self._free)

    @torch.inference_mode()
    def join(self, starts: Sequence[Start]) -> list[int]:
        """Begin a row for each: its slot. IndexError when there are not so many free slots."""
        if len(starts) > len(self._free):
            raise IndexError(f"{len(starts)} rows for {len(self._free)} free slots")
        slots = [heappop(self._free) for _ in starts]
        try:
            self._begin(slots, starts)
        except BaseException:
            for slot in slots:
                self.leave(slot)
            raise
        return slots

    def _begin(self, slots: list[int], starts: Sequence[Start]) -> None:
        for slot, start in zip(slots, starts, strict=True):
            prefix = start.voice.prefix.shape[2]
            self._lm_cache[:, slot, :, :prefix] = start.voice.prefix
            self._lengths[slot], self._frames[slot] = prefix, 0
        taken = torch.tensor(slots, device=self._device)
        self._latents[taken] = self._lm.bos_emb
        self._draw_noise(taken, starts)
        for state in self._convolutions.values():
            for name, tensor in state.items():
                tensor[taken] = name == "first"
        self._read_text(slots, [start.tokens for start in starts])

    @torch.inference_mode()
    def step(self, slots: Sequence[int]) -> tuple[torch.Tensor, list[bool]]:
        """One frame more of each of these rows: [row, sample] as floats on the device; and whether each ends here."""
        rows = self._filled(slots)
        numbers = torch.tensor(
            (rows, [self._lengths[row] for row in rows], [self._frames[row] for row in rows]), device=self._device
        )
        index, lengths, frames = numbers[0], numbers[1], numbers[2]
        span = _span(rows)
        places = self._linear_places(rows, index, lengths, 1, span)
        embedded = self._lm.input_linear(self._latents[index])[:, None]
        spoken = self._lm.out_norm(_run(self._lm_layers, embedded, self._lm_cache, places))
        if self._lm.z_proj is not None:
            spoken = self._lm.z_proj(spoken)
        spoken = spoken[:, 0]
        is_eos = self._lm.out_eos(spoken)[:, 0] > self._eos_threshold
        latents = self._decode(partial(self._lm.flow_net, spoken), self._noise[index, frames])
        self._latents[index] = latents
        audio = self._run_mimi(index, frames, latents * self._lm.emb_std + self._lm.emb_mean, span)
        for slot in slots:
            self._lengths[slot] += 1
            self._frames[slot] += 1
        return audio[: len(slots)], is_eos[: len(slots)].tolist()

    def leave(self, slot: int) -> None:
        """Forget a row."""
        heappush(self._free, slot)

    def warm_up(self, start: Start) -> None:
        """Meet every shape once while nobody waits: a GPU's libraries choose their kernels at first sight."""
        sizes = [size for size in SIZES if size < self.slots] if self._fills_up else [1]
        for size in (*sizes, self.slots):
            slots = self.join([start] * size)
            self.step(slots)
            for slot in slots:
                self.leave(slot)

    def _draw_noise(self, taken: torch.Tensor, starts: Sequence[Start]) -> None:
        # On the CPU, so that a seed means the same on every device.
        noise = torch.zeros(len(starts), max(start.most_frames for start in starts), self._lm.ldim)
        for row, start in zip(noise, starts, strict=True):
            generator = torch.Generator().manual_seed(start.seed)
            torch.randn(start.most_frames, self._lm.ldim, generator=generator, out=row[: start.most_frames])
        self._noise[taken, : noise.shape[1]] = (noise * self._noise_scale).to(self._device)

    def _read_text(self, slots: list[int], texts: list[Sequence[int]]) -> None:
        """All texts in one pass, filled up on the right: what that writes behind a shorter text is written over by the
        row's first frames before they can look at it."""
        rows = self._filled(slots)
        longest = max(map(len, texts))
        if self._fills_up:
            longest = min(self._most_tokens, -(-longest // _TEXT_STEP) * _TEXT_STEP)
        tokens = [[*text, *[0] * (longest - len(text))] for text in texts] + [[0] * longest] * (len(rows) - len(texts))
        index = torch.tensor(rows, device=self._device)
        lengths = torch.tensor([self._lengths[row] for row in rows], device=self._device)
        places = self._linear_places(rows, index, lengths, longest, _span(rows))
        embedded = self._lm.conditioner(torch.tensor(tokens, device=self._device))
        _run(self._lm_layers, embedded, self._lm_cache, places)
        for slot, text in zip(slots, texts, strict=True):
            self._lengths[slot] += len(text)

    def _run_mimi(
        self, index: torch.Tensor, frames: torch.Tensor, latents: torch.Tensor, span: slice | None
    ) -> torch.Tensor:
        mimi = self._mimi
        state: dict[str, dict[str, torch.Tensor]] = {
            name: {key: tensor.index_select(0, index) for key, tensor in kept.items()}
            for name, kept in self._convolutions.items()
        }
        wide = mimi._to_encoder_framerate(mimi.quantizer(latents[:, :, None]), state).transpose(1, 2)
        transformer = mimi.decoder_transformer
        if transformer.input_proj is not None:
            wide = transformer.input_proj(wide)
        places = self._ring_places(index, frames * self._frame_positions, span)
        wide = transformer.output_projs[0](_run(self._mimi_layers, wide, self._mimi_cache, places)).transpose(1, 2)
        audio: torch.Tensor = mimi.decoder(wide, state)[:, 0]
        for name, kept in self._convolutions.items():
            for key, tensor in kept.items():
                tensor.index_copy_(0, index, state[name][key])
        opening = audio[:, : len(self._fade_in)]
        opening *= torch.where((frames == 0)[:, None], self._fade_in, 1.0)
        return audio

    def _linear_places(
        self, rows: list[int], index: torch.Tensor, lengths: torch.Tensor, count: int, span: slice | None
    ) -> _Places:
        """Position p of a row is index p."""
        positions = lengths[:, None] + torch.arange(count, device=self._device)
        furthest = max(self._lengths[row] for row in rows) + count
        reads = min(-(-furthest // _READ_STEP) * _READ_STEP, self._lm_cache.shape[3])
        mask = torch.arange(reads, device=self._device) <= positions[:, None, :, None]
        return _Places(index, span, positions, reads, mask, self._lm_turns.at(positions))

    def _ring_places(self, index: torch.Tensor, begins: torch.Tensor, span: slice | None) -> _Places:
        """Position p of a row is index p modulo the ring's length; a position looks back over the context."""
        ring = self._mimi_cache.shape[3]
        positions = begins[:, None] + torch.arange(self._frame_positions, device=self._device)
        last = positions[:, -1:]
        held = last - (last - torch.arange(ring, device=self._device)) % ring  # [B, ring]; negative: nothing yet
        back = positions[:, :, None] - held[:, None, :]
        mask = (held[:, None, :] >= 0) & (back >= 0) & (back < self._context)
        return _Places(index, span, positions % ring, ring, mask[:, None], self._mimi_turns.at(positions))

    def _filled(self, slots: Sequence[int]) -> list[int]:
        """The rows of a step; with what nobody owns, where it is to be filled up."""
        if not self._fills_up:
            return list(slots)
        size = next((size for size in SIZES if size >= len(slots)), len(slots))
        return [*slots, *[self._scratch] * (size - len(slots))]


class _Turns:
    """The rotary embedding of one transformer."""

    def __init__(self, layer: Any, device: torch.device) -> None:
        width = layer.self_attn.dim_per_head
        fractions = torch.arange(width // 2, device=device, dtype=torch.float32) * (-2 / width)
        self._speeds = torch.exp(fractions * math.log(layer.self_attn.rope.max_period))

    def at(self, positions: torch.Tensor) -> torch.Tensor:
        angles = positions[:, :, None, None].float() * self._speeds
        return torch.polar(torch.ones_like(angles), angles)


def _new_cache(layers: list[Any], rows: int, positions: int, device: torch.device) -> torch.Tensor:
    """[layer, row, key or value, position, head, width]. Zeros: what the mask excludes must still be finite."""
    attention = layers[0].self_attn
    return torch.zeros(len(layers), rows, 2, positions, attention.num_kv_heads, attention.dim_per_head, device=device)


def _span(rows: list[int]) -> slice | None:
    """The rows as a slice, if each follows the one before."""
    follow = all(right == left + 1 for left, right in zip(rows, rows[1:], strict=False))
    return slice(rows[0], rows[-1] + 1) if follow else None


def _run(layers: list[Any], x: torch.Tensor, cache: torch.Tensor, places: _Places) -> torch.Tensor:
    """The package's transformer layers, with attention over our cache."""
    for layer, kept in zip(layers, cache, strict=True):
        x = x + layer.layer_scale_1(_attend(layer.self_attn, layer.norm1(x), kept, places))
        x = layer._ff_block(x)
    return x


def _attend(attention: Any, x: torch.Tensor, kept: torch.Tensor, places: _Places) -> torch.Tensor:
    rows, count, _ = x.shape
    width, heads, shared = attention.dim_per_head, attention.num_heads, attention.num_kv_heads
    query, key, value = (
        part.view(rows, count, -1, width)
        for part in attention.in_proj(x).split((heads * width, shared * width, shared * width), dim=-1)
    )
    query, key = _turn(query, places.turns), _turn(key, places.turns)
    kept[places.rows[:, None], :, places.writes] = torch.stack((key, value), dim=2)
    if places.span is not None:
        read = kept[places.span, :, : places.reads]
    else:
        read = kept[:, :, : places.reads].index_select(0, places.rows)
    keys, values = read[:, 0].transpose(1, 2), read[:, 1].transpose(1, 2)
    if shared != heads:
        keys = keys.repeat_interleave(heads // shared, dim=1)
        values = values.repeat_interleave(heads // shared, dim=1)
    seen = F.scaled_dot_product_attention(query.transpose(1, 2), keys, values, places.mask)
    out: torch.Tensor = attention.out_proj(seen.transpose(1, 2).reshape(rows, count, heads * width))
    return out


def _turn(x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Rotate each pair of neighbouring numbers."""
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2)
