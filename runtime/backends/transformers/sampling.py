"""Choosing the next token of one request from its logits.

The order is the one that vLLM and transformers share: penalties, temperature, top-k, top-p,
min-p. Presence and frequency count the reply's tokens, the repetition penalty the prompt's too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from runtime.chat import TokenLogprob
from runtime.generation import GenerationParams

_GREEDY_BELOW = 1e-5
"""Temperatures under this are 0: dividing by them would overflow."""
_LIKELIEST = 256
"""Tokens that are looked at first for ``top_p``; sorting a whole vocabulary takes milliseconds."""


class NotFinite(ArithmeticError):
    """Logits that are not numbers."""


class Sampler:
    """One request's choices. The same seed, parameters and logits give the same tokens."""

    def __init__(
        self, params: GenerationParams, prompt: Sequence[int], *, width: int, device: Any
    ) -> None:
        """For ``width`` logits on ``device``."""
        self._params = params
        self._random = torch.Generator()  # on the CPU: the same numbers for every device
        if params.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(params.seed)
        self._seen: Any = None
        self._counts: Any = None
        if params.repetition_penalty != 1:
            self._seen = torch.zeros(width, dtype=torch.bool, device=device)
            self._seen[list(set(prompt))] = True
        if params.presence_penalty or params.frequency_penalty:
            self._counts = torch.zeros(width, dtype=torch.float32, device=device)

    def saw(self, token: int) -> None:
        """A token has become part of the reply."""
        if self._seen is not None:
            self._seen[token] = True
        if self._counts is not None:
            self._counts[token] += 1

    def choose(self, logits: Any, allowed: Any = None) -> int:
        """The next token.

        Args:
            logits: float32 tensor (width,).
            allowed: Which tokens may come, as booleans; all may if ``None``.

        Raises:
            NotFinite: The logits hold no number to choose by.
        """
        scores = self._penalised(logits)
        if allowed is not None:
            scores = scores.masked_fill(~allowed.to(scores.device), -math.inf)
        peak, best = scores.max(dim=-1)
        if not math.isfinite(peak):
            raise NotFinite
        if self.greedy:
            return int(best)
        probs, ids = self._candidates(scores / self._params.temperature)
        at = self._draw(probs)
        return at if ids is None else int(ids[at])

    def best_of(self, logprobs: Any, candidates: Any) -> tuple[int, float]:
        """A choice that can be weighed against choices at other places.

        Args:
            logprobs: float32 tensor (width,).
            candidates: Which tokens may be chosen, as booleans; at least one.

        Returns:
            The likeliest candidate and its log probability. Where tokens are drawn: one that was
            drawn, and the logarithm of all candidates' probability plus Gumbel noise.
        """
        scores = logprobs.masked_fill(~candidates.to(logprobs.device), -math.inf)
        if self.greedy:
            value, token = scores.max(dim=-1)
            return int(token), float(value)
        probs = scores.exp()
        total = float(probs.sum())
        uniform = float(torch.rand((), dtype=torch.float64, generator=self._random))
        noise = -math.log(-math.log(min(max(uniform, 1e-12), 1 - 1e-12)))
        return self._draw(probs), (math.log(total) if total > 0 else -math.inf) + noise

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken, rather than one drawn at random."""
        return self._params.temperature < _GREEDY_BELOW

    @property
    def penalises(self) -> bool:
        """Whether what has come before makes tokens less likely."""
        return self._seen is not None or self._counts is not None

    @property
    def temperature(self) -> float:
        """What logits are divided by; 1 where the likeliest token is taken."""
        return 1.0 if self.greedy else self._params.temperature

    def _penalised(self, scores: Any) -> Any:
        params = self._params
        if self._seen is not None:
            factor = params.repetition_penalty
            less = torch.where(scores > 0, scores / factor, scores * factor)
            scores = torch.where(self._seen, less, scores)
        if self._counts is not None:
            scores = scores - self._counts * params.frequency_penalty
            scores = scores - (self._counts > 0) * params.presence_penalty
        return scores

    def _candidates(self, scores: Any) -> tuple[Any, Any]:
        """Probabilities (up to a common factor), and the tokens they belong to if not all."""
        params, width = self._params, scores.shape[-1]
        ids: Any = None
        if params.top_k is not None and 0 < params.top_k < width:
            scores, ids = torch.topk(scores, params.top_k)
        probs = torch.softmax(scores, dim=-1)
        if params.top_p < 1:
            if ids is None:
                probs, ids = _likeliest(probs, params.top_p)
            before = probs.cumsum(0) - probs
            keep = before < params.top_p
            keep[0] = True
            probs, ids = probs[keep], ids[keep]
        if params.min_p > 0:
            probs = probs.where(probs >= params.min_p * probs.max(), torch.zeros_like(probs))
        return probs, ids

    def _draw(self, probs: Any) -> int:
        """An index, each with its share of the sum: the inverse of the cumulated shares."""
        cumulated = probs.double().cumsum(0).cpu()
        total = float(cumulated[-1])
        point = float(torch.rand((), dtype=torch.float64, generator=self._random)) * total
        point = min(point, math.nextafter(total, 0))
        return int(torch.searchsorted(cumulated, point, right=True))


def _likeliest(probs: Any, share: float) -> tuple[Any, Any]:
    """The likeliest tokens that hold at least ``share`` together, in order; and maybe more."""
    if probs.shape[-1] > _LIKELIEST:
        values, ids = torch.topk(probs, _LIKELIEST)
        if float(values.sum()) >= share:
            return values, ids
    values, ids = torch.sort(probs, descending=True)
    return values, ids


def token_logprob(
    logits: Any, token: int, count: int, text_of: Callable[[int], str]
) -> TokenLogprob:
    """How likely the model held a token and the ``count`` likeliest ones, before any constraint."""
    logprobs = torch.log_softmax(logits, dim=-1)
    values, ids = torch.topk(logprobs, count)
    return TokenLogprob(
        token_id=token,
        token=text_of(token),
        logprob=float(logprobs[token]),
        top=tuple(
            (text_of(i), value) for i, value in zip(ids.tolist(), values.tolist(), strict=True)
        ),
    )
