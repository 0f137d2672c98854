"""Whether a name matches a pattern, in time linear in the name: patterns may be hostile."""

from __future__ import annotations

import re
from functools import lru_cache

from llguidance import LLMatcher, LLTokenizer

from structured.grammar.patterns import translated

_RISKY = re.compile(r"[*+}]\)?[*+?{]|\)[*+{]|\\\d")
"""Signs of nested repetition, on which a backtracking matcher may take for ever."""
_MAX_SIMPLE = 200


@lru_cache(maxsize=4096)
def matches(pattern: str, text: str) -> bool | None:
    """Whether ``pattern`` is found in ``text``; ``None`` when that cannot be told."""
    found = translated(pattern)
    if found is None or not found.exact:
        return None
    if not _RISKY.search(pattern) and len(pattern) <= _MAX_SIMPLE and len(text) <= _MAX_SIMPLE:
        try:
            return re.search(pattern, text, re.ASCII) is not None
        except re.error:
            pass
    return _by_automaton(found.regex, text)


def _by_automaton(regex: str, text: str) -> bool | None:
    matcher = LLMatcher(byte_tokenizer(), LLMatcher.grammar_from_regex(regex), log_level=0)
    if matcher.is_error():
        return None
    try:
        data = list(text.encode())
    except UnicodeEncodeError:
        return None
    if not data:
        return bool(matcher.is_accepting())
    return bool(matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting())


@lru_cache(maxsize=1)
def byte_tokenizer() -> LLTokenizer:
    """One token per byte: enough to learn whether a grammar compiles, and what it matches."""
    return LLTokenizer("byte")


@lru_cache(maxsize=1024)
def compiles(regex: str) -> bool:
    """Whether the engine takes a regular expression."""
    matcher = LLMatcher(byte_tokenizer(), LLMatcher.grammar_from_regex(regex), log_level=0)
    return not matcher.is_error()
