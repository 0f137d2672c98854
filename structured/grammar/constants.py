"""Values that a schema lists one by one: ``enum``, ``const``, and what they leave of each other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from structured.grammar.arrays import whole
from structured.grammar.matching import matches
from structured.grammar.nodes import Body, Either, Fields, Items, Literals, Member, Node
from structured.grammar.references import Place
from structured.grammar.scalars import canonical, is_finite, is_number
from structured.json_schema import kind_of

if TYPE_CHECKING:
    from structured.grammar.conjunction import Conjunction
    from structured.grammar.lowering import Lowering


def constants(
    places: Sequence[Place], types: set[str], conjunction: Conjunction, lowering: Lowering
) -> Body | None:
    """The values that ``enum`` and ``const`` list, if there is such a keyword."""
    values: list[Any] | None = None
    whence, keyword = None, ""
    rules = [(place, "enum", place.schema.get("enum")) for place in places]
    if lowering.conjoiner.knows("const"):
        rules += [(p, "const", [p.schema["const"]]) for p in places if "const" in p.schema]
    for place, name, listed in rules:
        if not isinstance(listed, list):
            continue
        if values is None:
            values, whence, keyword = listed, place, name
        else:
            kept = {identity(value) for value in listed}
            values = [value for value in values if identity(value) in kept]
            whence, keyword = place, name
    if values is None or whence is None:
        return None
    out = {identity(value) for value in conjunction.excluded}
    values = [
        value
        for value in {identity(value): value for value in values}.values()
        if identity(value) not in out and admits(value, places, types)
    ]
    if not values:
        return lowering.nothing(whence, keyword)
    _own_up(values, places, lowering)
    simple = [value for value in values if not isinstance(value, (dict, list))]
    options = [lowering.literal(value) for value in values if isinstance(value, (dict, list))]
    texts = tuple(canonical(value) for value in simple)
    if not options:
        return Literals(texts)
    return Either((*([Node(Literals(texts))] if texts else []), *options))


_ABOUT = {
    "string": {"format", "pattern"},
    "array": {
        *("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"),
        *("contains", "unevaluatedItems"),
    },
    "object": {
        *("properties", "patternProperties", "additionalProperties", "required", "propertyNames"),
        *("minProperties", "maxProperties", "unevaluatedProperties"),
    },
}


def _own_up(values: Sequence[Any], places: Sequence[Place], lowering: Lowering) -> None:
    """Take down the keywords by which the listed values were not sifted."""
    for type_ in {kind_of(value) for value in values}:
        type_ = "number" if type_ == "integer" else type_
        for place in places:
            for keyword in _ABOUT.get(type_, set()) & place.schema.keys():
                if keyword == "pattern" and all(
                    matches(place.schema["pattern"], value) is not None
                    for value in values
                    if isinstance(value, str) and isinstance(place.schema["pattern"], str)
                ):
                    continue
                lowering.left(place, keyword, "the listed values are not sifted by it")


def identity(value: Any) -> Any:
    """What tells JSON values apart: 1 and 1.0 are the same, 1 and true are not."""
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, dict):
        return ("object", frozenset((key, identity(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(identity, value)))
    return ("text" if isinstance(value, str) else "number", value)


def admits(value: Any, places: Sequence[Place], types: set[str]) -> bool:
    """Whether a value may meet the simple keywords of ``places``; ``True`` when in doubt."""
    if kind_of(value) not in types and not (kind_of(value) == "number" and _whole_in(value, types)):
        return False
    for place in places:
        schema = place.schema
        if isinstance(value, str):
            low, high = whole(schema.get("minLength")), whole(schema.get("maxLength"))
            if (low is not None and len(value) < low) or (high is not None and len(value) > high):
                return False
            if (
                isinstance(schema.get("pattern"), str)
                and matches(schema["pattern"], value) is False
            ):
                return False
        elif is_number(value) and not _in_bounds(value, schema):
            return False
    return True


def _in_bounds(value: float, schema: dict[str, Any]) -> bool:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if is_number(low) and (value < low or (above is True and value == low)):
        return False
    if is_number(high) and (value > high or (below is True and value == high)):
        return False
    if (is_number(above) and value <= above) or (is_number(below) and value >= below):
        return False
    step = schema.get("multipleOf")
    if not is_number(step) or step <= 0 or not (is_finite(step) and is_finite(value)):
        return True
    return (Fraction(str(value)) / Fraction(str(step))).denominator == 1


def _whole_in(value: float, types: set[str]) -> bool:
    return "integer" in types and is_finite(value) and value == int(value)


def literal_node(value: Any, lowering: Lowering) -> Node:
    """The node of one value, whose objects may have their members in any order."""
    if isinstance(value, dict) and value and lowering.key_order == "any":
        members = tuple(
            Member(key, literal_node(item, lowering), True) for key, item in value.items()
        )
        return Node(Fields(members, (), frozenset(value)))
    if isinstance(value, list) and value:
        items = tuple(literal_node(item, lowering) for item in value)
        return Node(Items(items, None, len(items), len(items)))
    return lowering.plain(Literals((canonical(value),)))
