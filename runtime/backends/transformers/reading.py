"""What the decode loop works on, and how it is read before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from runtime.backends.transformers.batching import Batch
from runtime.backends.transformers.forward import Forward
from runtime.backends.transformers.prefixes import Prefixes
from runtime.backends.transformers.tree import read_trie
from runtime.backends.trie import Trie


class Job(Protocol):
    """What the loop works on: a :class:`Row`, or something that only reads."""

    prompt: list[int]
    """What is read first."""
    cached: int
    """How many tokens of the prompt need not be read. For the loop to set."""
    done: bool

    @property
    def tries(self) -> Sequence[Trie]:
        """Ways on from the prompt that are looked at when it is read."""

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for it any more."""

    def open(self, model: str) -> None:
        """It is about to be read."""

    def look(self, trie: Trie, logits: Any, model: str) -> None:
        """float32 tensor [nodes, vocabulary]: the logits after each node of one of its tries."""

    def end(self) -> None:
        """It is done, and everything about it is put away."""

    def fail(self, error: Exception) -> None:
        """It cannot be done."""


class Reading:
    """A job whose prompt is being read."""

    def __init__(self, job: Job, forward: Forward, batch: Batch, prefixes: Prefixes) -> None:
        self.job = job
        self.cache = forward.new_cache()
        self.logits: Any = None
        """Those after the prompt, once it is read."""
        self._forward = forward
        self._batch = batch
        self._prefixes = prefixes
        self._tries = list(job.tries)
        self._read, layers = prefixes.find(job.prompt) if batch.plain else (0, [])
        for layer, (keys, values) in zip(self.cache.layers, layers, strict=False):
            layer.update(keys, values)
        job.cached = self._read

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be read."""
        return self.logits is not None and (self.job.done or not self._tries)

    def advance(self, count: int, model: str) -> int:
        """Read ``count`` more tokens of the prompt, or one trie; returns how many there were."""
        if self.logits is None:
            return self._read_prompt(count)
        trie = self._tries.pop(0)
        more = read_trie(
            self._forward,
            self.cache,
            self._read,
            trie,
            plain=self._batch.plain,
            ragged=self._batch.ragged,
        )
        self.job.look(trie, torch.cat([self.logits[None], more]), model)
        return len(trie)

    def _read_prompt(self, count: int) -> int:
        piece = self.job.prompt[self._read : self._read + count]
        ids = torch.tensor([piece], device=self._forward.device)
        logits = self._forward(ids, self.cache, start=self._read)
        self._read += len(piece)
        if self._read == len(self.job.prompt):
            self.logits = logits[0]
            if self._batch.plain:  # what comes after makes new tensors, so these stay as they are
                layers = [(layer.keys, layer.values) for layer in self.cache.layers]
                self._prefixes.keep(self.job.prompt, layers)
        return len(piece)
