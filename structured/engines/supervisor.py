"""The near end of :mod:`~structured.engines.trial`: starts its process and ends it in time."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from threading import Lock
from typing import Any

from structured.constraint import Constraint
from structured.engine import Vocabulary
from structured.engines.trial import OUT_OF_MEMORY
from structured.errors import CompilationTooExpensive, ConstraintError

_START_S = 120.0
"""For importing an engine, and for preparing it for a vocabulary; not charged to a constraint."""


class _Ended(Exception):
    """The process is gone, or was sent away; ``code`` is its exit status."""

    def __init__(self, code: int | None) -> None:
        self.code = code


class Supervisor:
    """Trials for one engine, one at a time. Safe with threads, and in a forked process."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._vocabulary: weakref.ref[Vocabulary] | None = None
        self._buffer = b""
        _supervisors.add(self)

    def trial(
        self, constraint: Constraint, vocabulary: Vocabulary, *, timeout_s: float, memory_mb: float
    ) -> None:
        """Compile ``constraint`` elsewhere, and come back when that went well.

        Raises:
            CompilationTooExpensive: It took more than ``timeout_s`` or ``memory_mb``.
            ConstraintError: The engine refuses it.
        """
        job = {
            "constraint": constraint.model_dump(mode="python"),
            "id": id(vocabulary),
            "timeout_s": timeout_s,
            "memory_mb": memory_mb,
        }
        with self._lock:
            self._prepare(vocabulary)
            start = time.monotonic()
            try:
                answer = self._asked(job, timeout_s)
            except _Ended as ended:
                spent = time.monotonic() - start
                raise _overrun(self._engine, ended.code, spent, timeout_s, memory_mb) from None
        if answer.get("memory"):
            raise _too_much(self._engine, "memory", memory_mb, memory_mb)
        if (refused := answer.get("refused")) is not None:
            message = refused.pop("message")
            raise ConstraintError(message, engine=self._engine, **refused)

    def stop(self) -> None:
        """End the process, if there is one; a later trial starts another."""
        with self._lock:
            self._kill()

    # -- inside, under the lock ------------------------------------------------------------------

    def _prepare(self, vocabulary: Vocabulary) -> None:
        """A process that knows the vocabulary."""
        if self._process is not None and self._process.poll() is not None:
            self._kill()
        try:
            if self._process is None:
                self._start()
            if self._vocabulary is None or self._vocabulary() is not vocabulary:
                told = {"id": id(vocabulary), "vocabulary": _told(vocabulary)}
                self._vocabulary = None
                self._asked(told, _START_S)
                self._vocabulary = weakref.ref(vocabulary)
        except (_Ended, OSError) as error:
            raise ConstraintError(
                f"the process that compiles large constraints on trial did not start: {error!r}",
                engine=self._engine,
                hint="a smaller constraint needs no trial",
            ) from None

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            [sys.executable, "-m", "structured.engines.trial", self._engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=Path(__file__).parents[2],
        )
        self._buffer, self._vocabulary = b"", None
        self._answer(_START_S)

    def _asked(self, job: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            line = memoryview(json.dumps(job).encode() + b"\n")
            while line:
                line = line[os.write(self._process.stdin.fileno(), line) :]
        except OSError:
            raise _Ended(self._kill()) from None
        return self._answer(timeout_s)

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        """The next line of the process."""
        assert self._process is not None
        assert self._process.stdout is not None
        fd, deadline = self._process.stdout.fileno(), time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(fd, select.POLLIN | select.POLLHUP)
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                self._kill()
                raise _Ended(None)
            chunk = os.read(fd, 65536)
            if not chunk:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(5)
                raise _Ended(self._kill())
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _kill(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        code = process.wait()
        _close(process)
        return code

    def _disown(self) -> None:
        """In a forked process: the trial belongs to the parent."""
        process, self._process, self._lock = self._process, None, Lock()
        if process is not None:
            process.returncode = 0  # not ours to wait for
            _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _told(vocabulary: Vocabulary) -> dict[str, Any]:
    tokens = vocabulary.tokens
    return {
        "size": vocabulary.size,
        "eos": list(vocabulary.eos),
        "special": sorted(vocabulary.special),
        "tokens": None if tokens is None else [token.decode("latin-1") for token in tokens],
        "tokenizer_json": vocabulary.tokenizer_json,
    }


def _overrun(
    engine: str, code: int | None, spent: float, timeout_s: float, memory_mb: float
) -> ConstraintError:
    """Why a process did not answer: killed at the deadline, or dead by its own doing."""
    if code is None or code == -signal.SIGALRM:
        return _too_much(engine, "time", timeout_s, spent)
    if code in (-signal.SIGSEGV, -signal.SIGBUS):
        return _too_much(engine, "stack", memory_mb, memory_mb)
    if code in (OUT_OF_MEMORY, -signal.SIGABRT, -signal.SIGKILL):  # a failed allocation aborts
        return _too_much(engine, "memory", memory_mb, memory_mb)
    return ConstraintError(
        f"compiling this constraint with {engine} on trial ended its process (exit code {code})",
        engine=engine,
    )


def _too_much(engine: str, bound: str, limit: float, spent: float) -> CompilationTooExpensive:
    what = {
        "time": f"took longer than its {limit:g} s",
        "memory": f"took more than its {limit:g} MB",
        "stack": f"overran the stack or its {limit:g} MB: it is nested too deeply, or too wide",
    }[bound]
    return CompilationTooExpensive(
        f"compiling this constraint with {engine} {what}",
        bound=bound,
        limit=limit,
        spent=spent,
        engine=engine,
        hint="make it smaller (fewer options, lower counts, simpler patterns), split it into "
        "several requests, or raise CompileLimits",
    )


_supervisors: weakref.WeakSet[Supervisor] = weakref.WeakSet()


def _stop_all() -> None:
    for supervisor in list(_supervisors):
        supervisor.stop()


def _disown_all() -> None:
    for supervisor in list(_supervisors):
        supervisor._disown()


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_disown_all)
