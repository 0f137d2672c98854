"""Where to roll a rejected JSON text back to: what of it stands, and what must not follow.

A validator names the places that it rejects by path. A decoder needs something else: how many
characters of the text to keep, and which continuations are known to be bad. For each kind of
rule there is one answer:

==================================  ==========================================================
what is rejected                    rolled back to
==================================  ==========================================================
a value                             its beginning
a key                               its beginning
something missing                   the end of its object or array, which must not end there
items that are equal                the comma before the first that is there already: the list
                                    may end there as well
an object or array as a whole       its last value; next time the one before it, and so on
==================================  ==========================================================
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from structured.errors import Violation, json_path, shorten
from structured.scanner import Node

_STEP = re.compile(
    r"\.([^\W\d]\w*)|\[(-?\d+)\]|\[('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\]", re.DOTALL
)
_MISSING = frozenset(
    {
        *("missing", "too_short", "required", "dependentRequired", "dependencies"),
        *("minProperties", "minItems", "contains", "minContains"),
    }
)
_KEYS = frozenset({"extra_forbidden", "additionalProperties", "unevaluatedProperties"})
_KEY_STEP = "[key]"
"""The step by which pydantic says that it means a dict's key."""
_MAX_AVOIDED = 8
"""Items of a list that a new one is kept from being, the nearest ones: a model reads them all."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A place to go on from."""

    offset: int
    """Characters of the text that are kept."""
    avoid: tuple[str, ...]
    """Texts that must not stand there: the rejected one first."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What can be done about one violation."""

    place: str
    """The violation's path."""
    first: tuple[Rollback, ...]
    """Tried in this order, each as long as it has something new to offer."""
    in_turn: tuple[Rollback, ...] = ()
    """A rule across several values: any may be to blame. Each further attempt takes the next."""

    @property
    def offset(self) -> int:
        """Where what is rejected begins."""
        return min((r.offset for r in (*self.first, *self.in_turn)), default=0)


_NAME_TWICE = "repeated_name"


def location_of(path: str) -> tuple[str | int, ...]:
    """The location that a JSON path stands for: ``json_path``'s inverse.

    Steps that are not of its form end it.
    """
    steps: list[str | int] = []
    at = 1
    while step := _STEP.match(path, at):
        name, index, quoted = step.groups()
        steps.append(name if name is not None else int(index) if index else _literal(quoted))
        at = step.end()
    return tuple(steps)


def _literal(quoted: str) -> str:
    return str(ast.literal_eval(quoted))


def remedies(text: str, root: Node, violations: Iterable[Violation]) -> list[Remedy]:
    """What can be done about each violation of a text.

    Args:
        text: As it was written.
        root: The text, scanned; it may be cut short.
        violations: What a validator says, with paths from the root.
    """
    return [_remedy(text, root, violation) for violation in violations]


def repetition(root: Node, *, lists: bool) -> Violation | None:
    """Of a text that was cut: the innermost part under way that repeats itself, as a violation.

    That is an object with a name twice, or a list with equal items: a model that writes those
    would go on doing so.

    Args:
        root: The text, scanned.
        lists: Whether lists count, too: for contracts some of whose lists must not repeat.
    """
    node: Node | None = root
    steps: list[str | int] = []
    found = None
    while node is not None and not node.complete and node.kind in ("object", "array"):
        if node.kind == "object":
            if len({key.value for key in node.keys}) < len(node.keys):
                found = Violation(json_path(steps), "names that differ", "one twice", _NAME_TWICE)
        elif lists:
            items = [_canonical(item.data()) for item in node.items if item.complete]
            if len(set(items)) < len(items):
                found = Violation(json_path(steps), "items that differ", "equal", "uniqueItems")
        last = len(node.items) - 1
        if last < 0:
            break
        steps.append(last if node.kind == "array" else node.keys[last].value)
        node = node.items[last]
    return found


def _remedy(text: str, root: Node, violation: Violation) -> Remedy:
    found = _locate(root, location_of(violation.path))
    node, key, path = found.node, found.key, violation.path
    if key is not None and _is_about_key(violation, found):
        return Remedy(path, _usable(_at(text, key)))
    if violation.kind == _NAME_TWICE:
        return Remedy(path, _first_repeated(text, node, node.keys))
    if violation.kind == "uniqueItems" and (within := found.within) is not None and not key:
        first = _first_repeated(text, within, within.items)
        return Remedy(path, first, _usable(_at(text, node)))
    if node.kind == "object":
        return Remedy(path, _lacking(text, node, violation), _whole(text, node))
    if node.kind == "array":
        first = (*_first_repeated(text, node, node.items), *_lacking(text, node, violation))
        return Remedy(path, first, _whole(text, node))
    return Remedy(path, _usable(_at(text, node), *([_at(text, key)] if key else [])))


@dataclass(slots=True)
class _Found:
    node: Node
    within: Node | None = None
    key: Node | None = None
    unresolved: tuple[str | int, ...] = ()


def _locate(root: Node, location: tuple[str | int, ...]) -> _Found:
    """The innermost value that a location leads to.

    Steps that lead nowhere are passed over: pydantic names the members of unions, too.
    """
    found, unresolved = _Found(root), []
    for step in location:
        i = found.node.child(step)
        if i is None or not found.node.items[i].has_data:
            unresolved.append(step)
            continue
        node = found.node
        found = _Found(node.items[i], node, node.keys[i] if node.kind == "object" else None)
        unresolved = []
    found.unresolved = tuple(unresolved)
    return found


def _is_about_key(violation: Violation, found: _Found) -> bool:
    """Whether a key is rejected, rather than the value under it."""
    if violation.kind in _KEYS or _KEY_STEP in found.unresolved:
        return True
    named = found.key is not None and violation.got == shorten(found.key.value)
    return named and not found.unresolved and violation.got != shorten(found.node.data())


def _lacking(text: str, node: Node, violation: Violation) -> tuple[Rollback, ...]:
    if node.end is None or (node.items and violation.kind not in _MISSING):
        return ()
    return (Rollback(node.end - 1, (text[node.end - 1],)),)


def _first_repeated(text: str, within: Node, items: Sequence[Node]) -> tuple[Rollback, ...]:
    """The first item (or name) that equals one before it; all of those are avoided there."""
    seen: dict[str, str] = {}
    before = within.start
    for i, item in enumerate(items):
        if item.end is None:
            break
        written, same = text[item.start : item.end], _canonical(item.data())
        if same in seen:
            others = [other for other in reversed(seen.values()) if other != written]
            comma = text[before : item.start]
            avoid = tuple(comma + other for other in [written, *others][:_MAX_AVOIDED])
            return (Rollback(before, avoid),)
        if i == len(within.items) or (end := within.items[i].end) is None:
            break
        seen[same], before = written, end
    return ()


def _whole(text: str, node: Node) -> tuple[Rollback, ...]:
    """The values in it, last to first, and in the end all of it."""
    return _usable(*(_at(text, part) for part in (*reversed(node.items), node)))


def _canonical(value: Any) -> str:
    """Equal texts for values that JSON Schema holds equal: ``1`` and ``1.0``, not ``true``."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    elif isinstance(value, dict):
        members = sorted((json.dumps(key), _canonical(inner)) for key, inner in value.items())
        return "{" + ",".join(f"{key}:{inner}" for key, inner in members) + "}"
    return json.dumps(value)


def _at(text: str, node: Node) -> Rollback:
    avoid = () if node.end is None else (text[node.start : node.end],)
    return Rollback(node.start, avoid)


def _usable(*rollbacks: Rollback) -> tuple[Rollback, ...]:
    """Each once, without those that rule nothing out: they would give the same again."""
    return tuple(dict.fromkeys(rollback for rollback in rollbacks if rollback.avoid))
