"""Replies that go on from their beginning, on a decode loop that is not ours.

llama.cpp's grammar begins where generation does: it cannot be told that a part of the text stands
already. So the beginning is part of the prompt (which its cache makes nearly free), and our own
matcher, which has read it, watches what llama.cpp writes. Each leg is sent with the set of tokens
that may come first and generates freely after that. Where it leaves the grammar, or where the
grammar forces a long run, the leg is ended and another one starts there.

Taking a free token where it is allowed, and drawing again among the allowed ones where it is not,
is drawing from the allowed ones: the replies are those of a sampler with masks.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runtime.backends.avoid import way_out
from runtime.backends.llama_cpp.outlook import outlook_on
from runtime.backends.llama_cpp.requests import chain, logprobs, sampling, token_set
from runtime.backends.llama_cpp.server import LlamaServer, Run
from runtime.backends.llama_cpp.vocabulary import Tokens
from runtime.backends.pieces import bits_of
from runtime.backends.resuming import Beginning, Resumed
from runtime.backends.text import StopStrings
from runtime.backends.trie import Trie
from runtime.chat import ChatDelta, ChatRequest, FinishReason, Timing, TokenLogprob, Usage
from structured.errors import ConstraintError

_WORTH = 6
"""Forced tokens for which another leg is started; fewer are generated in less time."""


@dataclass
class _Piece:
    """What one token brings."""

    text: str = ""
    finish: FinishReason | None = None


class Continuation:
    """One reply."""

    def __init__(
        self,
        server: LlamaServer,
        tokens: Tokens,
        request: ChatRequest,
        beginning: Beginning,
        state: Resumed,
        run: Run,
        *,
        context: int,
    ) -> None:
        """``state`` has read the beginning; ``context`` is the model's, in tokens."""
        self._server = server
        self._tokens = tokens
        self._request = request
        self._params = request.params
        self._trie = Trie.of(beginning.paths) if beginning.paths else None
        self._state = state
        self._run = run
        self._ids = [*beginning.prompt, *beginning.ids]
        self._input = len(self._ids)
        room = context - self._input
        self._most = min(self._params.max_output_tokens or room, room)
        self._context = context
        self._hidden = self._owed = len(beginning.owed)
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = StopStrings(self._params.stop)
        self._stop_ids = frozenset(self._params.stop_token_ids)
        self._banned = bits_of(tokens.end) if self._params.ignore_eos else 0
        self._generated = 0
        self._cached: int | None = None
        self._first_s = 0.0
        self._legs = 0

    def deltas(self) -> Iterator[ChatDelta]:
        """The reply, its beginning first."""
        assert self._request.resume is not None
        yield self._delta(_Piece(self._request.resume.text))
        if self._trie is not None:
            for delta in self._leave(self._trie):
                yield delta
                if delta.finish_reason is not None:
                    return
        while True:
            for delta in self._leg():
                yield delta
                if delta.finish_reason is not None:
                    return

    def _leave(self, trie: Trie) -> Iterator[ChatDelta]:
        """The tokens that lead away from what is to be avoided."""
        size = len(self._tokens.pieces)
        outlook = outlook_on(self._server, self._ids, trie, self._params, size=size)
        self._cached = outlook.cached
        try:
            chosen = way_out(self._state, trie, outlook)
        except ConstraintError:  # it may be that the likeliest tokens alone were not enough
            outlook = outlook_on(
                self._server, self._ids, trie, self._params, size=size, everything=True
            )
            chosen = way_out(self._state, trie, outlook)
        node = 0
        for token in chosen:
            piece = self._append(token)
            yield self._delta(piece, outlook.told(node, token, self._tokens.pieces))
            if piece.finish is not None:
                return
            node = trie.children[node].get(token, 0)

    def _leg(self) -> Iterator[ChatDelta]:
        """Generate until the reply ends, or until it must be steered again."""
        if self._params.logprobs is None:
            for token in self._state.forced():
                yield self._delta(piece := self._append(token))
                if piece.finish is not None:
                    return
        allowed = self._allowed()
        if not allowed:
            if not self._state.accepting:
                raise ConstraintError("no token of the model's can go on under the grammar")
            yield self._delta(_Piece(self._rest(), "stop"))
            return
        leg = self._run.next_leg()
        self._server.start(self._body(allowed), leg)
        try:
            while (chunk := self._run.next_chunk(leg)) is not None:
                choice = chunk["choices"][0]
                if self._cached is None and "timings" in chunk:
                    self._cached = int(chunk["timings"]["cache_n"])
                for told in logprobs(choice):
                    if not self._may_come(told.token_id):
                        return
                    piece = self._append(told.token_id)
                    yield self._delta(piece, (told,))
                    if piece.finish is not None:
                        return
                if choice["finish_reason"] == "length":
                    yield self._delta(_Piece(self._rest(), "length"))
                    return
                if self._params.logprobs is None and len(self._state.forced()) >= _WORTH:
                    return
            if self._run.aborted:
                yield self._delta(_Piece(self._rest(), "abort"))
        finally:
            leg.cancelled.set()

    def _allowed(self) -> int:
        mask = int.from_bytes(self._state.mask(), "little")
        return mask & ((1 << len(self._tokens.pieces)) - 1) & ~self._banned

    def _may_come(self, token: int) -> bool:
        """Whether a token that was generated freely is allowed."""
        if token in self._tokens.end:
            open_end = self._state.active and not self._allowed() >> token & 1
            return self._state.accepting and not open_end
        if self._state.active:
            return bool(self._allowed() >> token & 1)
        return self._state.copy().accept([token]) == 1

    def _body(self, allowed: int) -> dict[str, Any]:
        body = sampling(self._params, context=self._context) | {
            "prompt": self._ids,
            "max_tokens": self._most - self._generated + (self._owed > 0),
            "n_probs": max(1, self._params.logprobs or 0),
            "timings_per_token": True,
        }
        if "seed" in body:
            body["seed"] = (body["seed"] + self._legs) % 2**32
        self._legs += 1
        everything = (1 << len(self._tokens.pieces)) - 1
        if allowed | self._banned != everything:
            body["grammar"] = chain([allowed], more=f"any*\nany: {token_set(everything)}")
        return body

    def _append(self, token: int) -> _Piece:
        if token in self._tokens.end:
            self._generated += 1
            return _Piece(self._rest(), "stop")
        if token in self._stop_ids:
            return _Piece(self._rest(), "stop")
        if self._state.accept([token]) != 1:
            raise ConstraintError(f"token {token} is not allowed under the grammar")
        self._ids.append(token)
        spelled = self._tokens.pieces[token]
        self._owed -= len(spelled)
        self._generated += self._owed < 0
        self._first_s = self._first_s or self._run.elapsed_s
        text, stopped = self._stops.feed(self._new(spelled))
        if stopped:
            return _Piece(text, "stop")
        if self._state.finished:
            return _Piece(text + self._rest(), "stop")
        if self._generated >= self._most:
            return _Piece(text + self._rest(), "length")
        return _Piece(text)

    def _new(self, spelled: bytes) -> str:
        """The text of a token's bytes, without what belongs to the reply's beginning."""
        hidden = min(self._hidden, len(spelled))
        self._hidden -= hidden
        return self._utf8.decode(spelled[hidden:])

    def _rest(self) -> str:
        text, stopped = self._stops.feed(self._utf8.decode(b"", final=True))
        return text if stopped else text + self._stops.flush()

    def _delta(self, piece: _Piece, tokens: tuple[TokenLogprob, ...] = ()) -> ChatDelta:
        now = self._run.elapsed_s
        self._run.text.append(piece.text)
        return ChatDelta(
            piece.text,
            piece.finish,
            Usage(self._input, self._generated, min(self._cached or 0, self._input)),
            Timing(self._first_s or now, now),
            tokens if self._params.logprobs is not None else (),
        )
