"""What llama.cpp's model holds likely along the texts to avoid. See :mod:`runtime.backends.avoid`.

The server has no way to read several tokens and tell what it thought after each, but it can be
made to generate them: a grammar of one token after the other, with the likeliest tokens told at
each place.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime.backends.llama_cpp.requests import chain, sampling
from runtime.backends.llama_cpp.server import LlamaServer
from runtime.backends.pieces import Pieces
from runtime.backends.trie import Trie
from runtime.chat import TokenLogprob
from runtime.generation import GenerationParams

_LIKELIEST = 64
"""Tokens that are told at each place."""
_GREEDY_BELOW = 1e-5


@dataclass
class Tables:
    """An :class:`~runtime.backends.avoid.Outlook` out of the likeliest tokens at each node."""

    tables: list[dict[int, float]]
    """For each node of the trie, tokens and the logarithms of their probabilities."""
    params: GenerationParams
    cached: int
    """Tokens of the prompt that were in the server's cache."""
    chance: random.Random

    def logprob(self, node: int, allowed: int, token: int) -> float:
        """Of one token, among those that are allowed."""
        known = self._known(node, allowed)
        return known.get(token, -math.inf) - _log_sum(known.values())

    def best(self, node: int, allowed: int, candidates: int) -> tuple[int, float] | None:
        """The candidate to take, and how it weighs."""
        known = self._known(node, allowed)
        found = {token: value for token, value in known.items() if candidates >> token & 1}
        if not found:
            return None
        total = _log_sum(known.values())
        if self.params.temperature < _GREEDY_BELOW:
            token = max(found, key=found.__getitem__)
            return token, found[token] - total
        weights = [math.exp(value - total) for value in found.values()]
        token = self.chance.choices(list(found), weights)[0]
        noise = -math.log(-math.log(min(max(self.chance.random(), 1e-12), 1 - 1e-12)))
        return token, _log_sum(found.values()) - total + noise

    def told(self, node: int, token: int, pieces: Pieces) -> tuple[TokenLogprob, ...]:
        """A token of the way out, as the reply's reader is told of it."""
        table = self.tables[node]
        if token not in table:
            return ()
        likeliest = sorted(table.items(), key=lambda item: -item[1])[: self.params.logprobs or 0]
        top = tuple((pieces[t].decode(errors="replace"), value) for t, value in likeliest)
        text = pieces[token].decode(errors="replace")
        return (TokenLogprob(token, text, table[token], top),)

    def _known(self, node: int, allowed: int) -> dict[int, float]:
        cooler = 1.0
        if self.params.temperature >= _GREEDY_BELOW:
            cooler = 1 / self.params.temperature
        table = self.tables[node]
        return {token: value * cooler for token, value in table.items() if allowed >> token & 1}


def outlook_on(
    server: LlamaServer,
    prompt: Sequence[int],
    trie: Trie,
    params: GenerationParams,
    *,
    size: int,
    everything: bool = False,
) -> Tables:
    """Have the model read a trie's paths behind a prompt: one request for each path.

    Args:
        server: The model's.
        prompt: Token ids.
        trie: The paths.
        params: How tokens are chosen.
        size: How many tokens the model has.
        everything: Tell of all tokens rather than of the likeliest; takes a second for each place.
    """
    tables: list[dict[int, float]] = [{} for _ in range(len(trie))]
    cached: int | None = None
    for leaf in range(len(trie)):
        if trie.children[leaf]:
            continue
        nodes = trie.path(leaf)
        reply = read_chain(
            server,
            prompt,
            [*(1 << trie.tokens[node] for node in nodes), (1 << size) - 1],
            likeliest=size if everything else _LIKELIEST,
        )
        cached = reply.cached if cached is None else cached
        for node, table in zip([0, *nodes], reply.tables, strict=False):
            tables[node] |= table
    return Tables(tables, params, cached or 0, random.Random(params.seed))  # noqa: S311


@dataclass(frozen=True)
class Told:
    """What the server told of tokens that it was made to generate."""

    tables: list[dict[int, float]]
    """At each place the likeliest tokens and the one that came: logarithms of probabilities."""
    tokens: list[int]
    cached: int


def read_chain(
    server: LlamaServer, prompt: Sequence[int], steps: Sequence[int], *, likeliest: int
) -> Told:
    """Have the model generate one token out of each set in turn, the likeliest."""
    body = sampling(GenerationParams(temperature=0), context=1) | {
        "prompt": list(prompt),
        "max_tokens": len(steps),
        "n_probs": likeliest,
        "grammar": chain(steps),
    }
    reply = server.complete(body)
    content = reply["choices"][0]["logprobs"]["content"]
    return Told(
        [
            {int(t["id"]): float(t["logprob"]) for t in [*place["top_logprobs"], place]}
            for place in content[: len(steps)]
        ],
        [int(place["id"]) for place in content[: len(steps)]],
        int(reply["usage"].get("prompt_tokens_details", {}).get("cached_tokens", 0)),
    )


def _log_sum(values: Any) -> float:
    values = list(values)
    peak = max(values, default=-math.inf)
    if peak == -math.inf:
        return peak
    return peak + math.log(sum(math.exp(value - peak) for value in values))
