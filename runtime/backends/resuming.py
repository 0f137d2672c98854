"""Going on from the middle of a reply: where its tokens end, and what may come next.

The beginning of a reply is text, and its end seldom falls where a token of the model's own would
end: after ``{"a":`` a model that means a string wants the token ``":"``, not another quote. So the
last token is taken back, and the next one must spell it and may spell more ("token healing"):
what follows is tokenised as if the reply had never been cut.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from runtime.backends.avoid import Avoided
from runtime.backends.pieces import Pieces, bits_of, tokens_in
from runtime.chat import Resumption
from structured.engine import Matcher
from structured.errors import ConstraintError, shorten


@dataclass(frozen=True)
class Beginning:
    """A prompt and the beginning of a reply as tokens."""

    prompt: list[int]
    ids: list[int]
    """Tokens of the beginning, without the one taken back."""
    owed: bytes
    """What the token taken back spells, and so the next ones must."""
    paths: tuple[tuple[int, ...], ...] = ()
    """How each text to avoid would be spelled from here, ``owed`` with it."""
    text: str = ""
    """The prompt."""

    @staticmethod
    def of(
        prompt_text: str,
        prompt: Sequence[int],
        text: str,
        avoid: Sequence[str],
        *,
        encode: Callable[[str], list[int]],
        pieces: Pieces,
        known: Sequence[int] = (),
    ) -> Beginning:
        """Place ``text`` behind a prompt.

        Args:
            prompt_text: The prompt.
            prompt: Its tokens.
            text: The beginning of the reply.
            avoid: Texts that must not come next.
            encode: Text to tokens, as :meth:`~runtime.model.ChatModel.tokenize`.
            pieces: What the tokens spell.
            known: Tokens of a reply that began with ``text``, where one is remembered.
        """
        ids = list(known)
        if not ids:
            ids = spelled_behind(prompt_text, prompt, text, encode=encode, pieces=pieces)
        spelled = text.encode()
        while ids and len(pieces.text(ids)) > len(spelled):
            ids.pop()
        owed = spelled[len(pieces.text(ids)) :]
        if ids and not owed and _whole(pieces[ids[-1]]):
            owed = pieces[ids.pop()]
        paths = []
        for value in avoid:
            path = spelled_behind(prompt_text, prompt, text + value, encode=encode, pieces=pieces)
            if path[: len(ids)] != ids:
                path = [*ids, *_plain((owed + value.encode()).decode(), encode, pieces)]
            paths.append(tuple(path[len(ids) :]))
        return Beginning(list(prompt), ids, owed, tuple(paths), prompt_text)


def spelled_behind(
    prompt_text: str,
    prompt: Sequence[int],
    text: str,
    *,
    encode: Callable[[str], list[int]],
    pieces: Pieces,
) -> list[int]:
    """The tokens of ``text`` behind a prompt whose own tokens stay as they are."""
    if not text:
        return []
    both = encode(prompt_text + text)
    # The prompt's tokens may have one in front that its text does not show.
    start = len(prompt) if both[: len(prompt)] == list(prompt) else len(prompt) - 1
    if start < len(prompt) and both[:start] != list(prompt[1:]):
        return _plain(text, encode, pieces)
    ids = both[start:]
    return ids if pieces.text(ids) == text.encode() else _plain(text, encode, pieces)


def _plain(text: str, encode: Callable[[str], list[int]], pieces: Pieces) -> list[int]:
    """The tokens of a text by itself; control tokens that it names are spelled out."""
    ids, wanted = encode(text), text.encode()
    if pieces.text(ids) == wanted:
        return ids
    return _spelled(wanted, pieces)


def _spelled(text: bytes, pieces: Pieces) -> list[int]:
    """Tokens that spell a text, the longest that fits first."""
    ids = []
    while text:
        found = pieces.within(text)
        if not found:
            raise ConstraintError(f"the model has no token for the beginning of {text[:40]!r}")
        ids.append(found[-1])
        text = text[len(pieces[found[-1]]) :]
    return ids


def _whole(piece: bytes) -> bool:
    try:
        return bool(piece.decode())
    except UnicodeDecodeError:
        return False


class Resumed:
    """A reply that goes on from its beginning. A :class:`~structured.engine.Matcher`.

    What its grammar allows, cut down to what spells the owed text first and none of the texts to
    avoid afterwards.
    """

    def __init__(
        self,
        matcher: Matcher | None,
        *,
        pieces: Pieces,
        width: int,
        end: Collection[int],
        owed: bytes = b"",
        avoid: Sequence[bytes] = (),
    ) -> None:
        """``matcher`` stands before ``owed``; without one, any text may come."""
        self._matcher = matcher
        self._pieces = pieces
        self._width = width
        self._owed = owed
        self._avoided = Avoided([owed + text for text in avoid], pieces, end)
        self._written = b""
        self._lengths: list[int] = []
        """Bytes of each token that :attr:`_written` is made of."""
        self._beyond = 0
        """Tokens accepted after the last of those."""

    @property
    def active(self) -> bool:
        """Whether anything beside the grammar still limits what may come."""
        owing = len(self._written) < len(self._owed)
        return not self._beyond and (owing or self._avoided.open(self._written))

    @staticmethod
    def after(
        beginning: Beginning,
        matcher: Matcher | None,
        resume: Resumption,
        *,
        pieces: Pieces,
        width: int,
        end: Collection[int],
    ) -> Resumed:
        """The state behind a reply's beginning, which a new ``matcher`` reads first.

        Raises:
            ConstraintError: The constraint does not allow the beginning.
        """
        if matcher is not None:
            last = _spelled(beginning.owed, pieces)
            accepted = matcher.accept(beginning.ids)
            if accepted < len(beginning.ids) or matcher.copy().accept(last) < len(last):
                good = pieces.text(beginning.ids[:accepted]).decode(errors="replace")
                raise ConstraintError(
                    f"the constraint does not allow the reply's beginning {shorten(resume.text)}: "
                    f"it could go as far as {shorten(good)}"
                )
        return Resumed(
            matcher,
            pieces=pieces,
            width=width,
            end=end,
            owed=beginning.owed,
            avoid=[text.encode() for text in resume.avoid],
        )

    def allowed(self) -> int:
        """The tokens that the grammar and the owed text allow."""
        bits = (1 << self._width) - 1
        if self._matcher is not None:
            bits &= int.from_bytes(self._matcher.mask(), "little")
        rest = self._owed[len(self._written) :]
        if rest and not self._beyond:
            bits &= bits_of([*self._pieces.beginning_with(rest), *self._pieces.within(rest)])
        return bits

    def forbidden(self) -> int:
        """The tokens that end a text to avoid, or after which nothing else would be left."""
        return self._forbidden({})

    def _forbidden(self, known: dict[bytes, bool]) -> int:
        bits = self._avoided.ending(self._written)
        allowed = self.allowed() & ~bits
        for token in tokens_in(allowed & self.staying()):
            after = self.copy()
            if after.accept([token]) == 1 and not after._leads_on(known):
                bits |= 1 << token
        return bits

    def _leads_on(self, known: dict[bytes, bool]) -> bool:
        """Whether any text is left that is not to be avoided. ``known``: by what was written."""
        if self._written not in known:
            if self.finished:
                found = not self._avoided.complete(self._written)
            else:
                found = bool(self.allowed() & ~self._forbidden(known))
            known[self._written] = found
        return known[self._written]

    def staying(self) -> int:
        """The tokens that spell a text to avoid a bit further."""
        return self._avoided.staying(self._written)

    def mask(self) -> bytes:
        """One bit per token. Where a text to avoid can be left, it is."""
        if not self.active and self._matcher is not None:
            return self._matcher.mask()
        bits = self.allowed()
        if self.active:
            bits &= ~self.forbidden()
            bits = bits & ~self.staying() or bits
        return bits.to_bytes((self._width + 31) // 32 * 4, "little")

    def accept(self, tokens: Sequence[int]) -> int:
        """Advance by as many of ``tokens`` as the grammar allows."""
        count = len(tokens) if self._matcher is None else self._matcher.accept(tokens)
        for token in tokens[:count]:
            if self.active:
                piece = self._pieces[token]
                self._written += piece
                self._lengths.append(len(piece))
            else:
                self._beyond += 1
        return count

    def rollback(self, count: int) -> None:
        """Take back the last ``count`` accepted tokens."""
        if self._matcher is not None:
            self._matcher.rollback(count)
        beyond = min(count, self._beyond)
        self._beyond -= beyond
        for _ in range(count - beyond):
            length = self._lengths.pop()
            self._written = self._written[: len(self._written) - length]

    def forced(self) -> list[int]:
        """The tokens that must come next; not looked for while a choice is still cut down."""
        return [] if self._matcher is None or self.active else self._matcher.forced()

    @property
    def accepting(self) -> bool:
        """Whether the text so far is complete."""
        return self._matcher is None or self._matcher.accepting

    @property
    def finished(self) -> bool:
        """Whether nothing but an end token may follow."""
        return self._matcher is not None and self._matcher.finished

    def copy(self) -> Resumed:
        """An independent matcher in the same state."""
        other = object.__new__(Resumed)
        other.__dict__.update(self.__dict__)
        other._matcher = None if self._matcher is None else self._matcher.copy()
        other._lengths = list(self._lengths)
        return other
