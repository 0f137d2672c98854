"""The decode loop: one thread per model that reads prompts and takes steps for all rows at once.

Between two steps, rows that are finished, aborted or late leave the batch, and waiting ones enter
it. A prompt is read alone, long ones in pieces, so that the rows under way do not stand still.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch

from runtime.backends.transformers.batching import Batch
from runtime.backends.transformers.forward import Forward
from runtime.backends.transformers.prefixes import Prefixes
from runtime.backends.transformers.row import Row
from runtime.backends.transformers.tree import read_trie
from runtime.backends.trie import Trie
from runtime.errors import GenerationFailed, ModelClosed, WorkerDied

log = logging.getLogger(__name__)

_PROMPT_TOKENS = 512
"""Prompt tokens that are read between two steps."""
_STEP_TOKENS = 64
"""Tokens of one step of several rows, rows times the longest: forced tokens may swell it so far.
On two CPU cores that takes less than twice as long as a step of eight rows with one token each."""


class _Reading:
    """A row whose prompt is being read."""

    def __init__(self, row: Row, forward: Forward, batch: Batch, prefixes: Prefixes) -> None:
        self.row = row
        self.cache = forward.new_cache()
        self._forward = forward
        self._plain = batch.plain
        self._read, layers = prefixes.find(row.prompt) if batch.plain else (0, [])
        for layer, (keys, values) in zip(self.cache.layers, layers, strict=False):
            layer.update(keys, values)
        row.cached = self._read

    def advance(self, count: int) -> tuple[int, Any]:
        """Read ``count`` more tokens: how many there were, and the logits after the last one."""
        piece = self.row.prompt[self._read : self._read + count]
        ids = torch.tensor([piece], device=self._forward.device)
        logits = self._forward(ids, self.cache, start=self._read)
        self._read += len(piece)
        return len(piece), logits[0] if self._read == len(self.row.prompt) else None

    def beyond(self, trie: Trie, logits: Any) -> Any:
        """The logits after each of a trie's nodes, the first of which are those of the prompt."""
        if len(trie) == 1:
            return logits[None]
        more = read_trie(self._forward, self.cache, self._read, trie, plain=self._plain)
        return torch.cat([logits[None], more])


class Scheduler:
    """Decodes the rows that are submitted to it. Safe to use from any thread."""

    def __init__(
        self, name: str, forward: Forward, batch: Batch, prefixes: Prefixes | None = None
    ) -> None:
        """Decode with a model; ``prefixes`` keeps what was read for later requests."""
        self._name = name
        self._forward = forward
        self._batch = batch
        self._prefixes = prefixes or Prefixes(limit_mb=0)
        self._running: list[Row] = []  # in the batch's order
        self._reading: _Reading | None = None
        self._waiting: deque[Row] = deque()
        self._work = threading.Condition()
        self._closing = False
        self._end: Callable[[], Exception] | None = None  # what to say once the loop has ended
        self._thread = threading.Thread(target=self._run, name=f"decode-{name}", daemon=True)
        self._thread.start()
        # A thread that the interpreter stops inside torch can take the process down with it.
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """Whether rows are still decoded."""
        return self._thread.is_alive()

    def submit(self, row: Row) -> None:
        """Have a row decoded, after those that wait already.

        Raises:
            ModelClosed, WorkerDied: The loop has ended.
        """
        with self._work:
            if self._end is not None:
                raise self._end()
            if self._closing:
                raise ModelClosed(self._name)
            if not self.alive:
                raise WorkerDied(self._name)
            self._waiting.append(row)
            self._work.notify()

    def close(self) -> None:
        """End the loop, and all rows with ``ModelClosed``; returns when the thread has ended."""
        atexit.unregister(self.close)
        with self._work:
            self._closing = True
            self._work.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        end: Callable[[], Exception] = lambda: ModelClosed(self._name)  # noqa: E731
        try:
            with torch.inference_mode():
                while self._wait_for_work():
                    self._drop_unwanted()
                    self._admit()
                    self._step()
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            log.exception("the decode loop of %r has ended", self._name)
            end = lambda: WorkerDied(self._name, reason)  # noqa: E731
        finally:
            with self._work:
                self._end = end
                rows = [*self._running, *self._waiting]
                if self._reading is not None:
                    rows.append(self._reading.row)
                self._running, self._reading = [], None
                self._waiting.clear()
            for row in rows:
                row.fail(end())
            self._batch.clear()
            self._prefixes.clear()

    def _wait_for_work(self) -> bool:
        """Wait until there is something to do; False when the loop is to end."""
        with self._work:
            while not (self._closing or self._running or self._reading or self._waiting):
                self._work.wait()
            return not self._closing

    def _drop_unwanted(self) -> None:
        for i in reversed(range(len(self._running))):
            if self._running[i].unwanted:
                self._remove(i)
        if self._reading is not None and self._reading.row.unwanted:
            self._reading = None
        with self._work:
            self._waiting = deque(row for row in self._waiting if not row.unwanted)

    def _remove(self, i: int) -> None:
        """As :meth:`Batch.remove`: the last row takes the number of the one that goes."""
        if self._batch.plain:
            length, layers = self._batch.contents(i)
            self._prefixes.keep(self._running[i].tokens[:length], layers)
        self._batch.remove(i)
        self._running[i] = self._running[-1]
        self._running.pop()

    def _admit(self) -> None:
        """Read waiting prompts, as far as there is room and as a step's delay allows."""
        left = _PROMPT_TOKENS
        while left > 0 and (reading := self._next_to_read()):
            count = left if self._batch.ragged else len(reading.row.prompt)
            try:
                read, logits = reading.advance(count)
                left -= read
                if logits is not None:
                    self._reading = None
                    self._enter(reading, logits)
            except Exception as error:  # noqa: BLE001 - it fails its row, not the model
                self._reading = None
                self._fail([reading.row], "reading a prompt", error)

    def _next_to_read(self) -> _Reading | None:
        if self._reading is None and len(self._running) < self._batch.capacity:
            while (row := self._next_waiting()) is not None:
                row.open(self._name)
                if not row.done:
                    self._reading = _Reading(row, self._forward, self._batch, self._prefixes)
                    break
                row.end()
        return self._reading

    def _next_waiting(self) -> Row | None:
        with self._work:
            return self._waiting.popleft() if self._waiting else None

    def _enter(self, reading: _Reading, logits: Any) -> None:
        row = reading.row
        if self._batch.plain:
            layers = [(layer.keys, layer.values) for layer in reading.cache.layers]
            self._prefixes.keep(row.prompt, layers)
        if row.trie is None:
            row.advance(logits, self._name)
        else:
            row.look(reading.beyond(row.trie, logits), self._name)
        if row.done:
            row.end()
        else:
            self._batch.add(reading.cache, len(row.prompt))
            self._running.append(row)

    def _step(self) -> None:
        if not self._running:
            return
        tokens = [row.pending[: self._longest()] for row in self._running]
        try:
            logits = self._batch.step(tokens)
        except Exception as error:  # noqa: BLE001 - it fails these rows, not the model
            rows, self._running = self._running, []
            self._batch.clear()
            self._fail(rows, "decoding", error)
            return
        for i in reversed(range(len(self._running))):
            row = self._running[i]
            del row.pending[: len(tokens[i])]
            if not row.pending:
                row.advance(logits[i], self._name)
                if row.done:
                    self._remove(i)
                    row.end()

    def _longest(self) -> int:
        """How many tokens of a row one step may read."""
        if not self._batch.ragged:
            return 1
        rows = len(self._running)
        return _PROMPT_TOKENS if rows == 1 else max(1, _STEP_TOKENS // rows)

    def _fail(self, rows: Sequence[Row], doing: str, error: Exception) -> None:
        """End rows with what happened. The exception itself is let go: it holds on to tensors."""
        log.error("%s of %r failed", doing, self._name, exc_info=error)
        for row in rows:
            row.fail(GenerationFailed(self._name, f"{type(error).__name__}: {error}"))
        self._prefixes.clear()  # it may be memory that was lacking
        if self._forward.device.type == "cuda":
            torch.cuda.empty_cache()
