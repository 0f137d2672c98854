"""Which models can decode several rows together, and how the others decode one at a time.

The answer is tried out when a model is loaded: two short rows are read at once and in parts, alone
and together, and must come to the same logits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from runtime.backends.transformers.forward import Forward
from runtime.backends.transformers.prefixes import Layers
from runtime.backends.transformers.slots import Slots

log = logging.getLogger(__name__)

_LENGTH_DEPENDENT_ROPE = frozenset({"dynamic", "longrope"})
"""Rotary embeddings that depend on the longest row of a batch."""


class Batch(Protocol):
    """The rows under way, and the step that reads the next tokens of all of them."""

    capacity: int
    """Rows, at most."""
    ragged: bool
    """Rows may be given several tokens in one step, and prompts may be read in pieces."""
    plain: bool
    """Caches hold plain keys and values, which can be cut anywhere, and the model takes masks."""

    def add(self, cache: Any, length: int) -> None:
        """Take in a row whose ``length`` tokens were read alone, as the last row."""

    def remove(self, row: int) -> None:
        """Take a row out; the last row takes its number."""

    def contents(self, row: int) -> tuple[int, Layers]:
        """How many tokens of a row were read, and a copy of their keys and values (if plain)."""

    def clear(self) -> None:
        """Forget all rows and free their memory."""

    def cut(self, row: int, count: int) -> None:
        """Forget the last ``count`` tokens of a row (if plain)."""

    def step(self, tokens: Sequence[Sequence[int]], *, last: int = 1) -> Any:
        """Read each row's tokens: float32 logits [rows, last, vocabulary] after the last ones."""


class Alone:
    """One row at a time, in the cache that transformers gives its model."""

    capacity = 1
    plain = False

    def __init__(self, forward: Forward, *, ragged: bool) -> None:
        self.ragged = ragged
        self._forward = forward
        self._cache: Any = None
        self._length = 0

    def add(self, cache: Any, length: int) -> None:
        """Take in the row."""
        self._cache, self._length = cache, length

    def remove(self, row: int) -> None:
        """Take the row out."""
        self.clear()

    def contents(self, row: int) -> tuple[int, Layers]:
        """Nothing that could be used again."""
        return 0, []

    def clear(self) -> None:
        """Forget the row."""
        self._cache = None

    def cut(self, row: int, count: int) -> None:
        """Nothing can be forgotten."""
        raise NotImplementedError

    def step(self, tokens: Sequence[Sequence[int]], *, last: int = 1) -> Any:
        """Read the row's tokens."""
        ids = torch.tensor([list(tokens[0])], device=self._forward.device)
        logits = self._forward.last(last, ids, self._cache, start=self._length)
        self._length += len(tokens[0])
        return logits


def choose_batch(forward: Forward, *, capacity: int, max_positions: int) -> tuple[Batch, int]:
    """How this model decodes, and how many logits it has.

    Raises:
        Exception: The model's forward pass fails, or does not go on from what was read before.
    """
    caches = [forward.new_cache() for _ in _PROBES]
    kinds = {type(layer) for layer in caches[0].layers}
    known = forward.model.config.get_text_config().vocab_size
    probes = [[i % known for i in probe] for probe in _PROBES]
    with torch.inference_mode():
        expected = torch.cat(
            [_read(forward, ids, cache) for ids, cache in zip(probes, caches, strict=True)]
        )
        width = int(expected.shape[-1])
        reason = _reason_against(forward, kinds)
        if not reason:
            slots = Slots(forward, capacity=max(capacity, 2), max_positions=max_positions)
            reason = _difference_together(forward, slots, probes, caches, expected)
            slots.clear()
            if not reason:
                slots.capacity = capacity
                return slots, width
        if capacity > 1:
            log.warning("requests are decoded one at a time: %s", reason)
        alone = Alone(forward, ragged=kinds <= {DynamicLayer, DynamicSlidingWindowLayer})
        cache = forward.new_cache()
        _read(forward, probes[0][:-1], cache)
        alone.add(cache, len(probes[0]) - 1)
        if wrong := _difference(forward, alone.step([probes[0][-1:]])[:, -1], expected[:1]):
            raise RuntimeError(f"read token by token, {wrong}")
        alone.clear()
        return alone, width


def _read(forward: Forward, ids: Sequence[int], cache: Any) -> Any:
    return forward(torch.tensor([list(ids)], device=forward.device), cache)


_PROBES = ((11, 7, 5, 3, 2), (2, 3, 5, 7, 11, 13, 17, 19))
_LAST = (1, 3)
"""How many tokens of each are read together, in one ragged step."""


def _reason_against(forward: Forward, kinds: set[type]) -> str:
    config = forward.model.config.get_text_config()
    attention = forward.model.config._attn_implementation
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type")
    if kinds != {DynamicLayer}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "nothing"
        return f"its cache holds {names}, not plain keys and values"
    if attention not in ("sdpa", "eager"):
        return f"its attention is {attention!r}"
    if not forward.takes_positions:
        return f"{type(forward.model).__name__} takes no positions"
    if rope in _LENGTH_DEPENDENT_ROPE:
        return f"its {rope} rotary embeddings depend on the longest row"
    return ""


def _difference_together(
    forward: Forward,
    slots: Slots,
    probes: Sequence[Sequence[int]],
    caches: Sequence[Any],
    expected: Any,
) -> str:
    """Why rows must not be decoded together; empty when they come to what they come to alone."""
    try:
        for ids, cache, last in zip(probes, caches, _LAST, strict=True):
            slots.add(cache, len(ids) - last)
        found = slots.step([ids[-last:] for ids, last in zip(probes, _LAST, strict=True)])[:, -1]
    except Exception as error:  # noqa: BLE001 - a model of another make; it can still run alone
        return f"{type(error).__name__}: {error}"
    return _difference(forward, found, expected)


def _difference(forward: Forward, found: Any, expected: Any) -> str:
    """How far logits are off, where that is more than rounding; else empty."""
    spread = expected - expected.mean(dim=-1, keepdim=True)
    off = float((found - expected).norm() / spread.norm())
    allowed = 1e-3 if forward.dtype == torch.float32 else 0.15
    return "" if off < allowed else f"its logits are off by {off:.1%}"
