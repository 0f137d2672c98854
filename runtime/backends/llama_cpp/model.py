"""The ``ChatModel`` of the llama.cpp backend."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from runtime.backends.llama_cpp.continuing import Continuation
from runtime.backends.llama_cpp.options import (
    DEFAULT_MAX_MODEL_LEN,
    LlamaCppOptions,
    check_engine,
)
from runtime.backends.llama_cpp.requests import LARK, logprobs, sampling
from runtime.backends.llama_cpp.scoring import score
from runtime.backends.llama_cpp.server import LlamaServer, Run
from runtime.backends.llama_cpp.vocabulary import Tokens, tokenize
from runtime.backends.resuming import Beginning, Resumed
from runtime.backends.scoring import check_options
from runtime.chat import ChatDelta, ChatRequest, FinishReason, Message, ModelMeta, Timing, Usage
from runtime.errors import ModelClosed, PromptTooLong
from runtime.model import ChatModel
from runtime.store.gguf import read_gguf_metadata
from structured.engines import engine
from structured.engines.lark import to_lark


class LlamaCppModel(ChatModel):
    """A GGUF model in this process."""

    def __init__(self, name: str, path: Path, options: LlamaCppOptions | None = None) -> None:
        """Load the weights; takes about a second per gigabyte from a warm disk cache.

        Raises:
            MissingExtra: ``xllamacpp`` is not installed.
            DeploymentFailed: llama.cpp cannot load the file.
        """
        self.name = name
        self.options = options or LlamaCppOptions()
        metadata = read_gguf_metadata(path)
        architecture = str(metadata.get("general.architecture", ""))
        trained = _integer(metadata, f"{architecture}.context_length") or DEFAULT_MAX_MODEL_LEN
        length = self.options.max_model_len or min(trained, DEFAULT_MAX_MODEL_LEN)
        self._server = LlamaServer(name, path, self.options, length)
        self._meta = ModelMeta(
            backend="llama_cpp",
            max_model_len=length,
            architectures=(architecture,),
            support_chat_template="tokenizer.chat_template" in metadata,
            parameters=_integer(metadata, "general.parameter_count"),
        )
        self._running: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._closed = False

    @property
    def meta(self) -> ModelMeta:
        """What the GGUF file says."""
        return self._meta

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """See :meth:`ChatModel.stream`. The request is sent at the first ``next()``."""
        check_engine("engine", request.engine)
        run = Run(self.name, request.params.timeout_s, time.perf_counter())
        body = self._body(request) if request.resume is None else {}
        with self._lock:
            if self._closed:
                raise ModelClosed(self.name)
            self._running[request.request_id] = run
        try:
            if request.resume is None:
                yield from self._deltas(request, body, run)
            else:
                yield from self._continuation(request, run).deltas()
        finally:
            run.stop()
            with self._lock:
                self._running.pop(request.request_id, None)

    def _deltas(self, request: ChatRequest, body: dict[str, Any], run: Run) -> Iterator[ChatDelta]:
        params = request.params
        stop_ids = frozenset(params.stop_token_ids)
        usage, first_s = Usage(), 0.0
        finish: FinishReason = "stop"
        leg = run.next_leg()
        self._server.start(body, leg)
        while (chunk := run.next_chunk(leg)) is not None:
            choice = chunk["choices"][0]
            tokens = logprobs(choice)
            if choice["finish_reason"] is not None:
                finish = "length" if choice["finish_reason"] == "length" else "stop"
                reported = chunk["usage"]
                usage = Usage(
                    reported["prompt_tokens"],
                    reported["completion_tokens"],
                    reported.get("prompt_tokens_details", {}).get("cached_tokens", 0),
                )
                continue
            if any(token.token_id in stop_ids for token in tokens):
                leg.cancelled.set()
                break
            usage = Usage(usage.input_tokens, usage.output_tokens + 1, usage.cached_tokens)
            first_s = first_s or run.elapsed_s
            run.text.append(choice["text"])
            yield ChatDelta(
                choice["text"],
                usage=usage,
                timing=Timing(first_s, run.elapsed_s),
                logprobs=tokens if params.logprobs is not None else (),
            )
        if run.aborted:
            finish = "abort"
        total = run.elapsed_s
        if not usage.input_tokens:  # cut short, so llama.cpp reported none
            usage = Usage(self._count(request), usage.output_tokens)
        yield ChatDelta("", finish, usage, Timing(first_s or total, total))

    def _continuation(self, request: ChatRequest, run: Run) -> Continuation:
        assert request.resume is not None
        tokens, prompt = self._tokens, self._prompt(request)
        ids = tokenize(self._server, prompt, special=True, prompt=True)
        beginning = Beginning.of(
            prompt,
            ids,
            request.resume.text,
            request.resume.avoid,
            encode=self.tokenize,
            pieces=tokens.pieces,
        )
        length = len(beginning.prompt) + len(beginning.ids)
        if length >= self._meta.max_model_len:
            raise PromptTooLong(tokens=length, limit=self._meta.max_model_len - 1, model=self.name)
        matcher = None
        if request.constraint is not None:
            matcher = engine().compile(request.constraint, tokens.vocabulary).matcher()
        state = Resumed.after(
            beginning,
            matcher,
            request.resume,
            pieces=tokens.pieces,
            width=tokens.vocabulary.size,
            end=tokens.end,
        )
        return Continuation(
            self._server, tokens, request, beginning, state, run, context=self._meta.max_model_len
        )

    @cached_property
    def _tokens(self) -> Tokens:
        with self._asking:
            return self.__dict__.get("_tokens") or Tokens.of(self._server)

    def _prompt(self, request: ChatRequest) -> str:
        if request.prompt is not None:
            return request.prompt
        return self.apply_chat_template(request.messages)

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        params = request.params
        body = sampling(params, context=self._meta.max_model_len) | {
            "prompt": self._prompt(request),
            "max_tokens": -1 if params.max_output_tokens is None else params.max_output_tokens,
            "stop": list(params.stop),
        }
        if params.logprobs is not None or params.stop_token_ids:
            body["n_probs"] = max(1, params.logprobs or 0)
        if request.constraint is not None:
            # Within bounds of time and memory first: llama.cpp sets none.
            engine().check(request.constraint)
            body["grammar"] = LARK + to_lark(request.constraint).text
        return body

    def score(self, request: ChatRequest, options: Sequence[str]) -> tuple[float, ...]:
        """See :meth:`ChatModel.score`. One request to llama.cpp for each option."""
        options = check_options(request, options)
        prompt = self._prompt(request)
        ids = tokenize(self._server, prompt, special=True, prompt=True)
        return score(self._server, self._tokens, prompt, ids, options)

    def _count(self, request: ChatRequest) -> int:
        return len(self.tokenize(self._prompt(request)))

    def abort(self, request_id: str) -> bool:
        """See :meth:`ChatModel.abort`."""
        with self._lock:
            run = self._running.get(request_id)
        if run is None:
            return False
        run.abort()
        return True

    def tokenize(self, text: str) -> list[int]:
        """See :meth:`ChatModel.tokenize`."""
        self._check_open()
        return tokenize(self._server, text, special=True)

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        """See :meth:`ChatModel.apply_chat_template`."""
        self._check_open()
        reply = self._server.post(
            "/apply-template", {"messages": [message.as_dict() for message in messages]}
        )
        return str(reply["prompt"])

    def _check_open(self) -> None:
        if self._closed:
            raise ModelClosed(self.name)

    def close(self) -> None:
        """End running requests and free the weights."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            running = list(self._running.values())
        for run in running:
            run.stop(ModelClosed(self.name))
        self._server.close()


def _integer(metadata: Mapping[str, object], key: str) -> int:
    value = metadata.get(key)
    return value if isinstance(value, int) else 0
