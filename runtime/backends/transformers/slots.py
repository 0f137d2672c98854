"""The rows that are decoded together: their keys and values, each row at its own length.

Every layer holds one buffer ``[rows, heads, positions, size]``, with a row's own keys and values
from position 0 on. So a new row is copied in beside the others, a finished one gives its place
to the last, and nothing is shifted or concatenated while tokens come. What a row may look at is
said by a mask. The last position of a buffer takes what belongs to no row (see :meth:`Slots.step`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

from runtime.backends.transformers.forward import Forward
from runtime.backends.transformers.prefixes import Layers

_SPARE_POSITIONS = 256
"""Room for what a new row is going to generate, at first."""


@dataclass
class _Plan:
    """Where one forward pass writes and reads, for all layers."""

    rows: int = 0
    start: int = 0
    """Positions filled before, of a row alone."""
    end: int = 0
    """Positions that are read."""
    row_index: Any = None
    places: Any = None
    """Where each new token's keys go: [rows, tokens]; unused for a row alone."""


class _Layer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """One layer's buffers, which transformers takes for its own growing cache."""

    def __init__(self, plan: _Plan, keys: Any, values: Any) -> None:
        super().__init__()
        self.plan, self.keys, self.values = plan, keys, values
        self.is_initialized = True

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Write what is new, and give out all that is there."""
        plan = self.plan
        if plan.rows == 1:
            self.keys[0, :, plan.start : plan.end] = key_states[0]
            self.values[0, :, plan.start : plan.end] = value_states[0]
        else:
            self.keys[plan.row_index, :, plan.places] = key_states.transpose(1, 2)
            self.values[plan.row_index, :, plan.places] = value_states.transpose(1, 2)
        read = (slice(plan.rows), slice(None), slice(plan.end))
        return self.keys[read], self.values[read]

    def get_seq_length(self) -> int:
        """Positions filled before this pass; transformers asks only for a row alone."""
        return self.plan.start

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Positions that are read, and the first of them."""
        return self.plan.end, 0


@dataclass
class Slots:
    """Rows decoded together by a model whose layers all keep plain keys and values."""

    forward: Forward
    capacity: int
    """Rows, at most."""
    max_positions: int
    ragged: bool = field(default=True, init=False)
    """Rows may be given several tokens in one step."""
    plain: bool = field(default=True, init=False)
    """Rows hold plain keys and values."""
    lengths: list[int] = field(default_factory=list, init=False)
    """Positions filled, by row."""
    _plan: _Plan = field(default_factory=_Plan, init=False)
    _layers: list[_Layer] = field(default_factory=list, init=False)

    def add(self, cache: Any, length: int) -> None:
        """Take in a row that was read alone, as the last row.

        Args:
            cache: What the model made of its prompt, in transformers' own cache of one row.
            length: How many positions of it to take.
        """
        self._reserve(len(self.lengths) + 1, length + 1, like=cache.layers)
        row = len(self.lengths)
        for layer, source in zip(self._layers, cache.layers, strict=True):
            layer.keys[row, :, :length] = source.keys[0, :, :length]
            layer.values[row, :, :length] = source.values[0, :, :length]
        self.lengths.append(length)

    def contents(self, row: int) -> tuple[int, Layers]:
        """How many tokens of a row were read, and a copy of their keys and values."""
        length = self.lengths[row]
        part = (slice(row, row + 1), slice(None), slice(length))
        return length, [
            (layer.keys[part].clone(), layer.values[part].clone()) for layer in self._layers
        ]

    def remove(self, row: int) -> None:
        """Take a row out; the last row takes its number."""
        last, length = len(self.lengths) - 1, self.lengths[-1]
        for layer in self._layers:
            for buffer in (layer.keys, layer.values):
                if row != last:
                    buffer[row, :, :length] = buffer[last, :, :length]
                    buffer[row, :, length:] = 0
                # Left there, a number that is none would reach later rows through the masked
                # positions: 0 times NaN is NaN.
                buffer[last] = 0
        self.lengths[row] = length
        self.lengths.pop()
        if not self.lengths:
            self.clear()

    def clear(self) -> None:
        """Forget all rows and free their memory."""
        self.lengths.clear()
        self._layers.clear()

    def cut(self, row: int, count: int) -> None:
        """Forget the last ``count`` tokens of a row."""
        self.lengths[row] -= count

    def step(self, tokens: Sequence[Sequence[int]], *, last: int = 1) -> Any:
        """Read one token or more for every row.

        Rows with fewer tokens than others are filled up in front, so that every row's last token
        stands at the end: one index serves for the logits of all. The fillers look at position 0
        and write to the buffers' last position, which nobody reads.

        Args:
            tokens: Token ids, for each row.
            last: After how many tokens, at the end, logits are wanted; at most as many as the
                longest row has.

        Returns:
            float32 tensor [rows, last, vocabulary]: the logits after each row's last tokens. Where
            a row has fewer, the first ones mean nothing.
        """
        counts = [len(row) for row in tokens]
        longest = max(counts)
        ends = [length + count for length, count in zip(self.lengths, counts, strict=True)]
        self._reserve(len(tokens), max(ends))
        plan, device = self._plan, self.forward.device
        plan.rows, plan.start, plan.end = len(tokens), self.lengths[0], max(ends)
        cache = Cache(layers=list(self._layers))
        if plan.rows == 1:
            ids = torch.tensor([list(tokens[0])], device=device)
            logits = self.forward.last(last, ids, cache, start=plan.start)
        else:
            fillers = [longest - count for count in counts]
            filled = [[0] * n + list(row) for n, row in zip(fillers, tokens, strict=True)]
            places = [
                [-1] * n + list(range(length, end))
                for n, length, end in zip(fillers, self.lengths, ends, strict=True)
            ]
            plan.row_index = torch.arange(plan.rows, device=device)[:, None]
            plan.places = torch.tensor(places, device=device)
            positions = plan.places.clamp(min=0)
            seen = torch.arange(plan.end, device=device) <= positions[..., None]
            ids = torch.tensor(filled, device=device)
            logits = self.forward.last(last, ids, cache, positions=positions, seen=seen[:, None])
        self.lengths = ends
        return logits

    def _reserve(self, rows: int, positions: int, like: Sequence[Any] = ()) -> None:
        """Make room: all new buffers first, so that a lack of memory leaves the old ones whole.

        ``like``: layers whose tensors show the shapes, where there are no buffers yet.
        """
        have_rows, have_positions = 0, 0
        if self._layers:
            have_rows, _, extent, _ = self._layers[0].keys.shape
            have_positions = extent - 1
        if rows <= have_rows and positions <= have_positions:
            return
        if rows > have_rows:
            rows = min(max(rows, 2 * have_rows), self.capacity)
        if positions > have_positions:
            wanted = max(positions + _SPARE_POSITIONS, 2 * have_positions)
            positions = max(positions, min(wanted, self.max_positions))
        rows, positions = max(rows, have_rows), max(positions, have_positions)
        kept = bool(self._layers)
        self._layers = [
            _Layer(
                self._plan,
                _enlarged(layer.keys, rows, positions + 1, keep=kept),
                _enlarged(layer.values, rows, positions + 1, keep=kept),
            )
            for layer in self._layers or like
        ]


def _enlarged(tensor: Any, rows: int, positions: int, *, keep: bool) -> Any:
    """Zeros of the new extent, and what ``tensor`` held at their beginning."""
    had_rows, heads, had_positions, size = tensor.shape
    new = tensor.new_zeros((rows, heads, positions, size))
    if keep:
        new[:had_rows, :, : had_positions - 1] = tensor[:, :, : had_positions - 1]
    return new
