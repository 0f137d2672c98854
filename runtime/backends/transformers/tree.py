"""Reading several ways on from one prompt, without any of them becoming part of the row."""

from __future__ import annotations

import copy
from typing import Any

import torch

from runtime.backends.transformers.forward import Forward
from runtime.backends.trie import Trie


def read_trie(
    forward: Forward, cache: Any, start: int, trie: Trie, *, plain: bool, ragged: bool
) -> Any:
    """The logits after each of a trie's nodes but the root.

    Where the cache holds plain keys and values, all nodes are read in one pass: each sees the
    prompt and the nodes on its own path. Other models read each path in a copy of the cache.

    Args:
        forward: The model.
        cache: What was read of the prompt; left as it is.
        start: How many tokens those are.
        trie: At least one node below the root.
        plain: Whether the cache holds plain keys and values, and the model takes masks.
        ragged: Whether the model can go on by several tokens at once.

    Returns:
        float32 tensor [nodes - 1, vocabulary].
    """
    if not plain:
        return _path_by_path(forward, cache, start, trie, at_once=ragged)
    device, count = forward.device, len(trie) - 1
    seen = torch.zeros((count, start + count), dtype=torch.bool)
    seen[:, :start] = True
    positions = []
    for node in range(1, len(trie)):
        if parent := trie.parents[node]:
            seen[node - 1, start:] = seen[parent - 1, start:]
        seen[node - 1, start + node - 1] = True
        positions.append(start + len(trie.path(node)) - 1)
    before = [(layer.keys, layer.values) for layer in cache.layers]
    try:
        logits = forward.every(
            torch.tensor([trie.tokens[1:]], device=device),
            cache,
            positions=torch.tensor([positions], device=device),
            seen=seen.to(device)[None, None],
        )
    finally:  # updates make new tensors, so the old ones are what they were
        for layer, (keys, values) in zip(cache.layers, before, strict=True):
            layer.keys, layer.values = keys, values
    return logits


def _path_by_path(forward: Forward, cache: Any, start: int, trie: Trie, *, at_once: bool) -> Any:
    rows: dict[int, Any] = {}
    for leaf in range(1, len(trie)):
        if trie.children[leaf]:
            continue
        path = trie.path(leaf)
        ids = torch.tensor([[trie.tokens[node] for node in path]], device=forward.device)
        own = copy.deepcopy(cache)
        if at_once:
            logits = forward.every(ids, own, start=start)
        else:
            steps = [forward(ids[:, i : i + 1], own, start=start + i) for i in range(len(path))]
            logits = torch.cat(steps)
        rows.update(zip(path, logits, strict=True))
    return torch.stack([rows[node] for node in range(1, len(trie))])
