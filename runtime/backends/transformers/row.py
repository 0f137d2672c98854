"""One request under way: what was generated, what comes next, what its reader gets."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from runtime.backends.avoid import way_out
from runtime.backends.resuming import Beginning, Resumed
from runtime.backends.transformers.codec import Codec
from runtime.backends.transformers.guide import COMPLETE, Guide, unpacked
from runtime.backends.transformers.lookup import Lookup, alike
from runtime.backends.transformers.outlook import Likelihoods
from runtime.backends.transformers.sampling import NotFinite, Sampler, token_logprob
from runtime.backends.transformers.written import Written
from runtime.backends.trie import Trie
from runtime.chat import ChatDelta, ChatRequest, FinishReason, Timing, TokenLogprob, Usage
from runtime.errors import GenerationFailed
from structured.errors import ByzerError


class Row:
    """A request in the decode loop.

    The scheduler's thread drives it by :meth:`advance`; any thread may :meth:`abort` or
    :meth:`leave` it; its reader takes what comes from :attr:`out`.
    """

    def __init__(
        self,
        request: ChatRequest,
        beginning: Beginning,
        codec: Codec,
        *,
        guide: Guide | None,
        resumed: Resumed | None = None,
        lookup: Lookup | None = None,
        max_new_tokens: int,
        started: float,
        device: Any,
    ) -> None:
        """A request.

        Args:
            request: The request.
            beginning: Its prompt, and its reply's beginning if that stands.
            codec: The model's tokenizer.
            guide: What the reply must obey.
            resumed: The guide's matcher, where the reply has a beginning.
            lookup: Guesses at what comes next, where these are wanted.
            max_new_tokens: How many tokens to generate at most.
            started: ``time.perf_counter()`` when the request was made.
            device: Where the logits are.
        """
        params = request.params
        self.request = request
        self.prompt = [*beginning.prompt, *beginning.ids]
        """What the model reads first: the prompt, the reply's beginning, what is forced then."""
        self.tries = (Trie.of(beginning.paths),) if beginning.paths else ()
        """Ways on that :meth:`look` wants the logits of."""
        self.tokens = list(self.prompt)
        """The prompt and the reply so far."""
        self.cached = 0
        """How many of the first tokens need not be read, since they are in a cache."""
        self.pending: list[int] = []
        """Tokens that were chosen and that the model has not read yet."""
        self.guessed: list[int] = []
        """Tokens that are read behind the pending ones, in case they are those that come next."""
        self.right = 0
        """How many of them were."""
        self.out: queue.SimpleQueue[ChatDelta | Exception] = queue.SimpleQueue()
        """For the reader; the last item is an error, or has a ``finish_reason``."""
        self.done = False
        """Whether the reply has ended."""
        self.deadline = None if params.timeout_s is None else started + params.timeout_s
        """``time.perf_counter()`` after which nobody waits for the reply."""
        self._params = params
        self._codec = codec
        self._guide = guide
        self._resumed = resumed
        self._lookup = lookup
        self._masks: list[Any] = []
        self._begun = request.resume.text if request.resume is not None else ""
        self._input_tokens = len(self.prompt)
        self._started = started
        self._max_new_tokens = max_new_tokens
        self._stop_ids = frozenset(params.stop_token_ids)
        self._sampler = Sampler(params, self.prompt, width=codec.width, device=device)
        for token in beginning.ids:
            self._sampler.saw(token)
        self._written = Written(codec, self.prompt, owed=beginning.owed, stops=params.stop)
        self._any: Any = None
        if params.ignore_eos:
            bits: Any = np.ones(codec.width, dtype=np.uint8)
            bits[sorted(codec.end)] = 0
            self._any = np.packbits(bits, bitorder="little")
        self._last: ChatDelta | None = None
        self._generated = 0
        self._first_s = 0.0
        self._left = threading.Event()

    def leave(self) -> None:
        """Nobody reads the reply any more. From any thread."""
        self._left.set()

    def abort(self) -> None:
        """End the reply as it stands; its reader is told at once. From any thread."""
        self._left.set()
        self.out.put(self._delta("", "abort"))

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for the reply: its reader has left, or has run out of time.

        A reader watches the deadline too, so it need not be told.
        """
        late = self.deadline is not None and time.perf_counter() >= self.deadline
        return late or self._left.is_set()

    def fail(self, error: Exception) -> None:
        """End the reply with an error."""
        self.done = True
        self.out.put(error)

    def open(self, model: str) -> None:
        """Tell the reader the reply's beginning, and what must come before the model is asked.

        Left to be read then is :attr:`prompt`.
        """
        self._deliver(self._opened, model)
        self.prompt += self.pending
        self.pending.clear()

    def guess(self, room: int) -> list[int]:
        """At most ``room`` tokens that may well come after the pending ones."""
        self.guessed = []
        room = min(room, self._max_new_tokens - self._generated - 1)
        if self._lookup is not None and room > 0:
            guessed = self._lookup.guess(room)
            if guessed and self._guide is not None:
                guessed = guessed[: self._guide.fitting(guessed)]
            self.guessed = guessed
        return self.guessed

    def plan(self) -> list[Any]:
        """Which tokens may come after the pending ones, and after each guessed one.

        Made while the device is busy with them. Packed masks as in :meth:`Guide.allowed`; ``None``
        where any token may come.
        """
        if self._guide is not None:
            try:
                self._masks = self._guide.allowed(self.guessed)
            except Exception as error:  # noqa: BLE001 - raised where it ends this row alone
                self._masks = [error]
        else:
            self._masks = [self._any] * (1 + len(self.guessed))
        return self._masks

    @property
    def plain(self) -> bool:
        """Whether the likeliest allowed token is what comes next."""
        return self._sampler.greedy and not self._sampler.penalises

    def advance(
        self, logits: Any, model: str, picks: Sequence[tuple[int, float]] | None = None
    ) -> None:
        """Choose the next token, and those that the constraint then forces; tell the reader.

        Where the tokens are those that were guessed, so are the ones after them.

        Args:
            logits: float32 tensor [1 + guessed, vocabulary]: after all pending tokens, and after
                each guessed one.
            model: The model's name, for errors.
            picks: The likeliest tokens that :meth:`plan` allows at these places, and their logits,
                if it is :attr:`plain`.
        """
        self._deliver(lambda: self._advanced(logits, picks), model)

    def look(self, trie: Trie, logits: Any, model: str) -> None:
        """As :meth:`advance`, at the beginning of what is to be avoided.

        Args:
            trie: The one of :attr:`tries`.
            logits: float32 tensor [nodes, vocabulary], after each of its nodes.
            model: The model's name, for errors.
        """
        self._deliver(lambda: self._looked(trie, logits), model)

    def _deliver(self, made: Callable[[], ChatDelta], model: str) -> None:
        try:
            delta = made()
        except ByzerError as error:
            self.fail(error)
        except NotFinite:
            self.fail(
                GenerationFailed(model, "its logits are not numbers; try backend.dtype=float32")
            )
        except Exception as error:  # noqa: BLE001 - one request's failure must not end the others
            self.fail(GenerationFailed(model, f"{type(error).__name__}: {error}"))
        else:
            self.done = delta.finish_reason is not None
            if self.done:
                self._last = delta
            elif delta.text or delta.logprobs:
                self.out.put(delta)

    def end(self) -> None:
        """Tell the reader of the reply's end: what was read is where it can be found again."""
        if self._last is not None:
            self.out.put(self._last)

    def _opened(self) -> ChatDelta:
        finish: FinishReason | None = None
        text = self._begun
        if self._guide is not None and self._guide.finished:
            finish = "stop"
        elif self._guide is not None and self._params.logprobs is None:
            more, finish = self._append_forced(self._guide)
            text += more
        return self._delta(text, finish)

    def _looked(self, trie: Trie, logits: Any) -> ChatDelta:
        assert self._resumed is not None
        outlook = Likelihoods(logits, self._sampler)
        text, node, how_likely = "", 0, list[TokenLogprob]()
        finish: FinishReason | None = None
        for token in way_out(self._resumed, trie, outlook):
            self._first_s = self._first_s or time.perf_counter() - self._started
            if token in self._stop_ids:
                return self._delta(text + self._written.rest(), "stop", tuple(how_likely))
            piece, finish = self._append(token)
            text += piece
            if (count := self._params.logprobs) is not None:
                how_likely.append(token_logprob(logits[node], token, count, self._codec.text_of))
            if finish is not None:
                break
            node = trie.children[node].get(token, 0)
        return self._delta(text, finish, tuple(how_likely))

    def _advanced(self, logits: Any, picks: Sequence[tuple[int, float]] | None) -> ChatDelta:
        text, told = "", list[TokenLogprob]()
        finish: FinishReason | None = None
        self.right = 0
        while finish is None:
            mask = self._masks[self.right]
            if mask is COMPLETE:
                text, finish = text + self._written.rest(), "stop"
                break
            if isinstance(mask, Exception):
                raise mask
            token = self._chosen(logits, picks, mask)
            self._first_s = self._first_s or time.perf_counter() - self._started
            if token in self._stop_ids:
                text, finish = text + self._written.rest(), "stop"
                break
            piece, finish = self._append(token)
            text += piece
            if (count := self._params.logprobs) is not None:
                place = logits[self.right]
                told.append(token_logprob(place, token, count, self._codec.text_of))
            elif self._guide is not None and finish is None:
                piece, finish = self._append_forced(self._guide)
                text += piece
            self.right = alike(self.pending, self.guessed)
            if self.right < len(self.pending):
                break
        if self._lookup is not None and self.guessed:
            self._lookup.learn(len(self.guessed), self.right)
        del self.pending[: self.right]
        return self._delta(text, finish, tuple(told))

    def _chosen(self, logits: Any, picks: Sequence[tuple[int, float]] | None, mask: Any) -> int:
        if picks is None:
            allowed = None if mask is None else unpacked(mask, self._codec.width)
            return self._sampler.choose(logits[self.right], allowed)
        token, value = picks[self.right]
        if not math.isfinite(value):
            raise NotFinite
        return token

    def _append(self, token: int) -> tuple[str, FinishReason | None]:
        """Make a token part of the reply: the text that this brings, and whether it is the end."""
        self._generated += self._written.counts(token)
        self.pending.append(token)
        self.tokens.append(token)
        self._sampler.saw(token)
        if token in self._codec.end:
            return self._written.rest(), "stop"
        if self._guide is not None:
            self._guide.accept(token)
        text, stopped = self._written.feed(token)
        if self._lookup is not None:
            self._lookup.saw(token, self._written.latest)
        if stopped:
            return text, "stop"
        if self._guide is not None and self._guide.finished:
            return text + self._written.rest(), "stop"
        if self._generated >= self._max_new_tokens:
            return text + self._written.rest(), "length"
        return text, None

    def _append_forced(self, guide: Guide) -> tuple[str, FinishReason | None]:
        """Append what must come: tokens for which the model need not be asked.

        Left out when log probabilities are wanted, since these take the model's answer.
        """
        text = ""
        for token in guide.forced():
            if token in self._stop_ids:
                return text + self._written.rest(), "stop"
            piece, finish = self._append(token)
            text += piece
            if finish is not None:
                return text, finish
        return text, None

    def _delta(
        self,
        text: str,
        finish: FinishReason | None,
        logprobs: tuple[TokenLogprob, ...] = (),
    ) -> ChatDelta:
        now = time.perf_counter() - self._started
        usage = Usage(self._input_tokens, self._generated, min(self.cached, self._input_tokens))
        return ChatDelta(text, finish, usage, Timing(self._first_s or now, now), logprobs)
