"""The default engine: llguidance behind the seam of :mod:`structured.engine`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from weakref import WeakKeyDictionary

from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from structured.audit import Audit
from structured.constraint import Constraint
from structured.engine import Matcher, Relaxation, Vocabulary
from structured.engines.cache import BUDGET_MB, GrammarCache
from structured.engines.lark import NAME, LarkText, problem_of, refusal, to_lark, told, written
from structured.errors import ConstraintError


@dataclass(eq=False)
class _Lexer:
    """What the matchers of a grammar share.

    One that has reached a limit of the lexer fails in all matchers from then on: the requests
    under way with it are lost, but new ones are to have another.
    """

    start: LLMatcher
    spoilt: bool = False


class LLGuidanceMatcher:
    """One reply's state in llguidance. See :class:`~structured.engine.Matcher`."""

    def __init__(self, matcher: LLMatcher, lexer: _Lexer) -> None:
        self._matcher = matcher
        self._lexer = lexer

    def _sound(self) -> None:
        if self._matcher.is_error():
            self._lexer.spoilt = True
            raise ConstraintError(
                f"{NAME} stopped in the middle of a reply: {told(self._matcher.get_error())}",
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
        return LLGuidanceMatcher(self._matcher.deep_copy(), self._lexer)


class LLGuidanceGrammar:
    """A compiled constraint. See :class:`~structured.engine.Grammar`.

    Args:
        lark: The grammar.
        make: Compiles it.
    """

    def __init__(self, lark: LarkText, make: Callable[[], LLMatcher]) -> None:
        self._lark = lark
        self._make = make
        self._lexer = _Lexer(make())

    @property
    def problem(self) -> str:
        """Why the grammar is of no use, or ``""``."""
        return problem_of(self._lexer.start)

    @property
    def audit(self) -> Audit:
        """Every keyword of the constraint, and who enforces it."""
        return self._lark.audit

    @property
    def relaxed(self) -> tuple[Relaxation, ...]:
        """What the grammar leaves to the validator."""
        return self._lark.relaxed

    def matcher(self) -> Matcher:
        """A matcher at the beginning of a reply (a copy: the lexer's states are shared)."""
        lexer = self._lexer
        if lexer.spoilt:
            lexer = self._lexer = _Lexer(self._make())
        return LLGuidanceMatcher(lexer.start.deep_copy(), lexer)


_GRAMMAR_BYTES = 128 * 1024
_BYTES_PER_CHARACTER = 100
"""How a process grew by 300 grammars of MaskBench's schemas, over a vocabulary of 152,000 tokens,
once each had decoded some 60 tokens: by 320 kB each, for 2,900 characters of grammar."""
_LIMITS = LLParserLimits(max_lexer_states=100_000)
"""A lexer's states are kept, at 1 to 2 kB each (llguidance's documentation); its own limit of
250,000 could take half a GB for one grammar. Its limits for the time of one mask stay as they are:
14 ms of lexing and 3 ms of parsing."""


class LLGuidanceEngine:
    """See :class:`~structured.engine.Engine`. Safe to share between threads."""

    name = NAME

    def __init__(self, *, cache_mb: float = BUDGET_MB) -> None:
        """Keep compiled grammars of about ``cache_mb`` in all."""
        self._tokenizers: WeakKeyDictionary[Vocabulary, LLTokenizer] = WeakKeyDictionary()
        self._lock = Lock()
        self._cache = GrammarCache[LLGuidanceGrammar](budget_mb=cache_mb)

    def check(self, constraint: Constraint) -> tuple[Relaxation, ...]:
        """What a grammar would leave to the validator."""
        return to_lark(constraint).relaxed

    def audit(self, constraint: Constraint) -> Audit:
        """Every keyword of the constraint, and who enforces it."""
        return to_lark(constraint).audit

    def compile(self, constraint: Constraint, vocabulary: Vocabulary) -> LLGuidanceGrammar:
        """The grammar of ``constraint`` over ``vocabulary`` (cached)."""
        return self._cache.get(constraint, vocabulary, lambda: self._made(constraint, vocabulary))

    def _made(
        self, constraint: Constraint, vocabulary: Vocabulary
    ) -> tuple[LLGuidanceGrammar, int]:
        tokenizer, problem = self._tokenizer(vocabulary), ""
        for lark in written(constraint):
            grammar = LLGuidanceGrammar(lark, partial(_compiled, tokenizer, lark.text))
            problem = grammar.problem
            if not problem:
                return grammar, _GRAMMAR_BYTES + _BYTES_PER_CHARACTER * len(lark.text)
        raise refusal(constraint, problem)

    def _tokenizer(self, vocabulary: Vocabulary) -> LLTokenizer:
        with self._lock:
            if vocabulary not in self._tokenizers:
                self._tokenizers[vocabulary] = _build_tokenizer(vocabulary)
            return self._tokenizers[vocabulary]


def _compiled(tokenizer: LLTokenizer, lark: str) -> LLMatcher:
    return LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0, limits=_LIMITS)


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
