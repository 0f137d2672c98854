"""Constraints as llguidance Lark grammars, known to compile: what engines and servers are given.

llguidance refuses what it cannot express. Here a refused JSON Schema is relaxed to a superset
(unknown keywords ignored, ``oneOf`` read as ``anyOf``, patterns outside its regex syntax and
numbers beyond its arithmetic left out), and each relaxation is recorded, so that the validator is
known to have that work. What no text can meet is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from llguidance import LLMatcher

from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
    ToolCallConstraint,
)
from structured.engine import Relaxation
from structured.errors import ConstraintError, json_path, shorten
from structured.json_schema import (
    JsonSchema,
    mapped,
    pointed,
    subschemas,
)
from structured.lark_text import literal, regex_body
from structured.relaxation import SAYS_NOTHING, byte_tokenizer, superset
from structured.tool_calls import lark_of_tool_calls

NAME = "llguidance"
_JSON_OPTIONS = {"whitespace_flexible": False, "lenient": True}


@dataclass(frozen=True)
class LarkText:
    """A constraint as one llguidance Lark grammar, and what that grammar leaves out."""

    text: str
    relaxed: tuple[Relaxation, ...]


@lru_cache(maxsize=512)
def to_lark(constraint: Constraint) -> LarkText:
    """The Lark grammar of a constraint, known to compile.

    Servers that take llguidance grammars as text (llama.cpp, vLLM) are sent this.

    Raises:
        ConstraintError: llguidance cannot compile it, even relaxed.
    """
    notes = Notes()
    try:
        text = _lark(constraint, notes)
        endless = any(_endless(schema) for schema in notes.schemas)
        problem, warnings = (_ENDLESS, []) if endless else _compiled(text)
        if "recursion limit" in problem:
            raise RecursionError
    except RecursionError:
        raise ConstraintError("the schema is nested too deeply", engine=NAME) from None
    except UnicodeEncodeError as error:
        raise ConstraintError(f"text that is not Unicode: {error}", engine=NAME) from None
    if problem:
        raise refusal(constraint, problem, notes)
    for warning in warnings:
        notes.relaxed += _located(warning, notes)
    return LarkText(text, tuple(dict.fromkeys(notes.relaxed)))


@dataclass
class Notes:
    """What is learned while a grammar is written."""

    relaxed: list[Relaxation] = field(default_factory=list)
    schemas: list[JsonSchema] = field(default_factory=list)
    """The schemas in the grammar, relaxed."""


def _lark(constraint: Constraint, notes: Notes) -> str:
    match constraint:
        case JsonConstraint():
            return f"start: {_json_rule(_schema(constraint.schema_text), notes)}"
        case RegexConstraint():
            return f"start: /{regex_body(constraint.pattern)}/"
        case ChoiceConstraint():
            return "start: " + " | ".join(literal(option) for option in constraint.options)
        case LarkConstraint():
            return constraint.grammar
        case ToolCallConstraint():
            return lark_of_tool_calls(
                constraint, lambda schema_text: _json_rule(_schema(schema_text), notes)
            )


def _schema(text: str) -> JsonSchema:
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise ConstraintError(
            f"expected a JSON Schema as JSON text: {error}", engine=NAME
        ) from None
    if isinstance(schema, bool):
        return {} if schema else {"enum": []}
    if not isinstance(schema, dict):
        raise ConstraintError(f"expected a JSON Schema, got {shorten(schema)}", engine=NAME)
    return schema


def _json_rule(schema: JsonSchema, notes: Notes) -> str:
    for location, node in subschemas(schema):
        _, reasons = superset(node, schema)
        notes.relaxed += [Relaxation(reason, json_path(location)) for reason in reasons]
    schema = mapped(schema, lambda node: superset(node, schema)[0])
    notes.schemas.append(schema)
    return "%json " + json.dumps(schema | {"x-guidance": _JSON_OPTIONS}, ensure_ascii=True)


def _compiled(lark: str) -> tuple[str, list[str]]:
    """Why a grammar does not compile, or ``""``; and what llguidance warns of."""
    matcher = LLMatcher(byte_tokenizer(), LLMatcher.grammar_from_lark(lark), log_level=0)
    if not matcher.is_error():  # a rule that needs itself is noticed only at the first step
        matcher.compute_ff_bytes()
        matcher.compute_bitmask()
    if matcher.is_error():
        return told(matcher.get_error()), []
    return "", matcher.get_grammar_warnings()


_ENDLESS = "no text can meet it: a required part needs itself"


def _endless(root: JsonSchema) -> bool:
    """Whether every value of a schema would have to be infinitely deep."""
    references = {node["$ref"] for _, node in subschemas(root) if isinstance(node.get("$ref"), str)}
    finite: set[str] = set()
    while found := {r for r in references - finite if _ends(pointed(root, r), finite)}:
        finite |= found
    return not _ends(root, finite)


def _ends(node: Any, finite: set[str]) -> bool:
    if not isinstance(node, dict) or "const" in node or "enum" in node:
        return True
    if isinstance(node.get("$ref"), str) and node["$ref"] not in finite:
        return False
    for key in ("anyOf", "oneOf"):
        if (options := _list(node.get(key))) and not any(_ends(o, finite) for o in options):
            return False
    needed = list(_list(node.get("allOf")))
    required = _list(node.get("required"))
    if node.get("type") == "object" and isinstance(node.get("properties"), dict):
        needed += [child for name, child in node["properties"].items() if name in required]
    if node.get("type") == "array" and isinstance(count := node.get("minItems"), int) and count:
        needed += _list(node.get("prefixItems"))[:count] or [node.get("items")]
    return all(_ends(part, finite) for part in needed)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _located(warning: str, notes: Notes) -> list[Relaxation]:
    """llguidance's warning, once for each place in the schemas that it is about."""
    found = [
        Relaxation(warning, json_path(location))
        for schema in notes.schemas
        for location, node in subschemas(schema)
        if _is_about(warning, node)
    ]
    return found or [Relaxation(warning)]


def _is_about(warning: str, node: JsonSchema) -> bool:
    if warning.startswith("Unknown format: "):
        return warning == f"Unknown format: {node.get('format')}"
    return any(f'"{key}"' in warning for key in node)


def refusal(constraint: Constraint, problem: str, notes: Notes) -> ConstraintError:
    """llguidance's refusal as our error, with the path and keyword that it is about."""
    what = {"json": "JSON Schema", "lark": "Lark grammar", "regex": "regular expression"}.get(
        constraint.type, constraint.type
    )
    # The writer of a Lark grammar has use for the place in it.
    reason = _reason(problem, keep_place=isinstance(constraint, LarkConstraint))
    path, keyword = "$", ""
    for schema in notes.schemas:
        if found := _culprit(schema, reason):
            path, keyword = found
            break
    return ConstraintError(
        f"{NAME} cannot decode under this {what}: {reason}",
        path=path,
        keyword=keyword,
        engine=NAME,
    )


def told(problem: str) -> str:
    """A problem as llguidance tells it, without the dump of its state."""
    return problem.partition("\n<state>")[0]  # what follows is for llguidance's authors


_POSITION = re.compile(r"^(at )?\d+\(\d+\): ")
_EXCERPT = re.compile(r"^ *\d+ \| ", re.MULTILINE)


def _reason(problem: str, *, keep_place: bool = False) -> str:
    """llguidance's message without the place in a grammar that the caller never saw."""
    if "Too many items" in problem or "NoExtension" in problem:
        return _ENDLESS
    if keep_place:
        return problem.strip()
    problem = _POSITION.sub("", _EXCERPT.split(problem, maxsplit=1)[0]).strip()
    return problem.removeprefix("failed to compile JSON schema: ")


_MAX_SEARCHED = 100


def _culprit(schema: JsonSchema, reason: str) -> tuple[str, str] | None:
    """Path and keyword of the innermost part that is refused for the same reason."""
    parts = list(subschemas(schema))
    definitions: JsonSchema = {
        key: schema[key] for key in ("$defs", "definitions") if key in schema
    }
    for location, node in reversed(parts[:_MAX_SEARCHED]):
        if _fails(definitions | node, reason):
            keys = [key for key in node if key not in SAYS_NOTHING]
            named = [key for key in keys if re.search(rf"\b{re.escape(key)}\b", reason)]
            return json_path(location), named[0] if named else keys[0] if len(keys) == 1 else ""
    return None


def _fails(schema: JsonSchema, reason: str) -> bool:
    if reason == _ENDLESS:
        return _endless(schema)
    problem, _ = _compiled(f"start: {_json_rule(schema, Notes())}")
    return bool(problem) and _reason(problem) == reason
