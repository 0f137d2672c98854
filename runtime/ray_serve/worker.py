"""What runs in a replica: one model, and the methods that :class:`RayModel` calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from runtime.backends import load_model
from runtime.chat import ChatDelta, ChatReply, ChatRequest, Message, ModelMeta
from runtime.deployment import DeploymentSpec
from runtime.errors import DeploymentFailed, GenerationFailed, ModelClosed, WorkerDied
from runtime.local import prove
from runtime.ray_serve.coalesce import coalesced
from runtime.ray_serve.failures import Failure, LoadFailed
from runtime.resources import cpu_count
from structured.errors import ByzerError

_log = logging.getLogger("ray.serve")  # goes to the replica's log file
_SPARE_THREADS = 8
_up: list[Worker] = []
"""The worker of this process, once its model is up."""
_ABORT_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Description:
    """What a replica says of itself."""

    meta: ModelMeta
    token: str
    """Of the deployment, so that a program sees whether the name is another's by now."""
    pid: int
    running: tuple[str, ...]
    """Ids of the requests under way."""


class Worker:
    """A replica. Its methods run in Ray Serve's loop for user code, the model outside of it."""

    def __init__(self, spec: DeploymentSpec, token: str, concurrency: int) -> None:
        """Load the model and prove it; what goes wrong is in the error's text."""
        # Serve's default of (CPUs + 4) threads would hold up agenerate, which takes one a request.
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(concurrency + _SPARE_THREADS, thread_name_prefix="worker")
        )
        self._token = token
        self._running: dict[str, int] = {}
        """The requests under way, with how many replies each makes."""
        self._dead = ""
        try:
            self._model = load_model(spec)
            if spec.cpus_per_worker is None:
                _use_all_cores()
            prove(self._model)
        except ByzerError as error:
            raise LoadFailed(error) from None
        except Exception as error:  # third-party errors may not survive the trip
            failed = DeploymentFailed(spec.name, f"{type(error).__name__}: {error}")
            raise LoadFailed(failed) from error
        _up.append(self)

    async def generate(self, request: ChatRequest) -> ChatReply | Failure:
        """The whole reply."""
        with self._under_way(request):
            try:
                return await self._generated(request)
            except Exception as error:  # noqa: BLE001 - told to the caller
                return self._failure(error)

    async def _generated(self, request: ChatRequest) -> ChatReply:
        reply = asyncio.ensure_future(self._model.agenerate(request))
        try:
            return await asyncio.shield(reply)
        except asyncio.CancelledError:
            reply.cancel()
            while not reply.done():  # the model may not have known the request yet
                self._abort(request.request_id, request.params.best_of)
                await asyncio.wait({reply}, timeout=_ABORT_AGAIN_S)
            with contextlib.suppress(BaseException):
                reply.result()
            raise

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatDelta | Failure]:
        """The reply in pieces."""
        with self._under_way(request):
            async with contextlib.aclosing(coalesced(self._model.astream(request))) as pieces:
                try:
                    async for piece in pieces:
                        yield piece
                except Exception as error:  # noqa: BLE001 - told to the caller
                    yield self._failure(error)

    async def tokenize(self, text: str) -> list[int] | Failure:
        """See :meth:`ChatModel.tokenize`."""
        try:
            return await asyncio.to_thread(self._model.tokenize, text)
        except Exception as error:  # noqa: BLE001 - told to the caller
            return self._failure(error)

    async def apply_chat_template(self, messages: Sequence[Message]) -> str | Failure:
        """See :meth:`ChatModel.apply_chat_template`."""
        try:
            return await asyncio.to_thread(self._model.apply_chat_template, messages)
        except Exception as error:  # noqa: BLE001 - told to the caller
            return self._failure(error)

    async def score(
        self, request: ChatRequest, options: tuple[str, ...]
    ) -> tuple[float, ...] | Failure:
        """See :meth:`ChatModel.score`."""
        try:
            return await asyncio.to_thread(self._model.score, request, options)
        except Exception as error:  # noqa: BLE001 - told to the caller
            return self._failure(error)

    def abort(self, request_id: str) -> bool:
        """See :meth:`ChatModel.abort`. By :func:`control`."""
        return self._abort(request_id, self._running.get(request_id, 1))

    def describe(self) -> Description:
        """What this replica is and does. By :func:`control`."""
        return Description(self._model.meta, self._token, os.getpid(), tuple(self._running))

    def stop(self) -> None:
        """End the requests under way, before the replica is taken down. By :func:`control`."""
        threading.Thread(target=self._model.close, name="stop", daemon=True).start()

    def _abort(self, request_id: str, best_of: int) -> bool:
        ids = [request_id, *(f"{request_id}-{i}" for i in range(1, best_of))]  # see _best_of
        return True in [self._model.abort(one) for one in ids]

    async def check_health(self) -> None:
        """Asked by Ray Serve, which replaces a replica that raises here."""
        if self._dead:
            raise RuntimeError(self._dead)

    @contextmanager
    def _under_way(self, request: ChatRequest) -> Iterator[None]:
        self._running[request.request_id] = request.params.best_of
        try:
            yield
        finally:
            self._running.pop(request.request_id, None)

    def _failure(self, error: Exception) -> Failure:
        if isinstance(error, WorkerDied):  # the engine in this process: a new replica is needed
            self._dead = str(error)
        if isinstance(error, ByzerError):
            return Failure(error)
        _log.error("An unexpected error of the model %r", self._model.name, exc_info=error)
        # Third-party errors may not survive the trip.
        return Failure(GenerationFailed(self._model.name, f"{type(error).__name__}: {error}"))

    def __del__(self) -> None:
        model = getattr(self, "_model", None)  # absent when loading failed
        if model is not None:
            with contextlib.suppress(ModelClosed):
                model.close()


def control(_actor: object, method: str, *args: Any) -> Any:
    """Call a method of this process's worker; ``None`` while there is none.

    It runs in the replica's main event loop, so the methods return at once.
    """
    return getattr(_up[0], method)(*args) if _up else None


def _use_all_cores() -> None:
    """Undo Ray's ``OMP_NUM_THREADS=1`` for torch, where no number of CPUs was asked for."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(cpu_count())
