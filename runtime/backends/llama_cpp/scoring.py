"""How likely each of several texts is as a whole reply: read by llama.cpp as tokens it must say.

The texts share their beginnings in a trie, and each is read from where it leaves those before it:
one request for each text, one step for each token of the trie. The prompt is read once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from runtime.backends.llama_cpp.outlook import read_chain
from runtime.backends.llama_cpp.server import LlamaServer
from runtime.backends.llama_cpp.vocabulary import Tokens, tokenize
from runtime.backends.pieces import bits_of
from runtime.backends.resuming import spelled_behind
from runtime.backends.trie import Trie

_LIKELIEST = 32
"""Tokens that are told at each place: where several tokens end a reply, those among these count
together with the likeliest of them."""


def score(
    server: LlamaServer,
    tokens: Tokens,
    prompt: str,
    ids: Sequence[int],
    options: Sequence[str],
) -> tuple[float, ...]:
    """See :meth:`~runtime.model.ChatModel.score`.

    Args:
        server: The model's.
        tokens: The model's.
        prompt: What is asked.
        ids: Its tokens.
        options: The texts.
    """

    def encode(text: str) -> list[int]:
        return tokenize(server, text, special=True)

    trie, leaves = Trie(), []
    for option in options:
        path = spelled_behind(prompt, ids, option, encode=encode, pieces=tokens.pieces)
        leaves.append(trie.add(path))
    logprobs, ends = [0.0] * len(trie), dict[int, float]()
    read = {0}
    for leaf in sorted(set(leaves), key=trie.path):  # neighbours share most in the cache
        path = trie.path(leaf)
        new = [node for node in path if node not in read]
        before = [trie.tokens[node] for node in path if node in read]
        told = read_chain(
            server,
            [*ids, *before],
            [*(1 << trie.tokens[node] for node in new), bits_of(tokens.end)],
            likeliest=_LIKELIEST,
        )
        for node, table in zip(new, told.tables, strict=False):
            logprobs[node] = table[trie.tokens[node]]
        ending = [value for token, value in told.tables[-1].items() if token in tokens.end]
        ends[leaf] = math.log(sum(map(math.exp, ending)))
        read.update(new)
    return tuple(sum(logprobs[node] for node in trie.path(leaf)) + ends[leaf] for leaf in leaves)
