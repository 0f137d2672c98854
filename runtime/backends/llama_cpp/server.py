"""llama.cpp's server in this process, and the requests that run in it."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from runtime.backends.llama_cpp.options import LlamaCppOptions
from runtime.errors import (
    DeploymentFailed,
    GenerationFailed,
    MissingExtra,
    ModelClosed,
    PromptTooLong,
    RequestTimeout,
)
from runtime.settings import let_openmp_threads_sleep

_DONE = object()


class Leg:
    """One request to the server: a whole reply, or a part of one."""

    def __init__(self) -> None:
        self.chunks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.cancelled = threading.Event()

    def end(self, last: object = _DONE) -> None:
        """Have the server stop, and the reader see ``last``. From any thread."""
        self.cancelled.set()
        self.chunks.put(last)


class Run:
    """One reply under way, in one leg after the other."""

    def __init__(self, model: str, timeout_s: float | None, started: float) -> None:
        """``started``: ``time.perf_counter()`` when the reply was asked for."""
        self.aborted = False
        self.text: list[str] = []
        """What the reader got so far."""
        self._model = model
        self._timeout_s = timeout_s
        self._started = started
        self._lock = threading.Lock()
        self._leg: Leg | None = None
        self._last: object = None

    def next_leg(self) -> Leg:
        """A new leg, after the one before has ended."""
        with self._lock:
            self._leg = Leg()
            if self._last is not None:
                self._leg.end(self._last)
            return self._leg

    def stop(self, last: object = _DONE) -> None:
        """End the leg under way, and those to come. From any thread."""
        with self._lock:
            self._last = last
            if self._leg is not None:
                self._leg.end(last)

    def abort(self) -> None:
        """End the reply as it stands."""
        self.aborted = True
        self.stop()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the reply was asked for."""
        return time.perf_counter() - self._started

    def next_chunk(self, leg: Leg) -> dict[str, Any] | None:
        """What the server says next; ``None`` at the end.

        Raises:
            RequestTimeout, ModelClosed, GenerationFailed
        """
        left = None if self._timeout_s is None else self._timeout_s - self.elapsed_s
        try:
            if left is not None and left <= 0:
                raise queue.Empty
            chunk = leg.chunks.get(timeout=left)
        except queue.Empty:
            assert self._timeout_s is not None
            raise RequestTimeout(
                timeout_s=self._timeout_s, model=self._model, text="".join(self.text)
            ) from None
        if isinstance(chunk, ModelClosed):
            raise chunk
        if isinstance(chunk, BaseException):
            raise GenerationFailed(self._model, repr(chunk)) from chunk
        if chunk is _DONE:
            return None
        if "error" in chunk:
            raise completion_error(self._model, chunk["error"])
        found: dict[str, Any] = chunk
        return found


class LlamaServer:
    """The server of one model. Safe to use from any thread."""

    def __init__(self, name: str, path: Path, options: LlamaCppOptions, context: int) -> None:
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
        api_key = secrets.token_urlsafe(32)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = context
        params.n_parallel = options.n_parallel
        params.kv_unified = True  # any slot may use the whole context
        params.n_batch = options.n_batch
        params.n_gpu_layers = options.n_gpu_layers
        params.api_keys = [api_key]  # the server also listens on a loopback port
        params.ui = False
        params.endpoint_slots = False
        params.verbosity = 0
        if options.n_threads:
            params.cpuparams.n_threads = options.n_threads
            params.cpuparams_batch.n_threads = options.n_threads
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
        self._threads = ThreadPoolExecutor(
            max_workers=max(64, options.n_parallel), thread_name_prefix=f"llama-{name}"
        )

    def start(self, body: dict[str, Any], leg: Leg) -> None:
        """Send a completion request; its chunks go into ``leg``."""
        self._threads.submit(self._complete, body, leg)

    def _complete(self, body: dict[str, Any], leg: Leg) -> None:
        """In a thread of its own: llama.cpp calls back for each token until it is told to stop."""

        def receive(chunk: dict[str, Any]) -> bool:
            leg.chunks.put(chunk)
            return leg.cancelled.is_set()

        try:
            if not leg.cancelled.is_set():
                self._server.handle_completions(body, receive)
            leg.chunks.put(_DONE)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            leg.chunks.put(error)

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """A completion that is short enough to be waited for.

        Raises:
            PromptTooLong, GenerationFailed
        """
        chunks: list[dict[str, Any]] = []

        def receive(chunk: dict[str, Any]) -> bool:
            chunks.append(chunk)
            return False

        self._server.handle_completions(body | {"stream": False}, receive)
        if not chunks:
            raise GenerationFailed(self.name, "llama.cpp gave no answer")
        if "error" in chunks[-1]:
            raise completion_error(self.name, chunks[-1]["error"])
        return chunks[-1]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """One of the server's other calls.

        Raises:
            PromptTooLong, GenerationFailed
        """
        reply = self._http.post(path, json=body)
        content = reply.json()
        if reply.is_error:
            raise completion_error(self.name, content.get("error", {"message": reply.text}))
        return content

    def close(self) -> None:
        """Free the weights, once the legs under way have ended."""
        self._threads.shutdown(wait=True)
        self._http.close()
        del self._server


def completion_error(model: str, error: dict[str, Any]) -> Exception:
    """What the server complains of, as our error."""
    if error.get("type") == "exceed_context_size_error":
        return PromptTooLong(
            tokens=int(error["n_prompt_tokens"]), limit=int(error["n_ctx"]), model=model
        )
    return GenerationFailed(model, str(error.get("message", error)))
