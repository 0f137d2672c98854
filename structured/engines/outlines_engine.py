"""outlines behind the seam of :mod:`structured.engine`: an automaton over the vocabulary.

A JSON Schema becomes a regular expression (outlines_core's own builder) and that an index: for
each state of its automaton, the tokens that may follow. Masks are looked up; compiling is what
costs, and may cost without bound. A Lark grammar is given to llguidance, as outlines itself does.

What outlines_core 0.2 would misread is left out before it sees it, and told (see
:mod:`~structured.engines.plain_schema`). In these things it lets through *less* than the schema,
whatever is done: members come in the schema's order; an object with named members has no others;
strings have no ``\\u`` escapes, and under ``pattern`` or a length none at all; exponents carry a
sign; what may be anything is a scalar, or an array or object of scalars. A schema that refers to
itself is refused.

outlines_core's index forgets, in 0.2.14, how a text that may end goes on (``a(cb)?`` lets no
``acb`` through; compare its issue 227). So every expression ends here with a mark that no text
has: nothing may end before it, and the mark's token is the end token.

``pip install 'byzer-agents[outlines]'``.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from structured.audit import Audit
from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
    ToolCallConstraint,
)
from structured.engine import Engine, Grammar, Matcher, Relaxation, Vocabulary, relaxations
from structured.engines.cache import BUDGET_MB, GrammarCache
from structured.engines.cost import Cheap, is_cheap, written_out
from structured.engines.plain_schema import Abilities, plain_schema
from structured.engines.spelling import Spelling, spelling
from structured.errors import ConstraintError, EngineNotInstalled
from structured.tool_calls import tool_call_schema

if TYPE_CHECKING:
    import outlines_core

NAME = "outlines"
ABILITIES = Abilities(
    engine=NAME,
    formats=frozenset({"date", "time", "date-time", "uuid", "email", "uri"}),
    bounds=False,
    others_beside=False,
    counted_members=False,
    recursion=False,
    doubles=False,
    escapes_names=False,
    open_tuples=False,
)
_NO_SCHEMA = Audit(NAME, ())
_MARK = b"\x00"
"""Ends every text; control characters are not in JSON, and hardly in anything else."""
_MASKS = 512
"""States of one grammar whose masks are kept."""


class OutlinesMatcher:
    """One reply's state in an index. See :class:`~structured.engine.Matcher`."""

    def __init__(self, grammar: OutlinesGrammar, states: list[int]) -> None:
        self._grammar = grammar
        self._states = states
        """The state before each accepted token, and the present one; ``-1`` after the end."""

    def accept(self, tokens: Sequence[int]) -> int:
        """Advance by as many of ``tokens`` as the grammar allows."""
        for count, token in enumerate(tokens):
            if not 0 <= token < self._grammar.size:
                raise ConstraintError(
                    f"token {token} is out of range: the vocabulary has {self._grammar.size}",
                    engine=NAME,
                )
            state = self._grammar.after(self._states[-1], token)
            if state is None:
                return count
            self._states.append(state)
        return len(tokens)

    def rollback(self, count: int) -> None:
        """Take back the last ``count`` accepted tokens."""
        if count >= len(self._states):
            raise ConstraintError(
                f"cannot take back {count} tokens: {len(self._states) - 1} were accepted",
                engine=NAME,
            )
        if count:
            del self._states[-count:]

    def mask(self) -> bytes:
        """One bit per token, little-endian 32-bit words."""
        return self._grammar.mask(self._states[-1])

    def forced(self) -> list[int]:
        """The tokens that must come next."""
        return self._grammar.forced(self._states[-1])

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        return self._grammar.may_end(self._states[-1])

    @property
    def finished(self) -> bool:
        """Whether nothing but an end token may follow."""
        return self._grammar.must_end(self._states[-1])

    def copy(self) -> Matcher:
        """An independent matcher in the same state."""
        return OutlinesMatcher(self._grammar, list(self._states))


_ENDED = -1


@dataclass(eq=False)
class OutlinesGrammar:
    """A compiled constraint. See :class:`~structured.engine.Grammar`."""

    index: outlines_core.Index
    spelling: Spelling
    ends: tuple[int, ...]
    size: int
    audit: Audit
    """Every keyword, and who enforces it."""
    _masks: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def relaxed(self) -> tuple[Relaxation, ...]:
        """What the grammar leaves to the validator."""
        return relaxations(self.audit)

    def matcher(self) -> Matcher:
        """A matcher at the beginning of a reply."""
        return OutlinesMatcher(self, [self.index.get_initial_state()])

    def after(self, state: int, token: int) -> int | None:
        """The state that ``token`` leads to, if it may come."""
        if state == _ENDED:
            return None
        if token in self.ends:
            return _ENDED if self.may_end(state) and not self.must_end(state) else None
        found: int | None = self.index.get_next_state(state, token)
        return found

    def may_end(self, state: int) -> bool:
        """Whether the text may end here."""
        return state == _ENDED or self.index.get_next_state(state, self.ends[0]) is not None

    def must_end(self, state: int) -> bool:
        """Whether only an end token may come."""
        if not self.may_end(state):
            return False
        return state == _ENDED or set(self._allowed(state)) <= set(self.ends)

    def _allowed(self, state: int) -> list[int]:
        return [i for i in self.index.get_allowed_tokens(state) or [] if i < self.size]

    def mask(self, state: int) -> bytes:
        """The mask of a state, kept for the next time."""
        with self._lock:
            if state in self._masks:
                self._masks.move_to_end(state)
                return self._masks[state]
        import numpy as np

        bits: Any = np.zeros(-(-self.size // 32) * 32, dtype=np.uint8)
        bits[list(self.ends) if state == _ENDED else self._allowed(state)] = 1
        made: bytes = np.packbits(bits, bitorder="little").tobytes()
        with self._lock:
            self._masks[state] = made
            if len(self._masks) > _MASKS:
                self._masks.popitem(last=False)
        return made

    def forced(self, state: int) -> list[int]:
        """The tokens that must come next, as far as there is no choice."""
        text = bytearray()
        while state != _ENDED and not self.may_end(state):
            allowed = self._allowed(state)
            piece = _common(self.spelling.pieces, allowed)
            token = next((i for i in allowed if self.spelling.pieces[i] == piece), None)
            if not piece or token is None:
                break
            text += piece
            state = self.index.get_next_state(state, token)
        return self.spelling.tokens(bytes(text), ends=self.must_end(state)) if text else []


def _common(pieces: Sequence[bytes], tokens: list[int]) -> bytes:
    """What all of some tokens begin with."""
    if not tokens:
        return b""
    common = pieces[tokens[0]]
    for token in tokens:
        piece = pieces[token]
        while not piece.startswith(common):
            common = common[:-1]
        if not common:
            break
    return common


class OutlinesEngine:
    """See :class:`~structured.engine.Engine`. Safe to share between threads.

    Args:
        cache_mb: Memory for compiled grammars.
    """

    name = NAME

    def __init__(self, *, cache_mb: float = BUDGET_MB) -> None:
        try:
            import outlines_core  # noqa: F401 - missing packages are told here
        except ImportError:
            raise EngineNotInstalled(NAME, package="outlines_core", extra=NAME) from None
        self._cache = GrammarCache[Grammar](budget_mb=cache_mb)
        self._vocabularies: WeakKeyDictionary[Vocabulary, outlines_core.Vocabulary]
        self._vocabularies = WeakKeyDictionary()
        self._lock = Lock()

    def check(self, constraint: Constraint) -> tuple[Relaxation, ...]:
        """What a grammar would leave to the validator."""
        return relaxations(self.audit(constraint))

    def audit(self, constraint: Constraint) -> Audit:
        """Every keyword of the constraint, and who enforces it."""
        if isinstance(constraint, LarkConstraint):
            return _llguidance().audit(constraint)
        return _regex(constraint)[1]

    def compile(self, constraint: Constraint, vocabulary: Vocabulary) -> Grammar:
        """The grammar of ``constraint`` over ``vocabulary`` (cached)."""
        if isinstance(constraint, LarkConstraint):
            return _llguidance().compile(constraint, vocabulary)
        return self._cache.get(constraint, vocabulary, lambda: self._made(constraint, vocabulary))

    def _made(self, constraint: Constraint, vocabulary: Vocabulary) -> tuple[Grammar, int]:
        import outlines_core

        regex, audit = _regex(constraint)
        words = self._vocabulary(vocabulary)
        try:
            index = outlines_core.Index(f"(?:{regex})\\x00", words)
        except (ValueError, MemoryError) as error:
            raise _refusal(error) from None
        size = len(index.__reduce__()[1][0])
        found = OutlinesGrammar(index, spelling(vocabulary), vocabulary.eos, vocabulary.size, audit)
        masks = _MASKS * (vocabulary.size // 8)
        return found, size * _GROWTH + min(masks, size * 4)

    def _vocabulary(self, vocabulary: Vocabulary) -> outlines_core.Vocabulary:
        with self._lock:
            if vocabulary not in self._vocabularies:
                self._vocabularies[vocabulary] = _words(vocabulary)
            return self._vocabularies[vocabulary]


_GROWTH = 3
"""Bytes of an index in memory for each byte of it written out: 2.3 measured, for texts of up to 40
characters over a vocabulary of 152,000 tokens (84 MB of resident memory for 37 MB)."""


_CHEAP = Cheap(text=4_000, parts=150, depth=12, width=50, pattern=300, repeats=200)
_SMALL = 300
"""Size of a regular expression, written out. A state of the automaton in which any text may follow
takes 80 ms and 2 MB over a vocabulary of 152,000 tokens."""


def is_small(constraint: Constraint) -> bool:
    """Whether an index of ``constraint`` is made in a second or few, and in little memory."""
    if isinstance(constraint, LarkConstraint):
        return is_cheap(constraint)  # it is llguidance's
    if not is_cheap(constraint, _CHEAP):
        return False
    regex = _regex(constraint)[0]
    # `.*a.{20}` is short, and its index has 2 ** 20 states: counts are tried first.
    return written_out(regex, _SMALL) <= _SMALL and not _COUNTED.search(regex)


_COUNTED = re.compile(r"\{\d*,?\d{2}")
"""A repetition that is counted beyond 9."""


def _words(vocabulary: Vocabulary) -> outlines_core.Vocabulary:
    import outlines_core

    words: dict[bytes, list[int]] = {_MARK: list(vocabulary.eos)}
    for i, piece in enumerate(spelling(vocabulary).pieces):
        if piece and _MARK not in piece:
            words.setdefault(piece, []).append(i)
    # The real end tokens stand for the mark; outlines' own must be one that never comes.
    return outlines_core.Vocabulary(vocabulary.size, words)


def _llguidance() -> Engine:
    from structured.engines import engine

    return engine("llguidance")


# -- constraints as regular expressions ------------------------------------------------------------


def _regex(constraint: Constraint) -> tuple[str, Audit]:
    match constraint:
        case JsonConstraint():
            return _of_schema(constraint)
        case RegexConstraint(pattern=pattern):
            return _unanchored(pattern), _NO_SCHEMA
        case ChoiceConstraint(options=options):
            return "|".join(re.escape(option) for option in options), _NO_SCHEMA
        case ToolCallConstraint():
            if constraint.reasoning is not None:
                raise ConstraintError(
                    "outlines cannot end a reasoning section at its first end tag",
                    engine=NAME,
                    hint="choose the engine llguidance or xgrammar",
                )
            schema = json.dumps(tool_call_schema(constraint), ensure_ascii=False)
            return _of_schema(JsonConstraint(schema_text=schema))
        case _:
            raise ConstraintError(f"no regular expression: {constraint.type}", engine=NAME)


def _unanchored(pattern: str) -> str:
    """A pattern of whole texts without the anchors that say so; an index takes none."""
    if "|" in pattern:
        return pattern
    ends = pattern.endswith("$") and (len(pattern) - len(pattern[:-1].rstrip("\\"))) % 2 == 1
    return pattern.removeprefix("^")[: -1 if ends else None]


def _of_schema(constraint: JsonConstraint) -> tuple[str, Audit]:
    from outlines_core.json_schema import build_regex_from_schema

    plain = plain_schema(constraint, ABILITIES)
    try:
        regex = build_regex_from_schema(plain.text, _GAP)
    except (ValueError, RecursionError, MemoryError) as error:
        raise _refusal(error) from None
    regex = _SEPARATOR.sub(lambda found: f"{found[1] or found[2]} ", regex)
    return regex.replace(_GAP, ""), plain.audit


_GAP = "\uf8ff"
"""Where outlines would let white space through. It takes one pattern for all such places, and only
those behind a comma and a colon are to have a space; this character of nobody's marks them."""
_SEPARATOR = re.compile(f"{_GAP}([,:]){_GAP}?|([,:]){_GAP}")


def _refusal(error: BaseException) -> ConstraintError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ConstraintError(f"{NAME} refuses: {reason}", engine=NAME)
