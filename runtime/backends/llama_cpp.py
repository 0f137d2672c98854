"""The llama.cpp backend: GGUF weights in this process, by the ``xllamacpp`` wheel.

llama.cpp's own server does slots, batching and sampling. We add what it lacks: grammars checked
before they are sent (it drops silently those it cannot build), stop token ids, deadlines, aborts
by request id, typed errors.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.chat import (
    ChatDelta,
    ChatRequest,
    FinishReason,
    Message,
    ModelMeta,
    Timing,
    TokenLogprob,
    Usage,
)
from runtime.errors import (
    DeploymentFailed,
    GenerationFailed,
    MissingExtra,
    ModelClosed,
    PromptTooLong,
    RequestTimeout,
)
from runtime.generation import GenerationParams
from runtime.model import ChatModel
from runtime.settings import let_openmp_threads_sleep
from runtime.store.gguf import read_gguf_metadata
from structured.lark import to_lark


@dataclass(frozen=True)
class LlamaCppOptions:
    """``backend.*`` keys of a llama.cpp deployment."""

    max_model_len: int = 0
    """Context length in tokens; 0: what the model was trained for, at most 8192."""
    n_parallel: int = 4
    """Requests decoded together; they share the context's memory."""
    n_threads: int = 0
    """CPU threads; 0: llama.cpp's choice."""
    n_gpu_layers: int = -1
    """Layers held on a GPU, where the installed wheel has one; -1: all that fit."""
    n_batch: int = 2048
    """Prompt tokens per forward pass, at most."""


DEFAULT_MAX_MODEL_LEN = 8192
_DONE = object()


class LlamaCppModel(ChatModel):
    """A GGUF model in this process."""

    def __init__(self, name: str, path: Path, options: LlamaCppOptions | None = None) -> None:
        """Load the weights; takes about a second per gigabyte from a warm disk cache.

        Raises:
            MissingExtra: ``xllamacpp`` is not installed.
            DeploymentFailed: llama.cpp cannot load the file.
        """
        let_openmp_threads_sleep()
        try:
            import httpx
            import xllamacpp
        except ImportError as error:
            raise MissingExtra(
                error.name or "xllamacpp", extra="local", needed_for="The llama.cpp backend"
            ) from None
        self.name = name
        self.options = options or LlamaCppOptions()
        metadata = read_gguf_metadata(path)
        architecture = str(metadata.get("general.architecture", ""))
        trained = _integer(metadata, f"{architecture}.context_length") or DEFAULT_MAX_MODEL_LEN
        length = self.options.max_model_len or min(trained, DEFAULT_MAX_MODEL_LEN)
        api_key = secrets.token_urlsafe(32)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = length
        params.n_parallel = self.options.n_parallel
        params.kv_unified = True  # any slot may use the whole context
        params.n_batch = self.options.n_batch
        params.n_gpu_layers = self.options.n_gpu_layers
        params.api_keys = [api_key]  # the server also listens on a loopback port
        params.ui = False
        params.endpoint_slots = False
        params.verbosity = 0
        if self.options.n_threads:
            params.cpuparams.n_threads = self.options.n_threads
            params.cpuparams_batch.n_threads = self.options.n_threads
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise DeploymentFailed(
                name,
                f"llama.cpp cannot load {path.name} ({error})",
                hint="check that the file is complete and of an architecture llama.cpp knows",
            ) from None
        self._http = httpx.Client(
            base_url=self._server.listening_address,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=60,
            trust_env=False,  # a proxy setting must not see loopback traffic
        )
        self._meta = ModelMeta(
            backend="llama_cpp",
            max_model_len=length,
            architectures=(architecture,),
            support_chat_template="tokenizer.chat_template" in metadata,
            parameters=_integer(metadata, "general.parameter_count"),
        )
        self._threads = ThreadPoolExecutor(
            max_workers=max(64, self.options.n_parallel), thread_name_prefix=f"llama-{name}"
        )
        self._running: dict[str, _Run] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def meta(self) -> ModelMeta:
        """What the GGUF file says."""
        return self._meta

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """See :meth:`ChatModel.stream`. The request is sent at the first ``next()``."""
        started = time.perf_counter()
        body = self._body(request)
        run = _Run()
        with self._lock:
            if self._closed:
                raise ModelClosed(self.name)
            self._running[request.request_id] = run
            self._threads.submit(self._complete, body, run)
        try:
            yield from self._deltas(request, run, started)
        finally:
            run.cancelled.set()
            with self._lock:
                self._running.pop(request.request_id, None)

    def _complete(self, body: dict[str, Any], run: _Run) -> None:
        """In a thread of its own: llama.cpp calls back for each token until it is told to stop."""

        def receive(chunk: dict[str, Any]) -> bool:
            run.chunks.put(chunk)
            return run.cancelled.is_set()

        try:
            if not run.cancelled.is_set():
                self._server.handle_completions(body, receive)
            run.chunks.put(_DONE)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            run.chunks.put(error)

    def _deltas(self, request: ChatRequest, run: _Run, started: float) -> Iterator[ChatDelta]:
        params = request.params
        stop_ids = frozenset(params.stop_token_ids)
        usage, first_s, text_length = Usage(), 0.0, 0
        finish: FinishReason = "stop"
        text_so_far: list[str] = []
        while True:
            chunk = self._next(run, params, started, text_so_far)
            if chunk is _DONE:
                break
            if "error" in chunk:
                raise self._error(chunk["error"])
            choice = chunk["choices"][0]
            logprobs = _logprobs(choice)
            if choice["finish_reason"] is not None:
                finish = "length" if choice["finish_reason"] == "length" else "stop"
                reported = chunk["usage"]
                usage = Usage(
                    reported["prompt_tokens"],
                    reported["completion_tokens"],
                    reported.get("prompt_tokens_details", {}).get("cached_tokens", 0),
                )
                continue
            if any(token.token_id in stop_ids for token in logprobs):
                run.cancelled.set()
                break
            usage = Usage(usage.input_tokens, usage.output_tokens + 1, usage.cached_tokens)
            now = time.perf_counter() - started
            first_s = first_s or now
            text = choice["text"]
            text_length += len(text)
            text_so_far.append(text)
            yield ChatDelta(
                text,
                usage=usage,
                timing=Timing(first_s, now),
                logprobs=logprobs if params.logprobs is not None else (),
            )
        if run.aborted:
            finish = "abort"
        total = time.perf_counter() - started
        if not usage.input_tokens:  # cut short, so llama.cpp reported none
            usage = Usage(self._count(request), usage.output_tokens)
        yield ChatDelta("", finish, usage, Timing(first_s or total, total))

    def _next(self, run: _Run, params: GenerationParams, started: float, so_far: list[str]) -> Any:
        left = None
        if params.timeout_s is not None:
            left = params.timeout_s - (time.perf_counter() - started)
        try:
            if left is not None and left <= 0:
                raise queue.Empty
            chunk = run.chunks.get(timeout=left)
        except queue.Empty:
            assert params.timeout_s is not None
            raise RequestTimeout(
                timeout_s=params.timeout_s, model=self.name, text="".join(so_far)
            ) from None
        if isinstance(chunk, BaseException):
            if isinstance(chunk, ModelClosed):
                raise chunk
            raise GenerationFailed(self.name, repr(chunk)) from chunk
        return chunk

    def _error(self, error: dict[str, Any]) -> Exception:
        if error.get("type") == "exceed_context_size_error":
            return PromptTooLong(
                tokens=int(error["n_prompt_tokens"]), limit=int(error["n_ctx"]), model=self.name
            )
        return GenerationFailed(self.name, str(error.get("message", error)))

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        params = request.params
        prompt = request.prompt
        if prompt is None:
            prompt = self.apply_chat_template(request.messages)
        body: dict[str, Any] = {
            "prompt": prompt,
            "stream": True,
            "max_tokens": -1 if params.max_output_tokens is None else params.max_output_tokens,
            "temperature": params.temperature,
            "top_p": params.top_p,
            "top_k": params.top_k if params.top_k is not None and params.top_k > 0 else 0,
            "min_p": params.min_p,
            "repeat_penalty": params.repetition_penalty,
            "presence_penalty": params.presence_penalty,
            "frequency_penalty": params.frequency_penalty,
            "repeat_last_n": self._meta.max_model_len,  # the whole text, as in vLLM
            "stop": list(params.stop),
            "ignore_eos": params.ignore_eos,
            "cache_prompt": True,
        }
        if params.seed is not None:
            body["seed"] = params.seed % 2**32
        if params.logprobs is not None or params.stop_token_ids:
            body["n_probs"] = max(1, params.logprobs or 0)
        if request.constraint is not None:
            body["grammar"] = "%llguidance {}\n" + to_lark(request.constraint).text
        return body

    def _count(self, request: ChatRequest) -> int:
        prompt = request.prompt
        return len(
            self.tokenize(self.apply_chat_template(request.messages) if prompt is None else prompt)
        )

    def abort(self, request_id: str) -> bool:
        """See :meth:`ChatModel.abort`."""
        with self._lock:
            run = self._running.get(request_id)
        if run is None:
            return False
        run.aborted = True
        run.cancelled.set()
        run.chunks.put(_DONE)
        return True

    def tokenize(self, text: str) -> list[int]:
        """See :meth:`ChatModel.tokenize`."""
        reply = self._post("/tokenize", {"content": text, "parse_special": True})
        return [int(token) for token in reply["tokens"]]

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        """See :meth:`ChatModel.apply_chat_template`."""
        reply = self._post(
            "/apply-template", {"messages": [message.as_dict() for message in messages]}
        )
        return str(reply["prompt"])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        if self._closed:
            raise ModelClosed(self.name)
        reply = self._http.post(path, json=body)
        content = reply.json()
        if reply.is_error:
            raise self._error(content.get("error", {"message": reply.text}))
        return content

    def close(self) -> None:
        """End running requests and free the weights."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            running = list(self._running.values())
        for run in running:
            run.cancelled.set()
            run.chunks.put(ModelClosed(self.name))
        self._threads.shutdown(wait=True)
        self._http.close()
        del self._server


def _integer(metadata: Mapping[str, object], key: str) -> int:
    value = metadata.get(key)
    return value if isinstance(value, int) else 0


class _Run:
    """One request under way."""

    def __init__(self) -> None:
        self.chunks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.cancelled = threading.Event()
        self.aborted = False


def _logprobs(choice: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    reported = (choice.get("logprobs") or {}).get("content") or ()
    return tuple(
        TokenLogprob(
            token_id=int(token["id"]),
            token=token["token"],
            logprob=float(token["logprob"]),
            top=tuple((top["token"], float(top["logprob"])) for top in token["top_logprobs"]),
        )
        for token in reported
    )
