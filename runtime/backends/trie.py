"""Token sequences that share their beginnings, to be read by a model in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(eq=False)
class Trie:
    """Sequences of tokens as a tree. Node 0 is the root: no token read yet.

    A node's number is greater than its parent's.
    """

    tokens: list[int] = field(default_factory=lambda: [-1])
    """The token that leads to each node; the root has none (-1)."""
    parents: list[int] = field(default_factory=lambda: [-1])
    children: list[dict[int, int]] = field(default_factory=lambda: [{}])
    """For each node, which token leads to which node."""

    @staticmethod
    def of(paths: Iterable[Sequence[int]]) -> Trie:
        """The tree of these sequences."""
        trie = Trie()
        for path in paths:
            trie.add(path)
        return trie

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, path: Sequence[int]) -> int:
        """Take in a sequence; returns the node where it ends."""
        node = 0
        for token in path:
            if token not in self.children[node]:
                self.children[node][token] = len(self.tokens)
                self.tokens.append(token)
                self.parents.append(node)
                self.children.append({})
            node = self.children[node][token]
        return node

    def path(self, node: int) -> list[int]:
        """The nodes from the first below the root to ``node``, which is the last."""
        nodes = []
        while node:
            nodes.append(node)
            node = self.parents[node]
        return nodes[::-1]
