"""Greedy RNN-T decoding of many calls in one loop, with an explicit state per slot.

Decides the tokens: at each encoder frame every row emits its likeliest token until that is the blank, or until it has
emitted `max_symbols_per_step` of them. The loop goes on while any row emits; a row that is done keeps its state, whatever
the others do. One look at the device per round; the tokens come over once, at the end.

The state of a slot is the prediction network's, and its answer to the last token. A call begins with the answer to the
blank, as the package does. Not decided here: text and utterances (words.py).
"""

from dataclasses import dataclass

import torch

from backend.workers.stt.nemotron.model import NemotronModel


@dataclass(frozen=True, slots=True)
class Token:
    """`frame` is the encoder frame that emitted it, counted from the beginning of the chunk."""

    number: int
    frame: int


class GreedyDecoder:
    """The prediction and joint networks, with a state for each of `slots` calls."""

    def __init__(self, model: NemotronModel, slots: int) -> None:
        self._decoder, self._joint, self._blank = model.net.decoder, model.net.joint, model.blank
        self._most = int(model.net.max_symbols_per_step)
        lstm = self._decoder.lstm
        self._hidden = torch.zeros(lstm.num_layers, slots, lstm.hidden_size, device=model.device, dtype=model.dtype)
        self._cell = torch.zeros_like(self._hidden)
        self._answer = torch.zeros(slots, lstm.hidden_size, device=model.device, dtype=model.dtype)
        with torch.inference_mode():
            self._beginning = self._predict(torch.tensor([self._blank], device=model.device), None)
        for slot in range(slots):
            self.clear(slot)

    @property
    def states(self) -> list[torch.Tensor]:
        """All that a call leaves behind; the slot is dimension 1 of the first two, 0 of the last."""
        return [self._hidden, self._cell, self._answer]

    def clear(self, slot: int) -> None:
        answer, hidden, cell = self._beginning
        self._answer[slot], self._hidden[:, slot], self._cell[:, slot] = answer[0], hidden[:, 0], cell[:, 0]

    @torch.inference_mode()
    def step(self, slots: torch.Tensor, encoded: torch.Tensor) -> list[list[Token]]:
        """`slots`: [rows] int64; `encoded`: [rows, frames, width]. Gives each row's tokens."""
        answer, hidden, cell = self._answer[slots], self._hidden[:, slots], self._cell[:, slots]
        emitted: list[torch.Tensor] = []
        frames: list[int] = []
        for frame in range(encoded.shape[1]):
            still = torch.ones(len(slots), dtype=torch.bool, device=slots.device)
            for _ in range(self._most):
                token = self._joint(answer, encoded[:, frame]).argmax(dim=-1)
                still = still & (token != self._blank)
                if not bool(still.any()):
                    break
                emitted.append(torch.where(still, token, self._blank))
                frames.append(frame)
                new_answer, new_hidden, new_cell = self._predict(token, (hidden, cell))
                answer = torch.where(still[:, None], new_answer, answer)
                hidden = torch.where(still[None, :, None], new_hidden, hidden)
                cell = torch.where(still[None, :, None], new_cell, cell)
        self._answer[slots], self._hidden[:, slots], self._cell[:, slots] = answer, hidden, cell
        rows = torch.stack(emitted, dim=1).tolist() if emitted else [[] for _ in range(len(slots))]
        return [
            [Token(number, frame) for number, frame in zip(row, frames, strict=True) if number != self._blank]
            for row in rows
        ]

    def _predict(
        self, token: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        out, (hidden, cell) = self._decoder.lstm(self._decoder.embedding(token[:, None]), state)
        return self._decoder.decoder_projector(out[:, 0]), hidden, cell
