"""How likely each of several texts is as a whole reply: read behind the prompt, all at once."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any

import torch

from runtime.backends.trie import Trie
from runtime.errors import GenerationFailed

_NODES = 256
"""Tokens that are read in one pass, at most: each brings logits for a whole vocabulary."""


class Scoring:
    """Options in the decode loop. A :class:`~runtime.backends.transformers.reading.Job`."""

    def __init__(
        self,
        prompt: list[int],
        paths: Sequence[Sequence[int]],
        *,
        end: frozenset[int],
        deadline: float | None,
    ) -> None:
        """Score some options.

        Args:
            prompt: Tokens of what is asked.
            paths: Tokens of each option.
            end: The tokens that end a reply.
            deadline: ``time.perf_counter()`` after which nobody waits.
        """
        self.prompt = prompt
        self.cached = 0
        self.done = False
        self.deadline = deadline
        self.out: queue.SimpleQueue[tuple[float, ...] | Exception] = queue.SimpleQueue()
        """For the caller: one logarithm for each option, or an error."""
        self._end = sorted(end)
        self._left = threading.Event()
        self._scores = [0.0] * len(paths)
        self._leaves: list[list[tuple[int, int]]] = []
        """For each trie, which option ends at which node."""
        self.tries: list[Trie] = []
        for option, path in enumerate(paths):
            if not self.tries or len(self.tries[-1]) + len(path) > _NODES:
                self.tries.append(Trie())
                self._leaves.append([])
            self._leaves[-1].append((option, self.tries[-1].add(path)))
        self._waiting = len(self.tries)

    def leave(self) -> None:
        """Nobody waits any more. From any thread."""
        self._left.set()

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits any more."""
        late = self.deadline is not None and time.perf_counter() >= self.deadline
        return late or self._left.is_set()

    def open(self, model: str) -> None:
        """Nothing is to be done before the prompt is read."""

    def look(self, trie: Trie, logits: Any, model: str) -> None:
        """Score the options of one trie from the logits [nodes, vocabulary] after its nodes."""
        logprobs = torch.log_softmax(logits, dim=-1)
        device = logprobs.device
        parents = torch.tensor(trie.parents[1:], device=device)
        tokens = torch.tensor(trie.tokens[1:], device=device)
        steps = logprobs[parents, tokens].tolist()
        ends = logprobs[:, self._end].logsumexp(dim=-1).tolist()
        for option, leaf in self._leaves[self.tries.index(trie)]:
            self._scores[option] = sum(steps[node - 1] for node in trie.path(leaf)) + ends[leaf]
        self._waiting -= 1
        if any(math.isnan(score) for score in self._scores):
            self.fail(
                GenerationFailed(model, "its logits are not numbers; try backend.dtype=float32")
            )
        self.done = self.done or not self._waiting

    def end(self) -> None:
        """Tell the caller."""
        self.out.put(tuple(self._scores))

    def fail(self, error: Exception) -> None:
        """Tell the caller that it cannot be done."""
        self.done = True
        self.out.put(error)
