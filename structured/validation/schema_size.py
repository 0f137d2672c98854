"""A bound on what a validator does at one place of a value, computed before it does it.

A chain of a hundred references can stand for 2**100 checks; a validator just begins.
"""

from __future__ import annotations

from typing import Any

from structured.errors import SchemaError
from structured.json_schema import pointed

MAX_CHECKS = 1_000_000
"""Subschemas that may have a say about one and the same value."""
MAX_CHAIN = 100
"""Subschemas inside one another that have a say about one and the same value."""
_FEW_REFERENCES = 37
"""``n`` references stand for ``e ** (n / e)`` checks at the most: these for ``MAX_CHECKS``."""

_LISTS = ("allOf", "anyOf", "oneOf")
_MAPS = ("dependentSchemas", "dependencies")
_ONES = ("not", "if", "then", "else")
_HAVE_A_SAY = frozenset([*_LISTS, *_MAPS, *_ONES, "$ref"])
_WORDS = ("Ref'", "$ref'", "Of'", "'not'", "'if'", "'then'", "'else'", "'depend")


def bounded(schema: Any) -> None:
    """Refuse a schema whose subschemas multiply, or lie inside one another, beyond all use.

    Only what has a say about the same value counts: ``allOf``, ``$ref``, ``if``, … A reference
    in a circle counts once.

    Raises:
        SchemaError: There are more than ``MAX_CHECKS`` or ``MAX_CHAIN``.
        RecursionError: It is nested too deeply to be looked at.
    """
    text = repr(schema)
    few = text.count("Ref'") + text.count("$ref'") < _FEW_REFERENCES
    if few and sum(map(text.count, _WORDS)) < MAX_CHAIN:
        return
    counter = _Counter(schema)
    stack = [schema]
    while stack:
        node = stack.pop()
        checks, chain = counter.count(node)
        if checks > MAX_CHECKS or chain > MAX_CHAIN:
            why = f"nested too deeply: {chain} (at most {MAX_CHAIN})"
            if chain <= MAX_CHAIN:
                why = f"repeated too often: {checks} (at most {MAX_CHECKS})"
            raise SchemaError(
                f"not a usable JSON Schema: the subschemas that would have to be checked for one "
                f"value are {why}",
                keyword="$ref",
                hint="name each case once",
            )
        children = node.values() if isinstance(node, dict) else node
        stack += [child for child in children if isinstance(child, (dict, list))]


class _Counter:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._counts: dict[int, tuple[int, int]] = {}

    def count(self, node: Any) -> tuple[int, int]:
        """How many checks a value takes under ``node``, and how many inside one another."""
        if not isinstance(node, dict) or _HAVE_A_SAY.isdisjoint(node):
            return 1, 1
        known = self._counts.get(id(node))
        if known is None:
            self._counts[id(node)] = (1, 1)  # what a circle comes back to
            counts = [self.count(child) for child in self._in_place(node)]
            known = (
                1 + sum(checks for checks, _ in counts),
                1 + max((c for _, c in counts), default=0),
            )
            self._counts[id(node)] = known
        return known

    def _in_place(self, node: dict[str, Any]) -> list[Any]:
        children = [node[key] for key in _ONES if key in node]
        for key in _LISTS:
            if isinstance(node.get(key), list):
                children += node[key]
        for key in _MAPS:
            if isinstance(node.get(key), dict):
                children += node[key].values()
        if isinstance(reference := node.get("$ref"), str):
            children.append(pointed(self._root, reference))
        return children
