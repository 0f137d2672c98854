"""A model's tokenizer as the backend uses it: prompts to ids, ids to text, chat templates.

Texts go straight to the Rust tokenizer: unlike transformers' wrapper around it, which sets
truncation and padding on each call, it may be used from several threads at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from runtime.backends.pieces import Pieces
from runtime.backends.resuming import Beginning
from runtime.chat import ChatRequest, Message
from runtime.errors import InvalidConversation
from structured.engine import Vocabulary
from structured.errors import ConstraintError


class Codec:
    """Texts and tokens of one model. Safe to share between threads."""

    def __init__(self, tokenizer: Any, *, name: str, width: int, end: Iterable[int]) -> None:
        """For a model of ``width`` logits whose replies end with one of the tokens ``end``."""
        self.name = name
        self.width = width
        self.end = frozenset(end)
        self._tokenizer = tokenizer
        self._lock = threading.Lock()  # for tokenizers that are not written in Rust
        self._rust = tokenizer.backend_tokenizer if tokenizer.is_fast else None
        if self._rust is not None:
            self._rust.no_truncation()
            self._rust.no_padding()
        usual = tokenizer("")["input_ids"]
        bos = tokenizer.bos_token_id
        self._bos = bos if bos is not None and usual[:1] == [bos] else None
        self._start = bos if bos is not None else min(self.end, default=None)

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, control tokens in it recognised, none added."""
        if self._rust is not None:
            return list(self._rust.encode(text, add_special_tokens=False).ids)
        with self._lock:
            return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, without control tokens."""
        return self._decode(ids, skip_special_tokens=True)

    def text_of(self, token: int) -> str:
        """One token's text, control tokens too."""
        return self._decode([token], skip_special_tokens=False)

    def _decode(self, ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        if self._rust is not None:
            return str(self._rust.decode(ids, skip_special_tokens=skip_special_tokens))
        with self._lock:
            return str(
                self._tokenizer.decode(
                    ids,
                    skip_special_tokens=skip_special_tokens,
                    clean_up_tokenization_spaces=False,
                )
            )

    def prompt_ids(self, request: ChatRequest) -> list[int]:
        """:meth:`prompt`'s tokens alone."""
        return self.prompt(request)[1]

    def prompt(self, request: ChatRequest) -> tuple[str, list[int]]:
        """What the model is to read, as text and as tokens.

        A rendered template holds its control tokens already. A prompt that is given as text gets
        the beginning token, where the tokenizer adds one by default and the text has none.

        Raises:
            InvalidConversation: No tokens, or tokens that the model does not know.
        """
        if request.prompt is None:
            text = self.render(request.messages)
            ids = self.encode(text)
        else:
            text = request.prompt
            ids = self.encode(text)
            if self._bos is not None and ids[:1] != [self._bos]:
                ids.insert(0, self._bos)
        if not ids and self._start is not None:
            ids = [self._start]
        if not ids:
            raise InvalidConversation(f"the prompt has no tokens for {self.name!r}")
        if max(ids) >= self.width:
            raise InvalidConversation(
                f"the tokenizer of {self.name!r} makes token {max(ids)}, but the model knows "
                f"{self.width} tokens only",
                hint="the folder's tokenizer and weights do not belong together",
            )
        return text, ids

    @property
    def has_template(self) -> bool:
        """Whether the model's folder holds a chat template."""
        return bool(self._tokenizer.chat_template)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt of a conversation, with the assistant's turn opened.

        Raises:
            InvalidConversation: There is no template, or it refuses these messages.
        """
        if not self.has_template:
            raise InvalidConversation(
                f"{self.name!r} has no chat template of its own, so it takes no messages as such",
                hint=f"setup_template({self.name!r}, Templates.default()), or send a prompt",
            )
        import jinja2

        turns = [message.as_dict() for message in messages]
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=True
                )
            )
        except jinja2.TemplateError as error:
            raise InvalidConversation(
                f"the chat template of {self.name!r} refuses the conversation: {error}"
            ) from None

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokenizer as grammars need it.

        Raises:
            ConstraintError: It has none of the forms that the engine reads.
        """
        if self._rust is None or not self.end:
            lacks = "no end token" if self._rust is not None else "no tokenizer.json"
            raise ConstraintError(
                f"{self.name!r} cannot be held to a constraint: it has {lacks}",
                hint="add tokenizer.json / eos_token to the model's folder",
            )
        return Vocabulary.of_tokenizer_json(
            self._rust.to_str(), size=self.width, eos=tuple(sorted(self.end))
        )

    @cached_property
    def pieces(self) -> Pieces:
        """What each token spells.

        Raises:
            ConstraintError: As :attr:`vocabulary`.
        """
        from llguidance import LLTokenizer

        vocabulary = self.vocabulary
        tokenizer = LLTokenizer(
            vocabulary.tokenizer_json or "", n_vocab=vocabulary.size, eos_token=list(vocabulary.eos)
        )
        ids = range(vocabulary.size)
        special = {i for i in ids if tokenizer.is_special_token(i)}
        return Pieces([tokenizer.decode_bytes([i]) for i in ids], special | self.end)

    def beginning(self, request: ChatRequest, known: Callable[..., Sequence[int]]) -> Beginning:
        """A request's prompt and the beginning of its reply, as tokens.

        Args:
            request: The request.
            known: Called with the prompt's tokens and the beginning's bytes: tokens of an earlier
                reply to the same prompt that began so, or none.

        Raises:
            InvalidConversation: As :meth:`prompt`.
            ConstraintError: As :attr:`vocabulary`.
        """
        text, ids = self.prompt(request)
        if request.resume is None:
            return Beginning(ids, [], b"", text=text)
        return Beginning.of(
            text,
            ids,
            request.resume.text,
            request.resume.avoid,
            encode=self.encode,
            pieces=self.pieces,
            known=known(ids, request.resume.text.encode(), self.pieces),
        )
