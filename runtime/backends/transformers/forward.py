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
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        self._cache_name = "cache_params" if "cache_params" in takes else "past_key_values"
        self.takes_positions = "position_ids" in takes

    def new_cache(self) -> Any:
        """An empty cache for one row, of the kind that the model's configuration calls for."""
        return DynamicCache(config=self.model.config)

    def __call__(
        self, ids: Any, cache: Any, *, start: int = 0, positions: Any = None, seen: Any = None
    ) -> Any:
        """Read tokens; their keys and values go into ``cache``.

        Args:
            ids: Token ids [rows, tokens].
            cache: What was read before.
            start: The first token's position, for a row alone.
            positions: Each token's position [rows, tokens], for several rows.
            seen: Which positions each token sees, booleans [rows, 1, tokens, positions]; all
                earlier ones if ``None``.

        Returns:
            float32 tensor [rows, vocabulary]: the logits after the last token.
        """
        more: dict[str, Any] = dict(self._last_only)
        if positions is None:
            positions = torch.arange(start, start + ids.shape[1], device=ids.device)[None]
        if self.takes_positions:
            more["position_ids"] = positions
        if seen is not None:
            more["attention_mask"] = self._mask(seen)
        more[self._cache_name] = cache
        output = self.model(input_ids=ids, use_cache=True, **more)
        return output.logits[:, -1].float()

    def _mask(self, seen: Any) -> Any:
        if self.model.config._attn_implementation != "eager":
            return seen
        nothing = torch.zeros((), dtype=self.dtype, device=seen.device)
        return torch.where(seen, nothing, torch.finfo(self.dtype).min)
