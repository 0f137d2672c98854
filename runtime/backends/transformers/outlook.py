"""What a model holds likely along the texts to avoid. See :mod:`runtime.backends.avoid`."""

from __future__ import annotations

import math
from typing import Any

import torch

from runtime.backends.transformers.guide import unpacked
from runtime.backends.transformers.sampling import Sampler


class Likelihoods:
    """An :class:`~runtime.backends.avoid.Outlook` out of logits."""

    def __init__(self, logits: Any, sampler: Sampler) -> None:
        """``logits``: float32 tensor [nodes, vocabulary], after each node of the trie."""
        self.logits = logits
        self._sampler = sampler

    def logprob(self, node: int, allowed: int, token: int) -> float:
        """Of one token, among those that are allowed."""
        return float(self._logprobs(node, allowed)[token])

    def best(self, node: int, allowed: int, candidates: int) -> tuple[int, float] | None:
        """The candidate to take, and how it weighs."""
        logprobs = self._logprobs(node, allowed)
        return self._sampler.best_of(logprobs, self._tensor(candidates))

    def _logprobs(self, node: int, allowed: int) -> Any:
        logits = self.logits[node] / self._sampler.temperature
        mask = self._tensor(allowed).to(logits.device)
        return torch.log_softmax(logits.masked_fill(~mask, -math.inf), dim=-1)

    def _tensor(self, bits: int) -> Any:
        width = self.logits.shape[-1]
        mask = bits.to_bytes((width + 7) // 8, "little")
        return unpacked(mask, width)
