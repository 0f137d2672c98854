"""A vocabulary as the bytes of its tokens, and text as the tokens that a model would write."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

from structured.engine import Vocabulary


@dataclass(frozen=True, eq=False)
class Spelling:
    """How a vocabulary spells text."""

    pieces: tuple[bytes, ...]
    """The bytes of each token, by id; ``b""`` for control tokens, end tokens and padding."""
    encode: Callable[[str], list[int]]
    """Text to ids, as the model would write it."""
    _sorted: list[bytes]

    def extends(self, piece: bytes) -> bool:
        """Whether another token begins with ``piece``."""
        at = bisect_right(self._sorted, piece)
        return at < len(self._sorted) and self._sorted[at].startswith(piece)

    def tokens(self, text: bytes, *, ends: bool) -> list[int]:
        """Ids of the part of ``text`` whose spelling is settled.

        The last token is left out where a longer one may take its place, unless the reply
        ``ends`` there; so is everything where the tokenizer does not keep the text as it is
        (some put a space in front).
        """
        try:
            ids = self.encode(text.decode("utf-8"))
        except UnicodeDecodeError:
            whole = text.decode("utf-8", errors="ignore").encode()  # cut inside a character
            if not whole or not text.startswith(whole):
                return []
            return self.tokens(whole, ends=False)
        if b"".join(self.pieces[i] for i in ids) != text:
            return []
        if ids and not ends and self.extends(self.pieces[ids[-1]]):
            ids.pop()
        return ids


def spelling(vocabulary: Vocabulary) -> Spelling:
    """The spelling of a vocabulary, made once for it."""
    with _lock:
        if vocabulary not in _spellings:
            _spellings[vocabulary] = _spelling(vocabulary)
        return _spellings[vocabulary]


def _spelling(vocabulary: Vocabulary) -> Spelling:
    control = vocabulary.special.union(vocabulary.eos)
    encode = vocabulary.encode
    pieces: list[bytes]
    if vocabulary.tokenizer_json is not None:
        # llguidance reads every kind of tokenizer.json (byte-level, SentencePiece, byte
        # fallback), so that all engines see the same bytes.
        from llguidance import LLTokenizer

        tokenizer = LLTokenizer(
            vocabulary.tokenizer_json, n_vocab=vocabulary.size, eos_token=list(vocabulary.eos)
        )
        encode = tokenizer.tokenize_str
        ids = range(vocabulary.size)
        pieces = [
            b"" if tokenizer.is_special_token(i) else tokenizer.decode_bytes([i]) for i in ids
        ]
    else:
        assert vocabulary.tokens is not None
        pieces = list(vocabulary.tokens)
    assert encode is not None
    for i in control:
        if i < len(pieces):
            pieces[i] = b""
    return Spelling(tuple(pieces), encode, sorted({piece for piece in pieces if piece}))


_spellings: WeakKeyDictionary[Vocabulary, Spelling] = WeakKeyDictionary()
_lock = Lock()
