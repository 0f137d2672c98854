"""The ``ChatModel`` of the transformers backend."""

from __future__ import annotations

import gc
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from runtime.backends.resuming import Resumed, spelled_behind
from runtime.backends.scoring import check_options
from runtime.backends.transformers.guide import Guide
from runtime.backends.transformers.loading import Loaded
from runtime.backends.transformers.lookup import Lookup
from runtime.backends.transformers.options import TransformersOptions
from runtime.backends.transformers.prefixes import Prefixes
from runtime.backends.transformers.row import Row
from runtime.backends.transformers.scheduler import Scheduler
from runtime.backends.transformers.scoring import Scoring
from runtime.chat import ChatDelta, ChatRequest, Message, ModelMeta
from runtime.errors import ModelClosed, PromptTooLong, RequestTimeout, WorkerDied
from runtime.model import ChatModel
from structured.engine import Matcher
from structured.engines import engine

_CHECK_S = 5.0
"""How often a reader that waits for its next token looks whether the decode loop still runs."""


class TransformersModel(ChatModel):
    """A model of transformers' in this process."""

    def __init__(self, loaded: Loaded, options: TransformersOptions | None = None) -> None:
        """Start decoding with a loaded model."""
        options = options or TransformersOptions()
        self.name = loaded.name
        self._codec = loaded.codec
        self._device = loaded.forward.device
        self._engine = options.engine
        self._guesses = options.guess and loaded.batch.plain
        self._prefixes = Prefixes(limit_mb=options.prefix_cache_mb)
        self._meta = ModelMeta(
            backend="transformers",
            max_model_len=loaded.max_model_len,
            architectures=tuple(
                loaded.config.architectures or (type(loaded.forward.model).__name__,)
            ),
            support_chat_template=loaded.codec.has_template,
            parameters=int(loaded.forward.model.num_parameters()),
        )
        self._rows: dict[str, Row] = {}
        self._lock = threading.Lock()
        self._scheduler: Scheduler | None = Scheduler(
            self.name, loaded.forward, loaded.batch, self._prefixes
        )

    @property
    def meta(self) -> ModelMeta:
        """What the model's configuration says."""
        return self._meta

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """See :meth:`ChatModel.stream`. The request is made at the first ``next()``."""
        started = time.perf_counter()
        scheduler = self._open()
        row = self._row(request, started)
        with self._lock:
            self._rows[request.request_id] = row
        try:
            scheduler.submit(row)
            yield from self._deltas(row, scheduler)
        finally:
            row.leave()
            with self._lock:
                if self._rows.get(request.request_id) is row:
                    del self._rows[request.request_id]

    def _row(self, request: ChatRequest, started: float) -> Row:
        codec, params = self._codec, request.params
        beginning = codec.beginning(request, self._prefixes.spelling)
        length = len(beginning.prompt) + len(beginning.ids)
        limit = self._meta.max_model_len
        if length >= limit:
            raise PromptTooLong(tokens=length, limit=limit - 1, model=self.name)
        guide, matcher, resumed = None, self._matcher(request), None
        if request.resume is not None:
            matcher = resumed = Resumed.after(
                beginning,
                matcher,
                request.resume,
                pieces=codec.pieces,
                width=codec.width,
                end=codec.end,
            )
        if matcher is not None:
            banned = codec.end if params.ignore_eos else ()
            guide = Guide(matcher, width=codec.width, banned=banned)
        room = limit - length
        lookup = None
        if self._guesses:
            lookup = Lookup(beginning.text, [*beginning.prompt, *beginning.ids], codec.encode)
        return Row(
            request,
            beginning,
            codec,
            guide=guide,
            resumed=resumed,
            lookup=lookup,
            max_new_tokens=min(params.max_output_tokens or room, room),
            started=started,
            device=self._device,
        )

    def _matcher(self, request: ChatRequest) -> Matcher | None:
        if request.constraint is None:
            return None
        grammar = engine(request.engine or self._engine).compile(
            request.constraint, self._codec.vocabulary
        )
        return grammar.matcher()

    def _deltas(self, row: Row, scheduler: Scheduler) -> Iterator[ChatDelta]:
        text: list[str] = []
        while True:
            delta = self._next(row, scheduler, row.request, text)
            text.append(delta.text)
            yield delta
            if delta.finish_reason is not None:
                return

    def _next(
        self, job: Row | Scoring, scheduler: Scheduler, request: ChatRequest, text: list[str]
    ) -> Any:
        """What a job says next. ``text``: what it said so far, for the error when it is late."""
        while True:
            wait = _CHECK_S
            if job.deadline is not None:
                wait = min(wait, job.deadline - time.perf_counter())
                if wait <= 0:
                    raise RequestTimeout(
                        timeout_s=request.params.timeout_s or 0,
                        model=self.name,
                        text="".join(text),
                    )
            try:
                item = job.out.get(timeout=wait)
            except queue.Empty:
                if not scheduler.alive and job.out.empty():
                    raise WorkerDied(self.name, "its decode loop has ended") from None
                continue
            if isinstance(item, Exception):
                raise item
            return item

    def score(self, request: ChatRequest, options: Sequence[str]) -> tuple[float, ...]:
        """See :meth:`ChatModel.score`. One forward pass for the prompt, one for 256 tokens."""
        started, scheduler, codec = time.perf_counter(), self._open(), self._codec
        options = check_options(request, options)
        text, prompt = codec.prompt(request)
        paths = [
            spelled_behind(text, prompt, option, encode=codec.encode, pieces=codec.pieces)
            for option in options
        ]
        longest = len(prompt) + max(map(len, paths))
        if longest >= self._meta.max_model_len:
            raise PromptTooLong(tokens=longest, limit=self._meta.max_model_len - 1, model=self.name)
        timeout_s = request.params.timeout_s
        deadline = None if timeout_s is None else started + timeout_s
        job = Scoring(prompt, paths, end=codec.end, deadline=deadline)
        try:
            scheduler.submit(job)
            scores: tuple[float, ...] = self._next(job, scheduler, request, [])
            return scores
        finally:
            job.leave()

    def abort(self, request_id: str) -> bool:
        """See :meth:`ChatModel.abort`."""
        with self._lock:
            row = self._rows.get(request_id)
        if row is None:
            return False
        row.abort()
        return True

    def tokenize(self, text: str) -> list[int]:
        """See :meth:`ChatModel.tokenize`."""
        self._open()
        return self._codec.encode(text)

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        """See :meth:`ChatModel.apply_chat_template`.

        Raises:
            InvalidConversation: The model has no template, or it refuses these messages.
        """
        self._open()
        return self._codec.render(messages)

    def _open(self) -> Scheduler:
        scheduler = self._scheduler
        if scheduler is None:
            raise ModelClosed(self.name)
        return scheduler

    def close(self) -> None:
        """End running requests and free the weights."""
        with self._lock:
            scheduler, self._scheduler = self._scheduler, None
        if scheduler is None:
            return
        scheduler.close()
        del scheduler  # with it go the model and its cache
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
