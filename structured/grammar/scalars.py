"""Strings, numbers, and values that a schema lists one by one."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeGuard

from llguidance import LLMatcher

from structured.grammar.arrays import whole
from structured.grammar.matching import byte_tokenizer
from structured.grammar.nodes import (
    Body,
    Scalar,
)
from structured.grammar.patterns import translated
from structured.grammar.references import Place
from structured.json_schema import DECIMAL, SPELLED_OUT

if TYPE_CHECKING:
    from structured.grammar.lowering import Lowering

ENGINE_FORMATS = frozenset(
    {
        *("date-time", "time", "date", "duration", "hostname", "ipv4", "uuid", "uri"),
    }
)
"""Formats that llguidance 1.9 compiles (its documentation of JSON Schema), but for two that it
takes more narrowly than their RFCs do."""
LOOSE_FORMATS = {
    "email": r"^(?:[^@\s\\\"(),:;<>\[\]]+|\"[^\"]*\")@(?:[^@\s\[\]]+|\[[0-9A-Za-z:.]+\])$",
    "ipv6": r"^[0-9A-Fa-f:]{2,39}(?::[0-9]{1,3}(?:\.[0-9]{1,3}){3})?$",
}
"""Patterns that all of a format's texts match, and some others: RFC 5321 (quoted local parts,
address literals), RFC 4291 (a tail in IPv4's notation)."""
CHECKED_FORMATS = frozenset(
    {
        *("idn-email", "idn-hostname", "uri-reference", "iri", "iri-reference", "uri-template"),
        *("json-pointer", "relative-json-pointer", "regex", "color", "ip-address", "host-name"),
    }
)
"""Formats beside these that validators check."""
MAX_LENGTH = 10_000
"""Characters of a text that a grammar counts."""
MAX_LENGTH_BESIDE_PATTERN = 128
"""The same beside a pattern or a format: an automaton has each of the pattern's states once for
every count (an e-mail address of at most 1024 characters is more than llguidance takes)."""
PLAIN_STRING = Scalar('{"type":"string"}')
PLAIN_NUMBER = Scalar('{"type":"number"}')
PLAIN_INTEGER = Scalar('{"type":"integer"}')


def canonical(value: Any) -> str:
    """A value as JSON, as grammars spell it."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can only write it escaped
        return json.dumps(value)
    return text.replace("\x7f", "\\u007f")


# -- strings -------------------------------------------------------------------------------


def lower_string(places: Sequence[Place], lowering: Lowering) -> Body:
    """The strings that meet all of ``places``."""
    least, most, whence = 0, None, None
    patterns: dict[str, None] = {}
    formats: dict[str, None] = {}
    for place in places:
        schema = place.schema
        low, high = whole(schema.get("minLength")), whole(schema.get("maxLength"))
        if low is not None and low > least:
            least, whence = low, place
        if high is not None and (most is None or high < most):
            most, whence = high, place
        _collect_pattern(place, patterns, lowering)
        _collect_format(place, formats, patterns, lowering)
    if most is not None and whence is not None and least > most:
        return lowering.nothing(whence, "minLength")
    found: dict[str, Any] = {"type": "string"}
    longest = MAX_LENGTH_BESIDE_PATTERN if patterns or formats else MAX_LENGTH
    for keyword, count in (("minLength", least or None), ("maxLength", most)):
        if count is not None and count > longest:
            for place in places:
                if keyword in place.schema:
                    lowering.left(place, keyword, f"counted up to {longest}")
    if least:
        found["minLength"] = min(least, longest)
    if most is not None and most <= longest:
        found["maxLength"] = most
    names = [("pattern", pattern) for pattern in patterns] + [("format", f) for f in formats]
    for keyword, value in names:
        if keyword not in found:
            found[keyword] = value
        else:
            found.setdefault("allOf", []).append({"type": "string", keyword: value})
    return usable(found, places, lowering)


def usable(found: dict[str, Any], places: Sequence[Place], lowering: Lowering) -> Body:
    """A scalar, without what the engine turns out not to take."""
    if lowering.careful:
        for keyword in ("", "allOf", "format", "pattern", "multipleOf", "minLength", "maxLength"):
            if keyword and found.pop(keyword, None) is None:
                continue
            problem = problem_of(json.dumps(found))
            for place in places if keyword else ():
                for key in ("pattern", "format") if keyword == "allOf" else (keyword,):
                    if key in place.schema:
                        lowering.left(place, key, "the engine does not take it")
            if not problem:
                break
            if "nsatisfiable" in problem or "Regex is empty" in problem:
                return lowering.nothing(places[0], next(reversed(found)))
        else:
            found = {"type": found["type"]}
    return Scalar(json.dumps(found, separators=(",", ":")))


@lru_cache(maxsize=1024)
def problem_of(schema_text: str) -> str:
    """Why llguidance refuses a schema, in its words; ``""`` when it does not."""
    grammar = LLMatcher.grammar_from_json_schema(schema_text)
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar, byte_tokenizer())
    return " ".join(messages) or "unknown" if failed else ""


def _collect_pattern(place: Place, patterns: dict[str, None], lowering: Lowering) -> None:
    pattern = place.schema.get("pattern")
    if not isinstance(pattern, str):
        return
    if pattern in SPELLED_OUT or place.schema.get("format") == DECIMAL:
        patterns[pattern] = None
        return
    found = translated(pattern)
    if found is None:
        lowering.left(place, "pattern", "not a regular expression that the engine takes")
        return
    if not found.exact:
        lowering.left(place, "pattern", "look-around, anchors inside, or references are not said")
    if found.regex not in ("(?s:.)*(?:)(?s:.)*", "(?:)(?s:.)*"):
        patterns[f"^(?:{found.regex})$"] = None


def _collect_format(
    place: Place, formats: dict[str, None], patterns: dict[str, None], lowering: Lowering
) -> None:
    named = place.schema.get("format")
    if not isinstance(named, str) or place.schema.get("pattern") in SPELLED_OUT or named == DECIMAL:
        return
    if named in ENGINE_FORMATS:
        formats[named] = None
        if named == "hostname":
            lowering.left(place, "format", "the length of the whole name is checked afterwards")
    elif named in LOOSE_FORMATS:
        patterns[LOOSE_FORMATS[named]] = None
        lowering.left(place, "format", f"the grammar lets more through than {named}")
    elif named in CHECKED_FORMATS:
        lowering.left(place, "format", f"the engine does not know {named}")


# -- numbers -------------------------------------------------------------------------------

_LARGEST = {"integer": 2**63 - 2, "number": 10**15}
"""What llguidance computes with: 64-bit integers; floats as long as they are exact."""


def lower_number(places: Sequence[Place], type_: str, lowering: Lowering) -> Body:
    """The numbers that meet all of ``places``; of ``type_`` ``integer`` or ``number``."""
    low = high = None
    steps: dict[Any, None] = {}
    whence: Place | None = None
    for place in places:
        schema = place.schema
        for keyword, flag, upper in (
            ("minimum", "exclusiveMinimum", False),
            ("maximum", "exclusiveMaximum", True),
        ):
            strict = schema.get(flag) is True  # draft 4
            bounds = [(keyword, schema.get(keyword), strict), (flag, schema.get(flag), True)]
            for name, value, exclusive in bounds:
                if not is_number(value):
                    continue
                whence = place
                bound = (Fraction(value), exclusive) if is_finite(value) else None
                if bound is None or abs(value) > _LARGEST[type_] or 0 < abs(value) < 1e-12:
                    lowering.left(place, name, "outside of what the engine computes with")
                elif upper and (high is None or (bound[0], not exclusive) < (high[0], not high[1])):
                    high = bound
                elif not upper and (low is None or bound > low):
                    low = bound
        step = schema.get("multipleOf", schema.get("divisibleBy"))
        if is_number(step) and step > 0 and not (type_ == "integer" and step == 1):
            digits = Decimal(str(step)).normalize().as_tuple().digits if is_finite(step) else ()
            # Of 0.25, the engine takes 75.50 and not 75.5; of 0.01 it takes both.
            fraction = step != int(step) and digits != (1,)
            if fraction or not 0 < len(digits) <= 3 or not 1e-9 <= step < 1e15:
                lowering.left(place, "multipleOf", "a step that the engine does not compute with")
            else:
                steps[step] = None
                whence = place
    if any(step == int(step) for step in steps):
        type_ = "integer"  # multiples of a whole number are whole
    if type_ == "integer":
        low, high = _whole_bounds(low, high)
    if low and high and whence and (low[0], low[1] or high[1]) > (high[0], False):
        return lowering.nothing(whence, "minimum")
    found: dict[str, Any] = {"type": type_}
    if low is not None:
        found["exclusiveMinimum" if low[1] else "minimum"] = _as_json(low[0])
    if high is not None:
        found["exclusiveMaximum" if high[1] else "maximum"] = _as_json(high[0])
    for step in steps:
        if "multipleOf" not in found:
            found["multipleOf"] = step
        elif whence is not None:
            lowering.left(whence, "multipleOf", "one of several is enforced")
    return usable(found, places, lowering)


def _whole_bounds(low: Any, high: Any) -> tuple[Any, Any]:
    """Bounds of integers, inclusive and whole."""
    if low is not None:
        least = math.floor(low[0]) + 1 if low[1] else math.ceil(low[0])
        low = (Fraction(least), False)
    if high is not None:
        most = math.ceil(high[0]) - 1 if high[1] else math.floor(high[0])
        high = (Fraction(most), False)
    return low, high


def _as_json(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def is_finite(value: float) -> bool:
    """Whether a number is none of the infinities; an integer of any size is not."""
    return isinstance(value, int) or math.isfinite(value)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
