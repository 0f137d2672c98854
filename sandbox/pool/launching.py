"""Start the zygote, and speak with it."""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.errors import SandboxUnavailable
from sandbox.jail.assurance import Status, status_of
from sandbox.pool import starting

_MESSAGE_BYTES = 65_536
_START_S = 30.0


class Parent(Protocol):
    """What a child comes from, as those who use the child see it."""

    status: Status
    gone: bool
    """Whether it is known to have ended, and its children with it."""

    def order(self, **what: Any) -> bool:
        """Ask for something, if it can."""
        ...


@dataclass(eq=False, slots=True)
class Child:
    """A child that waits for its one job.

    Attributes:
        number: Its name between host and zygote.
        channel: The connection to it.
        handle: Its pidfd; ``None`` on systems without.
        zygote: Its parent.
        exit_code: As :mod:`subprocess` tells it; ``None`` while it is not known to have ended.
    """

    number: int
    channel: socket.socket
    handle: int | None
    zygote: Parent
    exit_code: int | None = None

    def kill(self) -> None:
        """End it, however busy it is, and let go of it; may be called again."""
        if self.handle is not None:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        self.let_go()

    def let_go(self) -> None:
        """Close what belongs to it on this side; may be called again."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None
        self.channel.close()


class Zygote:
    """A zygote that runs, as the host sees it.

    Args:
        worker: Module that it loads for its children.
        roots: Folders where it finds modules beyond the interpreter's own.

    Raises:
        SandboxUnavailable: It does not start.
    """

    def __init__(self, worker: str, roots: tuple[str, ...] = ()) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                starting.command("sandbox.pool.zygote", roots, str(theirs.fileno()), worker),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                close_fds=True,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd="/",
            )
        self.gone = False
        """Whether it is known to have ended, and its children with it."""
        self.status: Status = self._hello()

    @property
    def process_id(self) -> int:
        """Its process on this machine."""
        return self._process.pid

    def _hello(self) -> Status:
        said: dict[str, Any] = {}
        if self.wait(_START_S):
            with contextlib.suppress(OSError):
                said = json.loads(self._connection.recv(_MESSAGE_BYTES) or b"{}")
        if "hello" not in said:
            self.end()
            why = said.get("failed", f"it ended with status {self._process.returncode}")
            raise SandboxUnavailable(f"The sandbox's process does not start: {why}.")
        return status_of(starting.found_in(said["hello"]))

    def order(self, **what: Any) -> bool:
        """Send an order; whether the zygote could take it. Never waits."""
        try:
            self._connection.send(json.dumps(what).encode(), socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True

    def wait(self, timeout_s: float) -> bool:
        """Whether there is a report, after at most so many seconds."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def report(self) -> dict[str, Any] | Child | None:
        """The next report, or a new child; ``None`` when the zygote is gone."""
        descriptors = array.array("i")
        room = socket.CMSG_SPACE(2 * descriptors.itemsize)
        try:
            data, ancillary, _, _ = self._connection.recvmsg(_MESSAGE_BYTES, room, _CLOEXEC)
        except OSError:
            return None
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(content[: len(content) - len(content) % 4])
        if not data:
            return None
        said: dict[str, Any] = json.loads(data)
        if "child" not in said:
            return said
        channel = socket.socket(fileno=descriptors[0])
        channel.setblocking(False)
        handle = descriptors[1] if len(descriptors) > 1 else None
        return Child(said["child"], channel, handle, self)

    def end(self) -> None:
        """End it with all its children; may be called again."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let go of the connection, after :meth:`end` and the last report."""
        self._connection.close()

    def forget_in_fork(self) -> None:
        """In a fork of the host: let go of the connection without ending anything."""
        self._connection.close()
        self._process.returncode = 0


_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
