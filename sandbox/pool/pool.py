"""Children prepared ahead, handed out in the order of asking, and replaced.

One thread of its own keeps the zygote: it takes in new children, hears of ends, and starts another
zygote when one is gone. Callers never touch the zygote's reports.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections import deque
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout

from sandbox.errors import SandboxTimeout, SandboxUnavailable
from sandbox.jail.assurance import Status
from sandbox.pool.launching import Child, Zygote

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0
_SILENCE_S = 10.0
"""A zygote that owes a child and says nothing for so long is ended."""
_SETTLED_S = 2.0
"""A zygote that lived so long did not fail at its start."""


class Pool:
    """A zygote and its children.

    Args:
        ready: How many children wait for a job; they cost some memory each, and no time.
        most_running: How many jobs run at once; more wait for their turn.
        worker: Module that runs jobs.
        roots: Folders where the worker finds its modules.
    """

    def __init__(
        self,
        *,
        ready: int,
        most_running: int,
        worker: str = "sandbox.pool.serving",
        roots: tuple[str, ...] = (),
    ) -> None:
        self._ready_target = ready
        self._most_running = most_running
        self._worker = worker
        self._roots = roots
        self._closed = False
        self._reset()
        _POOLS.add(self)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._zygote: Zygote | None = None
        self._thread: threading.Thread | None = None
        self._failure: SandboxUnavailable | None = None
        self._ready: deque[Child] = deque()
        self._running: dict[tuple[int, int], Child] = {}
        self._waiting: deque[Future[Child]] = deque()
        self._ordered = 0

    # --- for callers

    def ask(self) -> Child | Future[Child]:
        """A child, or the promise of one. It counts as running until :meth:`release`.

        Raises:
            SandboxUnavailable: The sandbox cannot start here, or was closed.
        """
        with self._changed:
            self._start()
            if self._failure is not None:
                raise _again(self._failure)
            if self._ready and not self._waiting and len(self._running) < self._most_running:
                child = self._hand_out()
                if 2 * (len(self._ready) + self._ordered) < self._ready_target:
                    self._order()
                return child
            promise: Future[Child] = Future()
            self._waiting.append(promise)
            self._order()
            return promise

    def take(self, deadline: float) -> Child:
        """Like :meth:`ask`, waiting until then (:func:`time.monotonic`).

        Raises:
            SandboxTimeout: None was free by then.
            SandboxUnavailable: The sandbox cannot start here, or was closed.
        """
        got = self.ask()
        if isinstance(got, Child):
            return got
        try:
            return got.result(max(0.0, deadline - time.monotonic()))
        except (FutureTimeout, CancelledError):
            self.withdraw(got)
            raise SandboxTimeout("No process was free to run the code in time.") from None

    def withdraw(self, promise: Future[Child]) -> None:
        """Ask no longer; a child that was already given goes."""
        if not promise.cancel() and promise.exception() is None:
            self.release(promise.result())
        with self._changed, contextlib.suppress(ValueError):
            self._waiting.remove(promise)

    def release(self, child: Child) -> None:
        """The run is over: end the child, whatever it does, and prepare another."""
        with self._changed:
            if self._running.pop((id(child.zygote), child.number), None) is None:
                return
            if child.zygote is self._zygote:
                self._order(forget=[child.number])
            child.kill()
            self._deal()

    def end_of(self, child: Child, timeout_s: float) -> int | None:
        """How a child ended whose connection broke, waiting for the news; ``None`` if unknown."""
        with self._changed:
            self._changed.wait_for(
                lambda: child.exit_code is not None or child.zygote.gone, timeout_s
            )
            return child.exit_code

    def status(self, deadline: float) -> Status:
        """What the machine gives, as its zygote found.

        Raises:
            SandboxUnavailable: The sandbox cannot start here, or was closed.
        """
        with self._changed:
            self._start()
            self._changed.wait_for(
                lambda: self._zygote is not None or self._failure is not None,
                max(0.0, deadline - time.monotonic()),
            )
            if self._failure is not None:
                raise _again(self._failure)
            if self._zygote is None:
                raise SandboxUnavailable("The sandbox's process does not start in time.")
            return self._zygote.status

    def close(self) -> None:
        """End the zygote and every child; runs under way fail. May be called again."""
        with self._changed:
            self._closed = True
            thread, zygote = self._thread, self._zygote
            if zygote is not None:
                zygote.end()
            self._fail(SandboxUnavailable("The sandbox was closed."))
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    # --- under the lock

    def _start(self) -> None:
        if self._closed:
            raise SandboxUnavailable("The sandbox was closed.")
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="sandbox-pool", daemon=True)
            self._thread.start()

    def _hand_out(self) -> Child:
        child = self._ready.popleft()
        self._running[id(child.zygote), child.number] = child
        return child

    def _deal(self) -> None:
        """Give children to those who wait, in the order of asking."""
        while self._waiting and self._ready and len(self._running) < self._most_running:
            promise = self._waiting.popleft()
            if promise.set_running_or_notify_cancel():
                promise.set_result(self._hand_out())
        self._order()

    def _order(self, **also: list[int]) -> None:
        """Order the children that are wanted; if it cannot be sent, the next chance will do."""
        soon = min(len(self._waiting), max(0, self._most_running - len(self._running)))
        wanted = max(0, self._ready_target + soon - len(self._ready) - self._ordered)
        if self._zygote is None or not (wanted or also):
            return
        if self._zygote.order(spawn=wanted, **also):
            self._ordered += wanted

    def _fail(self, failure: SandboxUnavailable) -> None:
        self._failure = failure
        while self._waiting:
            promise = self._waiting.popleft()
            if promise.set_running_or_notify_cancel():
                promise.set_exception(_again(failure))
        self._changed.notify_all()

    # --- the thread

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closed:
            born = time.monotonic()
            try:
                zygote = Zygote(self._worker, self._roots)
            except (SandboxUnavailable, OSError) as error:
                failure = error if isinstance(error, SandboxUnavailable) else _no_process(error)
                with self._changed:
                    self._fail(failure)
                    self._changed.wait_for(lambda: self._closed, pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                continue
            self._live_with(zygote)
            if time.monotonic() - born > _SETTLED_S:
                pause = _FIRST_PAUSE_S
            else:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _live_with(self, zygote: Zygote) -> None:
        with self._changed:
            if self._closed:
                zygote.end()
            self._zygote, self._failure, self._ordered = zygote, None, 0
            self._order()
            self._changed.notify_all()
        heard = time.monotonic()
        while True:
            if not zygote.wait(1.0):
                with self._changed:
                    if self._ordered and time.monotonic() - heard > _SILENCE_S:
                        zygote.end()
                    self._order()
                continue
            heard = time.monotonic()
            report = zygote.report()
            with self._changed:
                if report is None:
                    self._lose(zygote)
                    return
                self._hear(report)

    def _hear(self, report: dict[str, object] | Child) -> None:
        if isinstance(report, Child):
            self._ordered = max(0, self._ordered - 1)
            self._ready.append(report)
            self._deal()
        elif "exit" in report:
            self._note_end(report)
        elif "no_child" in report:  # the machine is out of processes or memory: with the next run
            self._ordered = max(0, self._ordered - 1)

    def _note_end(self, report: dict[str, object]) -> None:
        number, status = report["exit"], report["status"]
        for child in [*self._ready, *self._running.values()]:
            if child.number == number and child.zygote is self._zygote:
                child.exit_code = status if isinstance(status, int) else None
                if child in self._ready:
                    self._ready.remove(child)
                    child.kill()
                    self._order()
        self._changed.notify_all()

    def _lose(self, zygote: Zygote) -> None:
        zygote.gone = True
        zygote.end()
        zygote.close()
        self._zygote, self._ordered = None, 0
        while self._ready:
            self._ready.popleft().kill()
        self._changed.notify_all()

    def forget_in_fork(self) -> None:
        """In a fork of the host: the zygote and the children are the parent's."""
        zygote, ready = self._zygote, self._ready
        self._reset()
        for child in ready:
            child.let_go()
        if zygote is not None:
            zygote.forget_in_fork()


def _again(failure: SandboxUnavailable) -> SandboxUnavailable:
    """A fresh error for every caller: one that is raised twice collects both tracebacks."""
    return SandboxUnavailable(failure.message, missing=failure.missing, hint=failure.hint)


def _no_process(error: OSError) -> SandboxUnavailable:
    return SandboxUnavailable(f"The sandbox's process does not start: {error}.")


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool.forget_in_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
