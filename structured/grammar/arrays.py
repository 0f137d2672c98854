"""Arrays of all schemas that hold together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from structured.grammar.nodes import Anything, Body, Items
from structured.grammar.references import Place

if TYPE_CHECKING:
    from structured.grammar.lowering import Lowering

_KEYWORDS = frozenset(
    {
        *("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"),
        *("contains", "minContains", "maxContains", "unevaluatedItems"),
    }
)
MAX_COUNT = 2_000
"""Elements that a grammar counts; beyond, counting is left to the validator."""
_DYNAMIC = ("anyOf", "oneOf", "if", "not", "$ref", "$dynamicRef", "$recursiveRef", "allOf")


def lower_array(places: Sequence[Place], lowering: Lowering) -> Body:
    """The arrays that meet all of ``places``."""
    about = [place for place in places if not _KEYWORDS.isdisjoint(place.schema)]
    if not about:
        return Anything("array")
    shapes = [_shape(place, lowering) for place in about]
    least, most, whence = _counts(about, lowering)
    if most is not None and least > most:
        return lowering.nothing(whence, "minItems")
    length = max(len(first) for first, _ in shapes)
    if most is not None:
        length = min(length, most)
    elements = []
    for i in range(min(length, MAX_COUNT)):
        parts = [_at(first, rest, i) for first, rest in shapes]
        elements.append(lowering.node([part for part in parts if part is not None]))
    rests = [rest for _, rest in shapes if rest is not None]
    closed = any(rest.schema is False for rest in rests)
    rest = None if closed else lowering.node(rests)
    if closed and least > len(elements):
        return lowering.nothing(whence, "minItems")
    if most is not None and most <= len(elements):
        rest = None
    return Items(tuple(elements), rest, least, most)


def _at(first: Sequence[Place], rest: Place | None, i: int) -> Place | None:
    return first[i] if i < len(first) else rest


def _shape(place: Place, lowering: Lowering) -> tuple[list[Place], Place | None]:
    """The schemas of the first elements, and that of all others."""
    schema, knows = place.schema, lowering.conjoiner.knows
    items, prefix = schema.get("items"), schema.get("prefixItems")
    first: list[Place] = []
    rest: Place | None = None
    if isinstance(prefix, list) and knows("prefixItems"):
        first = [lowering.child(place, "prefixItems", i) for i in range(len(prefix))]
    if isinstance(items, list):
        first = [lowering.child(place, "items", i) for i in range(len(items))]
        if isinstance(schema.get("additionalItems"), (dict, bool)):
            rest = lowering.child(place, "additionalItems")
    elif isinstance(items, (dict, bool)):
        rest = lowering.child(place, "items")
    if "unevaluatedItems" in schema and rest is None:
        alone = not any(key in schema for key in (*_DYNAMIC, "contains"))
        if alone and isinstance(schema["unevaluatedItems"], (dict, bool)):
            rest = lowering.child(place, "unevaluatedItems")
        elif schema["unevaluatedItems"] not in (True, {}):
            lowering.left(place, "unevaluatedItems", "which elements that is depends on the value")
    if schema.get("uniqueItems") is True and not (
        isinstance(schema.get("maxItems"), int) and schema["maxItems"] <= 1
    ):
        lowering.left(place, "uniqueItems", "a grammar does not compare elements")
    return first, rest


def whole(value: Any) -> int | None:
    """A count that a keyword gives: 2 and 2.0 alike."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return int(value) if value >= 0 and value == int(value) else None
    except (OverflowError, ValueError):
        return None


def _counts(places: Sequence[Place], lowering: Lowering) -> tuple[int, int | None, Place]:
    least, most, whence = 0, None, places[0]
    for place in places:
        schema = place.schema
        low, high = whole(schema.get("minItems")), whole(schema.get("maxItems"))
        if "contains" in schema and lowering.conjoiner.knows("contains"):
            for keyword in ("contains", "minContains", "maxContains"):
                if keyword in schema:
                    lowering.left(place, keyword, "a grammar does not count such elements")
            wanted = whole(schema.get("minContains", 1))
            low = max(low or 0, 1 if wanted is None else wanted)
        if low is not None and low > MAX_COUNT:
            lowering.left(place, "minItems", f"counted up to {MAX_COUNT}")
        if high is not None and high > MAX_COUNT:
            lowering.left(place, "maxItems", f"counted up to {MAX_COUNT}")
        if low is not None and low > least:
            least, whence = low, place
        if high is not None and (most is None or high < most):
            most, whence = high, place
    if most is not None and least > most:
        return least, most, whence
    return min(least, MAX_COUNT), None if most is not None and most > MAX_COUNT else most, whence
