"""xgrammar behind the seam of :mod:`structured.engine`.

What xgrammar 0.2 would misread is left out of the schema before it sees it, and told (see
:mod:`~structured.engines.plain_schema`). In four things it lets through *less* than the schema,
whatever is done: members of an object come in the schema's order, those it does not name last; a
text under ``pattern`` has no character that JSON escapes; one under ``minLength`` or ``maxLength``
neither; numbers with bounds have no exponent.

``import xgrammar`` loads torch and transformers (250 MB); ``pip install 'byzer-agents[xgrammar]'``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from structured.audit import Audit
from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    Reasoning,
    RegexConstraint,
    ToolCallConstraint,
)
from structured.engine import Matcher, Relaxation, Vocabulary, relaxations
from structured.engines.cache import BUDGET_MB, GrammarCache
from structured.engines.plain_schema import Abilities, PlainSchema, plain_schema
from structured.engines.spelling import Spelling, spelling
from structured.errors import ConstraintError, EngineNotInstalled
from structured.tool_calls import tool_call_schema

if TYPE_CHECKING:
    import xgrammar

NAME = "xgrammar"
ABILITIES = Abilities(
    engine=NAME,
    formats=frozenset(
        {"date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri"}
        | {"uri-reference", "uri-template", "uuid", "json-pointer", "relative-json-pointer"}
    ),
    bounds=True,
    others_beside=True,
    counted_members=True,
    recursion=True,
    doubles=True,
    escapes_names=True,
    open_tuples=True,
)
_NO_SCHEMA = Audit(NAME, ())
_ENTRY_BYTES = 16 * 1024
"""A compiled grammar's Python objects, besides what xgrammar counts itself."""


class XGrammarMatcher:
    """One reply's state in xgrammar. See :class:`~structured.engine.Matcher`."""

    def __init__(self, matcher: xgrammar.GrammarMatcher, grammar: XGrammarGrammar) -> None:
        self._matcher = matcher
        self._grammar = grammar
        self._taken = 0
        self._mask: bytes | None = None

    def accept(self, tokens: Sequence[int]) -> int:
        """Advance by as many of ``tokens`` as the grammar allows."""
        count = 0
        for token in tokens:
            if not 0 <= token < self._grammar.size:
                raise ConstraintError(
                    f"token {token} is out of range: the vocabulary has {self._grammar.size}",
                    engine=NAME,
                )
            if self._matcher.is_terminated() or (
                token in self._grammar.ends and self._matcher.is_completed() and self.finished
            ):
                break
            if not _told(partial(self._matcher.accept_token, token)):
                break
            self._mask = None
            count += 1
        self._taken += count
        return count

    def rollback(self, count: int) -> None:
        """Take back the last ``count`` accepted tokens."""
        if count > self._taken:
            raise ConstraintError(
                f"cannot take back {count} tokens: {self._taken} were accepted", engine=NAME
            )
        if count:
            _told(lambda: self._matcher.rollback(count))
            self._taken -= count
            self._mask = None

    def mask(self) -> bytes:
        """One bit per token, little-endian 32-bit words."""
        if self._mask is None:
            import numpy as np

            words: Any = np.zeros((1, -(-self._grammar.size // 32)), dtype=np.int32)
            if self._matcher.is_terminated():
                for token in self._grammar.ends:
                    words.view(np.uint32)[0, token // 32] |= np.uint32(1 << (token % 32))
            else:
                _told(lambda: self._matcher.fill_next_token_bitmask(words))
            self._mask = words.tobytes()
        return self._mask

    def forced(self) -> list[int]:
        """The tokens that must come next."""
        if self._matcher.is_terminated():
            return []
        text = _told(self._matcher.find_jump_forward_string).encode()
        if not text:
            return []
        probe = self._matcher.fork()
        if not probe.accept_string(text):
            return []
        ends = probe.is_completed() and _only(self._grammar.ends, probe, self._grammar.size)
        return self._grammar.spelling.tokens(text, ends=ends)

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        return bool(self._matcher.is_completed() or self._matcher.is_terminated())

    @property
    def finished(self) -> bool:
        """Whether nothing but an end token may follow."""
        if self._matcher.is_terminated():
            return True
        if not self._matcher.is_completed():
            return False
        return _is_only(self._grammar.ends, self.mask())

    def copy(self) -> Matcher:
        """An independent matcher in the same state."""
        copy = XGrammarMatcher(self._matcher.fork(), self._grammar)
        copy._taken, copy._mask = self._taken, self._mask
        return copy


def _only(ends: frozenset[int], matcher: xgrammar.GrammarMatcher, size: int) -> bool:
    import numpy as np

    words: Any = np.zeros((1, -(-size // 32)), dtype=np.int32)
    _told(lambda: matcher.fill_next_token_bitmask(words))
    return _is_only(ends, words.tobytes())


def _is_only(tokens: frozenset[int], mask: bytes) -> bool:
    rest = int.from_bytes(mask, "little")
    for token in tokens:
        rest &= ~(1 << token)
    return not rest


def _told(ask: Callable[[], Any]) -> Any:
    """What ``ask`` returns; xgrammar's errors as ours."""
    try:
        return ask()
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise ConstraintError(f"{NAME} refuses: {_reason(error)}", engine=NAME) from None


def _reason(error: BaseException) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    # "[12:00:00] /project/cpp/file.cc:12: the reason"
    return text.split(": ", 1)[1] if text.startswith("[") and ": " in text else text


@dataclass(frozen=True, eq=False)
class XGrammarGrammar:
    """A compiled constraint. See :class:`~structured.engine.Grammar`."""

    compiled: xgrammar.CompiledGrammar
    spelling: Spelling
    ends: frozenset[int]
    size: int
    audit: Audit
    """Every keyword, and who enforces it."""

    @property
    def relaxed(self) -> tuple[Relaxation, ...]:
        """What the grammar leaves to the validator."""
        return relaxations(self.audit)

    def matcher(self) -> Matcher:
        """A matcher at the beginning of a reply."""
        import xgrammar

        return XGrammarMatcher(xgrammar.GrammarMatcher(self.compiled), self)


class XGrammarEngine:
    """See :class:`~structured.engine.Engine`. Safe to share between threads.

    Args:
        cache_mb: Memory for compiled grammars, by xgrammar's own count of their bytes.
    """

    name = NAME

    def __init__(self, *, cache_mb: float = BUDGET_MB) -> None:
        try:
            import xgrammar  # noqa: F401 - missing packages are told here, not at the first call
        except ImportError:
            raise EngineNotInstalled(NAME, package="xgrammar", extra=NAME) from None
        self._cache = GrammarCache[XGrammarGrammar](budget_mb=cache_mb)
        self._compilers: WeakKeyDictionary[Vocabulary, xgrammar.GrammarCompiler]
        self._compilers = WeakKeyDictionary()
        self._lock = Lock()

    def check(self, constraint: Constraint) -> tuple[Relaxation, ...]:
        """What a grammar would leave to the validator."""
        return relaxations(self.audit(constraint))

    def audit(self, constraint: Constraint) -> Audit:
        """Every keyword of the constraint, and who enforces it."""
        audit: Audit = _told(lambda: _grammar(constraint))[1]
        return audit

    def compile(self, constraint: Constraint, vocabulary: Vocabulary) -> XGrammarGrammar:
        """The grammar of ``constraint`` over ``vocabulary`` (cached)."""
        return self._cache.get(constraint, vocabulary, lambda: self._made(constraint, vocabulary))

    def _made(self, constraint: Constraint, vocabulary: Vocabulary) -> tuple[XGrammarGrammar, int]:
        grammar, audit = _told(lambda: _grammar(constraint))
        compiler = self._compiler(vocabulary)
        compiled = _told(lambda: compiler.compile_grammar(grammar))
        ends = frozenset(vocabulary.eos)
        found = XGrammarGrammar(compiled, spelling(vocabulary), ends, vocabulary.size, audit)
        return found, _ENTRY_BYTES + int(compiled.memory_size_bytes)

    def _compiler(self, vocabulary: Vocabulary) -> xgrammar.GrammarCompiler:
        with self._lock:
            if vocabulary not in self._compilers:
                self._compilers[vocabulary] = _new_compiler(vocabulary)
            return self._compilers[vocabulary]


def _new_compiler(vocabulary: Vocabulary) -> xgrammar.GrammarCompiler:
    import xgrammar

    info = xgrammar.TokenizerInfo(
        list(spelling(vocabulary).pieces),
        xgrammar.VocabType.RAW,
        vocab_size=vocabulary.size,
        stop_token_ids=list(vocabulary.eos),
    )
    # The cache is ours, with a bound; a worker's other threads have work of their own.
    return xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)


# -- constraints as xgrammar grammars -------------------------------------------------------------


def _grammar(constraint: Constraint) -> tuple[xgrammar.Grammar, Audit]:
    import xgrammar

    match constraint:
        case JsonConstraint():
            plain = plain_schema(constraint, ABILITIES)
            return _of_schema(plain), plain.audit
        case RegexConstraint(pattern=pattern):
            return xgrammar.Grammar.from_regex(pattern), _NO_SCHEMA
        case ChoiceConstraint(options=options):
            rules = " | ".join(_literal(option) for option in options)
            return xgrammar.Grammar.from_ebnf(f"root ::= {rules}"), _NO_SCHEMA
        case LarkConstraint(grammar=text):
            return xgrammar.Grammar.from_lark(text), _NO_SCHEMA
        case ToolCallConstraint():
            return _of_tools(constraint)


def _of_schema(plain: PlainSchema) -> xgrammar.Grammar:
    import xgrammar

    # In patterns: lowering writes \\x{2028}, xgrammar reads \\u{2028}.
    text = plain.text.replace("\\\\x{", "\\\\u{")
    return xgrammar.Grammar.from_json_schema(
        text, any_whitespace=False, separators=(", ", ": "), strict_mode=False
    )


def _of_tools(constraint: ToolCallConstraint) -> tuple[xgrammar.Grammar, Audit]:
    import xgrammar

    schema = json.dumps(tool_call_schema(constraint), ensure_ascii=False)
    plain = plain_schema(JsonConstraint(schema_text=schema), ABILITIES)
    grammar = _of_schema(plain)
    if constraint.reasoning is not None:
        thought = xgrammar.Grammar.concat(_thought(constraint.reasoning), grammar)
        required = constraint.reasoning.required
        grammar = thought if required else xgrammar.Grammar.union(thought, grammar)
    return grammar, plain.audit


def _thought(reasoning: Reasoning) -> xgrammar.Grammar:
    import xgrammar

    content: dict[str, Any] = {"type": "any_text"}
    if reasoning.max_characters is not None:
        content["max_chars"] = reasoning.max_characters
    tag = {"type": "tag", "begin": reasoning.begin, "content": content, "end": reasoning.end}
    lines = {"type": "regex", "pattern": "\\n{0,2}"}
    return xgrammar.Grammar.from_structural_tag(
        {"type": "structural_tag", "format": {"type": "sequence", "elements": [tag, lines]}}
    )


def _literal(text: str) -> str:
    """A string of xgrammar's EBNF."""
    escaped = "".join(
        f"\\U{ord(c):08x}" if ord(c) < 0x20 or ord(c) == 0x7F else "\\" + c if c in '"\\' else c
        for c in text
    )
    return f'"{escaped}"'
