"""The process that children are forked from: it imports everything once and never runs a job.

Started by exec, isolated, with an empty environment and one descriptor: the control connection to
the host. Over it come orders, ``{"spawn": how_many, "forget": [ids]}``, and go reports: one
``hello`` with what was found about the machine; ``{"child": id}`` with the child's connection and
its pidfd; ``{"exit": id, "status": …}`` for every child that ends before the host forgot it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import itertools
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox.jail import assurance, kernel, privileges, rlimits
from sandbox.jail.locking import Lock, leave_the_machine
from sandbox.pool import child

_MESSAGE_BYTES = 65_536
_MOST_DESCRIPTORS = 256
_NICE = 15
_MUCH_S = 0.04
_WHOLE_PROCESS = 2
"""With the complement of a process id above it: the clock of that process's processor time."""


def main(control: str, worker: str) -> NoReturn:
    """Be the zygote until the host goes away; never returns.

    Args:
        control: Descriptor of the connection to the host.
        worker: Module with ``execute``, and perhaps ``preload`` and ``warm_up``.
    """
    os.environ.clear()  # the interpreter sets a locale of its own accord
    connection = socket.socket(fileno=int(control))
    try:
        _Zygote(connection, worker).live()
    except Exception as error:  # noqa: BLE001  whatever it is, the host must hear of it
        with contextlib.suppress(OSError):
            connection.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        os._exit(1)
    os._exit(0)


class _Zygote:
    def __init__(self, connection: socket.socket, worker: str) -> None:
        self._connection = connection
        self._children: dict[int, int] = {}  # process id here → id
        self._forgotten: set[int] = set()
        self._next = 0
        module = importlib.import_module(worker)
        self._execute: child.Execute = module.execute
        self._warm_up: Callable[[], None] = getattr(module, "warm_up", _nothing)
        getattr(module, "preload", _nothing)()
        self._lock = Lock()
        self._base_bytes = 0

    def live(self) -> None:
        rlimits.stack()
        found = self._lock.found
        found[assurance.PROCESS] = True, "a process of its own for every run"
        self._base_bytes = rlimits.address_space()
        must_fork = leave_the_machine(found)
        if kernel.LIBC is not None:
            privileges.drop_capabilities()
            privileges.no_new_privileges()
        if must_fork:
            _go_inside(self._connection)
        if kernel.LIBC is not None:
            privileges.forbid_debugging()
        rlimits.few_descriptors(_MOST_DESCRIPTORS)
        self._lock.prepare()
        gc.collect()
        gc.freeze()
        self._connection.send(json.dumps({"hello": found}).encode())
        self._serve()

    def _serve(self) -> None:
        wake_reader, wake_writer = os.pipe()
        os.set_blocking(wake_writer, False)
        os.set_blocking(wake_reader, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(wake_reader, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if wake_reader in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_reader, 4096)
                self._reap()
            if self._connection.fileno() in ready:
                message = self._connection.recv(_MESSAGE_BYTES)
                if not message:
                    return
                order = json.loads(message)
                self._forget(order.get("forget", ()))
                self._be_patient_with(order.get("renice", ()))
                for _ in range(order.get("spawn", 0)):
                    self._spawn()

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        number = self._next
        self._next += 1
        try:
            process = os.fork()
        except OSError as error:
            self._report({"no_child": str(error)})
            return
        if process == 0:
            self._be_child(ours.detach())
        ours.close()
        self._children[process] = number
        descriptors = [theirs.fileno()]
        handle = None
        with contextlib.suppress(OSError, AttributeError):
            handle = os.pidfd_open(process)
            descriptors.append(handle)
        self._report({"child": number}, descriptors)
        theirs.close()
        if handle is not None:
            os.close(handle)

    def _be_child(self, channel: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            kept = sorted({channel, *self._lock.descriptors})
            for low, high in itertools.pairwise((-1, *kept, _MOST_DESCRIPTORS)):
                os.closerange(low + 1, high)
            child.live(channel, self._lock, self._execute, self._base_bytes, self._warm_up)
        finally:
            os._exit(1)

    def _forget(self, numbers: Any) -> None:
        """End these, which nobody waits for any more; the host has tried already where it can."""
        for process, number in self._children.items():
            if number in numbers:
                self._forgotten.add(number)
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)

    def _be_patient_with(self, numbers: Any) -> None:
        """Runs that took much step back, so that short ones keep their pace on a busy machine."""
        for process, number in self._children.items():
            if number in numbers:
                with contextlib.suppress(OSError):
                    if time.clock_gettime(~process << 3 | _WHOLE_PROCESS) > _MUCH_S:
                        os.setpriority(os.PRIO_PROCESS, process, _NICE)

    def _reap(self) -> None:
        while self._children:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            number = self._children.pop(process, None)
            if number is None:
                continue
            if number in self._forgotten:
                self._forgotten.discard(number)
            else:
                self._report({"exit": number, "status": os.waitstatus_to_exitcode(status)})

    def _report(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        ancillary = []
        if descriptors:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self._connection.sendmsg([json.dumps(message).encode()], ancillary)


def _go_inside(connection: socket.socket) -> None:
    """Fork into the new namespaces; what stays outside only waits, and ends when the inside does.

    The inside is the first process of its namespace: with it, the kernel ends all of its children.
    """
    inside = os.fork()
    if inside:
        connection.close()
        os.closerange(0, _MOST_DESCRIPTORS)
        os._exit(abs(os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1])))
    privileges.die_with_parent()


def _nothing() -> None:
    pass
