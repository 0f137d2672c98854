"""Calling a model: the one place that knows which arguments transformers' models take."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from transformers import DynamicCache


class Forward:
    """A model's forward pass, with the logits of the last token as its result."""

    def __init__(self, model: Any) -> None:
        """Of a transformers model for causal language modelling, in evaluation mode."""
        self.model = model
        self.device = model.device
        self.dtype = model.dtype
        takes = set(inspect.signature(model.forward).parameters)
        self._may_keep = "logits_to_keep" in takes
        names = ("cache", "cache_params", "past_key_values")  # by age, the newest first
        self._cache_name = next((name for name in names if name in takes), names[-1])
        self.takes_positions = "position_ids" in takes

    def new_cache(self) -> Any:
        """An empty cache for one row, of the kind that the model's configuration calls for."""
        return DynamicCache(config=self.model.config)

    def __call__(
        self, ids: Any, cache: Any, *, start: int = 0, positions: Any = None, seen: Any = None
    ) -> Any:
        """:meth:`last` for the last token alone: float32 tensor [rows, vocabulary]."""
        return self.last(1, ids, cache, start=start, positions=positions, seen=seen)[:, 0]

    def last(
        self,
        count: int,
        ids: Any,
        cache: Any,
        *,
        start: int = 0,
        positions: Any = None,
        seen: Any = None,
    ) -> Any:
        """Read tokens; their keys and values go into ``cache``.

        Args:
            count: After how many tokens, at the end, logits are wanted.
            ids: Token ids [rows, tokens].
            cache: What was read before.
            start: The first token's position, for a row alone.
            positions: Each token's position [rows, tokens], for several rows.
            seen: Which positions each token sees, booleans [rows, 1, tokens, positions]; all
                earlier ones if ``None``.

        Returns:
            float32 tensor [rows, count, vocabulary]: the logits after the last tokens.
        """
        more: dict[str, Any] = {"logits_to_keep": count} if self._may_keep else {}
        if positions is None:
            positions = torch.arange(start, start + ids.shape[1], device=ids.device)[None]
        if self.takes_positions:
            more["position_ids"] = positions
        if seen is not None:
            more["attention_mask"] = self._mask(seen)
        more[self._cache_name] = cache
        return self.model(input_ids=ids, use_cache=True, **more).logits[:, -count:].float()

    def every(
        self, ids: Any, cache: Any, *, start: int = 0, positions: Any = None, seen: Any = None
    ) -> Any:
        """As a call, for one row: float32 tensor [tokens, vocabulary], after every token."""
        count = ids.shape[1]
        return self.last(count, ids, cache, start=start, positions=positions, seen=seen)[0]

    def _mask(self, seen: Any) -> Any:
        if self.model.config._attn_implementation != "eager":
            return seen
        nothing = torch.zeros((), dtype=self.dtype, device=seen.device)
        return torch.where(seen, nothing, torch.finfo(self.dtype).min)
