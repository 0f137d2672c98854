"""The default engine: llguidance behind the seam of :mod:`structured.engine`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from weakref import WeakKeyDictionary

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from structured.audit import Audit
from structured.constraint import Constraint
from structured.engine import Matcher, Relaxation, Vocabulary, relaxations
from structured.errors import ConstraintError
from structured.lark import NAME, problem_of, refusal, to_lark, told, written


class LLGuidanceMatcher:
    """One reply's state in llguidance. See :class:`~structured.engine.Matcher`."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def _sound(self) -> None:
        if self._matcher.is_error():
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
        return LLGuidanceMatcher(self._matcher.deep_copy())


@dataclass(frozen=True)
class LLGuidanceGrammar:
    """A compiled constraint. See :class:`~structured.engine.Grammar`."""

    start: LLMatcher
    audit: Audit

    @property
    def relaxed(self) -> tuple[Relaxation, ...]:
        """What the grammar leaves to the validator."""
        return relaxations(self.audit)

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

    def audit(self, constraint: Constraint) -> Audit:
        """Every keyword of the constraint, and who enforces it."""
        return to_lark(constraint).audit

    def compile(self, constraint: Constraint, vocabulary: Vocabulary) -> LLGuidanceGrammar:
        """The grammar of ``constraint`` over ``vocabulary`` (cached)."""
        return self._compiled(constraint, vocabulary)

    def _compile(self, constraint: Constraint, vocabulary: Vocabulary) -> LLGuidanceGrammar:
        tokenizer, problem = self._tokenizer(vocabulary), ""
        for lark in written(constraint):
            matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark.text), log_level=0)
            problem = problem_of(matcher)
            if not problem:
                return LLGuidanceGrammar(matcher, lark.audit)
        raise refusal(constraint, problem)

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
