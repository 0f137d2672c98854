"""What llguidance cannot express in a JSON Schema, left out: a superset, and a note of each rule.

Each function takes one schema node, changes what it must, and says what was lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeGuard

from llguidance import LLMatcher, LLTokenizer

from structured.json_schema import (
    DECIMAL,
    RULES,
    SPELLED_OUT,
    JsonSchema,
    resolved,
)


@lru_cache(maxsize=1)
def byte_tokenizer() -> LLTokenizer:
    """One token per byte: enough to learn whether a grammar compiles."""
    return LLTokenizer("byte")


def superset(node: JsonSchema, root: JsonSchema) -> tuple[JsonSchema, list[str]]:
    """A schema node with only what llguidance can express, and what was left out.

    Whatever meets the node meets the result.
    """
    node, reasons = dict(node), []
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        if pattern in SPELLED_OUT or node.get("format") == DECIMAL:
            node.pop("format", None)
        if problem := _regex_problem(pattern):
            del node["pattern"]
            reasons.append(f"pattern {pattern!r}: {problem}")
    reasons += [*_relax_names(node, root), *_relax_numbers(node), *_relax_counts(node)]
    if isinstance(rules := node.pop(RULES, None), list):
        reasons += [f"rule: {rule}" for rule in rules]
    return node, reasons


def _relax_names(node: JsonSchema, root: JsonSchema) -> Iterator[str]:
    """Leave out foreign name patterns; say ``propertyNames`` as ``patternProperties``."""
    patterns = node.get("patternProperties")
    if isinstance(patterns, dict):
        out = {pattern: problem for pattern in patterns if (problem := _regex_problem(pattern))}
        if not out and (problem := _overlap(tuple(patterns))):
            out = dict.fromkeys(patterns, problem)
        if out:
            node["patternProperties"] = {k: v for k, v in patterns.items() if k not in out}
            node.pop("additionalProperties", None)  # the names left out are among these now
        yield from (f"patternProperties {name!r}: {problem}" for name, problem in out.items())
    others = ("properties", "patternProperties", "required")
    values = node.get("additionalProperties", True)
    if "propertyNames" in node and values is not False and not any(key in node for key in others):
        pattern = _names_pattern(node["propertyNames"], root)
        if pattern is not None:
            del node["propertyNames"]
            node["patternProperties"] = {pattern: values}
            node["additionalProperties"] = False


SAYS_NOTHING = ("title", "description", "$schema", "$defs", "definitions", RULES)


def _names_pattern(names: Any, root: JsonSchema) -> str | None:
    """A pattern that says all that a ``propertyNames`` says, if there is one."""
    if isinstance(names, dict) and names.keys() == {"$ref"}:
        names = resolved(root, names)
    if not isinstance(names, dict):
        return None
    said = {key: names[key] for key in names if key not in SAYS_NOTHING and names[key] != "string"}
    match said:
        case {"pattern": str(pattern), **rest} if rest.keys() <= {"format"}:
            spelled_out = pattern in SPELLED_OUT or rest.get("format") == DECIMAL
            exact = spelled_out or not (rest or _regex_problem(pattern))
            return pattern if exact else None
        case {"enum": [*names], **rest} if not rest and all(isinstance(n, str) for n in names):
            return f"^(?:{'|'.join(map(re.escape, names))})$"
        case {**lengths} if lengths and lengths.keys() <= {"minLength", "maxLength"}:
            most = lengths.get("maxLength", "")
            pattern = rf"^[\s\S]{{{lengths.get('minLength', 0)},{most}}}$"
            return None if _regex_problem(pattern) else pattern
    return None


_ARITHMETIC = 2**63 - 2
_ACCURATE = 10**17


def _relax_numbers(node: JsonSchema) -> Iterator[str]:
    """Leave out bounds and multiples that llguidance cannot compute with."""
    largest = _ARITHMETIC if node.get("type") == "integer" else _ACCURATE
    for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        value = node.get(keyword)
        if _is_number(value) and not (value == 0 or 1e-50 < abs(value) <= largest):
            del node[keyword]
            if node.get(exclusive := f"exclusive{keyword.capitalize()}") is True:  # draft 4
                del node[exclusive]
            yield f"{keyword} {value}: outside of what the engine computes with"
    step = node.get("multipleOf")
    if _is_number(step) and step > 0:
        digits = Decimal(str(step)).normalize().as_tuple().digits
        if len(digits) > 3 or step < 1e-9:  # an automaton has a state for each remainder
            del node["multipleOf"]
            yield f"multipleOf {step}: more digits than the engine computes with"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _relax_counts(node: JsonSchema) -> Iterator[str]:
    """Leave out counts of properties that llguidance gets wrong; own up to uncounted ones."""
    properties, required = node.get("properties", {}), node.get("required", [])
    counts = [key for key in ("minProperties", "maxProperties") if isinstance(node.get(key), int)]
    if not counts or not isinstance(properties, dict) or not isinstance(required, list):
        return
    is_open = node.get("additionalProperties") is not False or node.get("patternProperties")
    if any(name not in required for name in properties) and (is_open or required):
        for keyword in counts:
            del node[keyword]
            yield f"{keyword}: not counted where some properties are optional"
    elif is_open and "minProperties" in counts and node["minProperties"] > 1:
        yield f"minProperties {node['minProperties']}: a key written twice counts as two"


@lru_cache(maxsize=1024)
def _regex_problem(pattern: str) -> str:
    return problem_of({"type": "string", "pattern": pattern})


@lru_cache(maxsize=1024)
def _overlap(patterns: tuple[str, ...]) -> str:
    """Why llguidance, which wants one rule for each name, cannot tell some names apart."""
    if len(patterns) < 2:
        return ""
    return problem_of({"type": "object", "patternProperties": {name: {} for name in patterns}})


def problem_of(schema: JsonSchema) -> str:
    """Why llguidance refuses a schema, in its words; ``""`` when it does not."""
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema))
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar, byte_tokenizer())
    return messages[0].strip().splitlines()[-1] if failed else ""
