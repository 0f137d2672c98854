"""A process started for every run: slow, and all that some systems can do.

It offers what :class:`sandbox.pool.pool.Pool` offers.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import Future
from typing import Any

from sandbox.errors import SandboxTimeout, SandboxUnavailable
from sandbox.jail.assurance import Status, status_of
from sandbox.pool import frames, starting
from sandbox.pool.launching import Child

_START_S = 30.0
_HELLO_BYTES = 65_536


class Fresh:
    """Starts a child when one is asked for.

    Args:
        most_running: How many jobs run at once; more wait for their turn.
        worker: Module that runs jobs.
        roots: Folders where the worker finds its modules.
    """

    def __init__(
        self,
        *,
        most_running: int,
        worker: str = "sandbox.pool.serving",
        roots: tuple[str, ...] = (),
    ) -> None:
        self._places = threading.Semaphore(most_running)
        self._worker = worker
        self._roots = roots
        self._running: weakref.WeakSet[FreshChild] = weakref.WeakSet()
        self._closed = False
        self._status: Status | None = None

    def ask(self) -> Future[Child]:
        """The promise of a child; a thread starts it."""
        promise: Future[Child] = Future()

        def start() -> None:
            try:
                child = self.take(time.monotonic() + _START_S)
            except Exception as error:  # noqa: BLE001  raised where the promise is awaited
                if promise.set_running_or_notify_cancel():
                    promise.set_exception(error)
                return
            if promise.set_running_or_notify_cancel():
                promise.set_result(child)
            else:
                self.release(child)

        threading.Thread(target=start, name="sandbox-start", daemon=True).start()
        return promise

    def withdraw(self, promise: Future[Child]) -> None:
        """Ask no longer; a child that was already given goes."""
        if not promise.cancel() and promise.exception() is None:
            self.release(promise.result())

    def take(self, deadline: float) -> Child:
        """A child, by then (:func:`time.monotonic`).

        Raises:
            SandboxTimeout: There was no place, or it took too long to start.
            SandboxUnavailable: It does not start at all, or the sandbox was closed.
        """
        if not self._places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise SandboxTimeout("No process was free to run the code in time.")
        try:
            if self._closed:
                raise SandboxUnavailable("The sandbox was closed.")
            child = FreshChild(self._worker, self._roots, deadline)
        except BaseException:
            self._places.release()
            raise
        self._status = child.zygote.status
        self._running.add(child)
        return child

    def release(self, child: Child) -> None:
        """The run is over: end the child, whatever it does."""
        if isinstance(child, FreshChild) and child in self._running:
            self._running.discard(child)
            child.kill()
            self._places.release()

    def end_of(self, child: Child, timeout_s: float) -> int | None:
        """How a child ended whose connection broke; ``None`` if unknown."""
        if isinstance(child, FreshChild):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.exit_code = child.process.wait(timeout_s)
        return child.exit_code

    def status(self, deadline: float) -> Status:
        """What the machine gives, as a child found."""
        if self._status is None:
            self.release(self.take(deadline))
        if self._status is None:
            raise SandboxUnavailable("The sandbox's process does not start.")
        return self._status

    def close(self) -> None:
        """End every child; runs under way fail. May be called again."""
        self._closed = True
        for child in list(self._running):
            child.process.kill()


class _NoZygote:
    """Stands where a zygote would: it knows what its one child found."""

    gone = False

    def __init__(self, status: Status) -> None:
        self.status = status

    def order(self, **what: Any) -> bool:
        return False


class FreshChild(Child):
    """A child of the host itself.

    Args:
        worker: Module that runs jobs.
        roots: Folders where the worker finds its modules.
        deadline: When it must have started (:func:`time.monotonic`).
    """

    def __init__(self, worker: str, roots: tuple[str, ...], deadline: float) -> None:
        ours, theirs = socket.socketpair()
        windows = sys.platform == "win32"
        with theirs:
            name = "-" if windows else str(theirs.fileno())
            self.process = subprocess.Popen(  # noqa: S603
                starting.command("sandbox.pool.fresh_child", roots, name, worker),
                stdin=subprocess.PIPE if windows else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=None if windows else {},  # Windows starts nothing without its own variables
                close_fds=True,
                pass_fds=() if windows else (theirs.fileno(),),
                start_new_session=not windows,
            )
            if windows and self.process.stdin is not None:
                shared = theirs.share(self.process.pid)  # type: ignore[attr-defined]
                self.process.stdin.write(len(shared).to_bytes(4, "big") + shared)
                self.process.stdin.close()
        super().__init__(0, ours, None, _NoZygote(status_of({})))
        try:
            self.zygote = _NoZygote(self._hello(deadline))
        except BaseException:
            self.kill()
            raise
        ours.setblocking(False)

    def _hello(self, deadline: float) -> Status:
        self.channel.settimeout(max(0.001, deadline - time.monotonic()))
        reader = frames.Reader({frames.HELLO: _HELLO_BYTES})
        try:
            while (message := reader.take()) is None:
                data = self.channel.recv(_HELLO_BYTES)
                if not data:
                    code = self.process.wait(1)
                    raise SandboxUnavailable(
                        f"The sandbox's process does not start: it ended with status {code}."
                    )
                reader.feed(data)
        except TimeoutError:
            raise SandboxTimeout("The sandbox's process did not start in time.") from None
        return status_of(starting.found_in(json.loads(message[1])))

    def kill(self) -> None:
        """End it, and let go of it; may be called again."""
        self.process.kill()
        self.process.wait()
        self.let_go()
