"""The default engine: constraints compiled by llguidance.

llguidance refuses what it cannot express. Here a refused JSON Schema is relaxed to a superset
(unknown keywords ignored, ``oneOf`` read as ``anyOf``, patterns outside its regex syntax and
numbers beyond its arithmetic left out), and each relaxation is recorded, so that the validator is
known to have that work. What no text can meet is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from threading import Lock
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
    ToolCallConstraint,
)
from structured.engine import Matcher, Relaxation, Vocabulary
from structured.errors import ConstraintError, json_path, shorten
from structured.json_schema import (
    DECIMAL,
    RULES,
    SPELLED_OUT,
    JsonSchema,
    mapped,
    pointed,
    resolved,
    subschemas,
)

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
    notes = _Notes()
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
        raise _refusal(constraint, problem, notes)
    for warning in warnings:
        notes.relaxed += _located(warning, notes)
    return LarkText(text, tuple(dict.fromkeys(notes.relaxed)))


@dataclass
class _Notes:
    """What is learned while a grammar is written."""

    relaxed: list[Relaxation] = field(default_factory=list)
    schemas: list[JsonSchema] = field(default_factory=list)
    """The schemas in the grammar, relaxed."""


def _lark(constraint: Constraint, notes: _Notes) -> str:
    match constraint:
        case JsonConstraint():
            return f"start: {_json_rule(_schema(constraint.schema_text), notes)}"
        case RegexConstraint():
            return f"start: /{_regex_body(constraint.pattern)}/"
        case ChoiceConstraint():
            return "start: " + " | ".join(_literal(option) for option in constraint.options)
        case LarkConstraint():
            return constraint.grammar
        case ToolCallConstraint():
            return _tool_calls(constraint, notes)


def _tool_calls(constraint: ToolCallConstraint, notes: _Notes) -> str:
    rules, names = [], []
    for i, tool in enumerate(constraint.tools):
        opening = _literal('{"name":' + json.dumps(tool.name, ensure_ascii=False) + ',"arguments":')
        rules.append(f'call_{i}: {opening} args_{i} "}}"')
        rules.append(f"args_{i}: {_json_rule(_schema(tool.parameters_text), notes)}")
        names.append(f"call_{i}")
    if constraint.allow_answer:
        answer = {"type": "string", "minLength": 1}
        rules.append(f'answer: {_literal(chr(123) + chr(34) + "answer" + chr(34) + ":")} text "}}"')
        rules.append(f"text: {_json_rule(answer, notes)}")
        names.append("answer")
    return "\n".join([f"start: {' | '.join(names)}", *rules])


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


def _json_rule(schema: JsonSchema, notes: _Notes) -> str:
    for location, node in subschemas(schema):
        _, reasons = _superset(node, schema)
        notes.relaxed += [Relaxation(reason, json_path(location)) for reason in reasons]
    schema = mapped(schema, lambda node: _superset(node, schema)[0])
    notes.schemas.append(schema)
    return "%json " + json.dumps(schema | {"x-guidance": _JSON_OPTIONS}, ensure_ascii=True)


def _superset(node: JsonSchema, root: JsonSchema) -> tuple[JsonSchema, list[str]]:
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


_SAYS_NOTHING = ("title", "description", "$schema", "$defs", "definitions", RULES)


def _names_pattern(names: Any, root: JsonSchema) -> str | None:
    """A pattern that says all that a ``propertyNames`` says, if there is one."""
    if isinstance(names, dict) and names.keys() == {"$ref"}:
        names = resolved(root, names)
    if not isinstance(names, dict):
        return None
    said = {key: names[key] for key in names if key not in _SAYS_NOTHING and names[key] != "string"}
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
    return _problem({"type": "string", "pattern": pattern})


@lru_cache(maxsize=1024)
def _overlap(patterns: tuple[str, ...]) -> str:
    """Why llguidance, which wants one rule for each name, cannot tell some names apart."""
    if len(patterns) < 2:
        return ""
    return _problem({"type": "object", "patternProperties": {name: {} for name in patterns}})


def _problem(schema: JsonSchema) -> str:
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema))
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar, _byte_tokenizer())
    return messages[0].strip().splitlines()[-1] if failed else ""


def _regex_body(pattern: str) -> str:
    """A pattern between Lark's slashes: unescaped slashes escaped."""
    return re.sub(r"\\.|/", lambda found: r"\/" if found[0] == "/" else found[0], pattern)


def _literal(text: str) -> str:
    """A Lark string. JSON's escapes are Lark's; the rest stays as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _compiled(lark: str) -> tuple[str, list[str]]:
    """Why a grammar does not compile, or ``""``; and what llguidance warns of."""
    matcher = LLMatcher(_byte_tokenizer(), LLMatcher.grammar_from_lark(lark), log_level=0)
    if not matcher.is_error():  # a rule that needs itself is noticed only at the first step
        matcher.compute_ff_bytes()
        matcher.compute_bitmask()
    if matcher.is_error():
        return _told(matcher.get_error()), []
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


def _located(warning: str, notes: _Notes) -> list[Relaxation]:
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


def _refusal(constraint: Constraint, problem: str, notes: _Notes) -> ConstraintError:
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


def _told(problem: str) -> str:
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
            keys = [key for key in node if key not in _SAYS_NOTHING]
            named = [key for key in keys if re.search(rf"\b{re.escape(key)}\b", reason)]
            return json_path(location), named[0] if named else keys[0] if len(keys) == 1 else ""
    return None


def _fails(schema: JsonSchema, reason: str) -> bool:
    if reason == _ENDLESS:
        return _endless(schema)
    problem, _ = _compiled(f"start: {_json_rule(schema, _Notes())}")
    return bool(problem) and _reason(problem) == reason


@lru_cache(maxsize=1)
def _byte_tokenizer() -> LLTokenizer:
    return LLTokenizer("byte")


class LLGuidanceMatcher:
    """One reply's state in llguidance. See :class:`~structured.engine.Matcher`."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def _sound(self) -> None:
        if self._matcher.is_error():
            raise ConstraintError(
                f"{NAME} stopped in the middle of a reply: {_told(self._matcher.get_error())}",
                engine=NAME,
            )

    def accept(self, tokens: Sequence[int]) -> int:
        """Advance by as many of ``tokens`` as the grammar allows."""
        accepted = self._matcher.try_consume_tokens(list(tokens))
        self._sound()
        return accepted

    def rollback(self, count: int) -> None:
        """Take back the last ``count`` accepted tokens."""
        self._matcher.rollback(count)
        self._sound()

    def mask(self) -> bytes:
        """One bit per token, little-endian 32-bit words."""
        mask = self._matcher.compute_bitmask()
        self._sound()
        return mask

    def forced(self) -> list[int]:
        """The tokens that must come next."""
        return self._matcher.compute_ff_tokens()

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        return self._matcher.is_accepting()

    @property
    def finished(self) -> bool:
        """Whether nothing but an end token may follow."""
        return self._matcher.is_stopped()

    def copy(self) -> Matcher:
        """An independent matcher in the same state."""
        return LLGuidanceMatcher(self._matcher.deep_copy())


@dataclass(frozen=True)
class LLGuidanceGrammar:
    """A compiled constraint. See :class:`~structured.engine.Grammar`."""

    start: LLMatcher
    relaxed: tuple[Relaxation, ...]

    def matcher(self) -> Matcher:
        """A matcher at the beginning of a reply (a copy: the lexer's states are shared)."""
        return LLGuidanceMatcher(self.start.deep_copy())


class LLGuidanceEngine:
    """See :class:`~structured.engine.Engine`. Safe to share between threads."""

    name = NAME

    def __init__(self, *, cached_grammars: int = 256) -> None:
        """Keep at most ``cached_grammars`` compiled grammars."""
        self._tokenizers: WeakKeyDictionary[Vocabulary, LLTokenizer] = WeakKeyDictionary()
        self._lock = Lock()
        self._compiled = lru_cache(maxsize=cached_grammars)(self._compile)

    def check(self, constraint: Constraint) -> tuple[Relaxation, ...]:
        """What a grammar would leave to the validator."""
        return to_lark(constraint).relaxed

    def compile(self, constraint: Constraint, vocabulary: Vocabulary) -> LLGuidanceGrammar:
        """The grammar of ``constraint`` over ``vocabulary`` (cached)."""
        return self._compiled(constraint, vocabulary)

    def _compile(self, constraint: Constraint, vocabulary: Vocabulary) -> LLGuidanceGrammar:
        lark = to_lark(constraint)
        matcher = LLMatcher(
            self._tokenizer(vocabulary), LLMatcher.grammar_from_lark(lark.text), log_level=0
        )
        if matcher.is_error():
            raise _refusal(constraint, matcher.get_error(), _Notes())
        return LLGuidanceGrammar(matcher, lark.relaxed)

    def _tokenizer(self, vocabulary: Vocabulary) -> LLTokenizer:
        with self._lock:
            if vocabulary not in self._tokenizers:
                self._tokenizers[vocabulary] = _build_tokenizer(vocabulary)
            return self._tokenizers[vocabulary]


def _build_tokenizer(vocabulary: Vocabulary) -> LLTokenizer:
    eos = list(vocabulary.eos)
    if vocabulary.tokenizer_json is not None:
        return LLTokenizer(vocabulary.tokenizer_json, n_vocab=vocabulary.size, eos_token=eos)
    return LLTokenizer(TokenizerWrapper(_Tokens(vocabulary)), eos_token=eos)


class _Tokens:
    """A vocabulary with the attribute names that llguidance reads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        assert vocabulary.tokens is not None
        assert vocabulary.encode is not None
        self.eos_token_id = vocabulary.eos[0]
        self.bos_token_id = None
        self.tokens = list(vocabulary.tokens)
        self.special_token_ids = sorted(vocabulary.special)
        self._encode = vocabulary.encode

    def __call__(self, text: str | bytes) -> list[int]:
        return self._encode(text if isinstance(text, str) else text.decode("utf-8"))
