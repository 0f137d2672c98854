"""The default engine: constraints compiled by llguidance.

llguidance refuses what it cannot express. Here a refused JSON Schema is relaxed to a superset
(unknown keywords ignored, ``oneOf`` read as ``anyOf``, patterns outside its regex syntax left
out), and each relaxation is recorded, so that the validator is known to have that work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
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
from structured.errors import ConstraintError, json_path
from structured.json_schema import JsonSchema, mapped, subschemas

NAME = "llguidance"
_UNIMPLEMENTED = re.compile(r"Unimplemented keys: \[\"([^\"]+)\"")
_NAMED_KEYWORD = re.compile(r"\b(minimum|minLength|minItems|minProperties|pattern)\b")
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
    relaxed: list[Relaxation] = []
    text = _lark(constraint, relaxed)
    failed, messages = LLMatcher.validate_grammar_with_warnings(
        LLMatcher.grammar_from_lark(text), _byte_tokenizer()
    )
    if failed:
        raise _refusal(constraint, messages[0])
    relaxed += [Relaxation(reason=message) for message in messages]
    return LarkText(text, tuple(dict.fromkeys(relaxed)))


def _lark(constraint: Constraint, relaxed: list[Relaxation]) -> str:
    match constraint:
        case JsonConstraint():
            return f"start: {_json_rule(constraint.json_schema, relaxed)}"
        case RegexConstraint():
            return f"start: /{_regex_body(constraint.pattern)}/"
        case ChoiceConstraint():
            return "start: " + " | ".join(_literal(option) for option in constraint.options)
        case LarkConstraint():
            return constraint.grammar
        case ToolCallConstraint():
            return _tool_calls(constraint, relaxed)


def _tool_calls(constraint: ToolCallConstraint, relaxed: list[Relaxation]) -> str:
    rules, names = [], []
    for i, tool in enumerate(constraint.tools):
        opening = _literal('{"name":' + json.dumps(tool.name, ensure_ascii=False) + ',"arguments":')
        schema = json.loads(tool.parameters_text)
        rules.append(f'call_{i}: {opening} args_{i} "}}"')
        rules.append(f"args_{i}: {_json_rule(schema, relaxed)}")
        names.append(f"call_{i}")
    if constraint.allow_answer:
        answer = {"type": "string", "minLength": 1}
        rules.append(f'answer: {_literal(chr(123) + chr(34) + "answer" + chr(34) + ":")} text "}}"')
        rules.append(f"text: {_json_rule(answer, relaxed)}")
        names.append("answer")
    return "\n".join([f"start: {' | '.join(names)}", *rules])


def _json_rule(schema: JsonSchema, relaxed: list[Relaxation]) -> str:
    schema = _without_foreign_patterns(schema, relaxed)
    return "%json " + json.dumps(schema | {"x-guidance": _JSON_OPTIONS}, ensure_ascii=True)


def _without_foreign_patterns(schema: JsonSchema, relaxed: list[Relaxation]) -> JsonSchema:
    """Leave out patterns that llguidance's regex syntax lacks (look-around, back references)."""
    foreign = {}
    for location, node in subschemas(schema):
        pattern = node.get("pattern")
        if isinstance(pattern, str) and (problem := _regex_problem(pattern)):
            foreign[pattern] = Relaxation(f"pattern {pattern!r}: {problem}", json_path(location))
    if not foreign:
        return schema
    relaxed += foreign.values()

    def drop(node: JsonSchema) -> JsonSchema:
        if node.get("pattern") in foreign:
            del node["pattern"]
        return node

    return mapped(schema, drop)


@lru_cache(maxsize=1024)
def _regex_problem(pattern: str) -> str:
    schema = {"type": "string", "pattern": pattern}
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema))
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar, _byte_tokenizer())
    return messages[0].strip().splitlines()[-1] if failed else ""


def _regex_body(pattern: str) -> str:
    """A pattern between Lark's slashes: unescaped slashes escaped."""
    return re.sub(r"\\.|/", lambda found: r"\/" if found[0] == "/" else found[0], pattern)


def _literal(text: str) -> str:
    """A Lark string. JSON's escapes are Lark's; the rest stays as it is."""
    return json.dumps(text, ensure_ascii=False)


def _refusal(constraint: Constraint, message: str) -> ConstraintError:
    what = {"json": "JSON Schema", "lark": "Lark grammar", "regex": "regular expression"}.get(
        constraint.type, constraint.type
    )
    path = "$"
    found = _UNIMPLEMENTED.search(message) or _NAMED_KEYWORD.search(message)
    keyword = found[1] if found else ""
    if keyword and isinstance(constraint, JsonConstraint):
        for location, node in subschemas(constraint.json_schema):
            if keyword in node:
                path = json_path(location)
                break
    return ConstraintError(
        f"{NAME} cannot decode under this {what}: {message.strip()}",
        path=path,
        keyword=keyword,
        engine=NAME,
    )


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
                f"{NAME} stopped in the middle of a reply: {self._matcher.get_error()}", engine=NAME
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
            raise _refusal(constraint, matcher.get_error())
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
