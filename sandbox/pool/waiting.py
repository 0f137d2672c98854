"""The waiting of a run: for threads with poll, for event loops with their own means."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Awaitable, Callable

from sandbox.errors import SandboxTimeout
from sandbox.pool import frames
from sandbox.pool.conversation import Call, Conversation, Done
from sandbox.pool.launching import Child

_AT_ONCE_BYTES = 262_144
_PATIENCE_S = 0.05
"""After so long, and then after twice as long each time, a run that took much processor time has to
step back behind short ones."""


class Broken(Exception):
    """The child's end of the connection closed before the run was over.

    Attributes:
        unread: It had not read its job: nothing ran.
    """

    def __init__(self, *, unread: bool) -> None:
        super().__init__("unread" if unread else "read")
        self.unread = unread


def converse(
    child: Child,
    order: bytes,
    conversation: Conversation,
    deadline: float,
    answer_call: Callable[[Call], bytes],
) -> Done:
    """Hand over a job and wait for its end, answering calls on the way.

    Args:
        child: Runs it.
        order: The job, as JSON.
        conversation: Takes what comes.
        deadline: Until when (:func:`time.monotonic`).
        answer_call: Gives the frame to send for a call.

    Raises:
        SandboxTimeout: The deadline passed.
        Broken: The child went away.
    """
    link = _Link(child, deadline)
    link.send(frames.pack(frames.JOB, order), conversation)
    while True:
        event = conversation.event()
        if isinstance(event, Done):
            return event
        if isinstance(event, Call):
            link.send(answer_call(event), conversation)
        else:
            conversation.feed(link.receive(conversation))


class _Link:
    def __init__(self, child: Child, deadline: float) -> None:
        self._child = child
        self._socket = child.channel
        self._deadline = deadline
        self._patience = _PATIENCE_S
        self._patient_until = time.monotonic() + _PATIENCE_S

    def send(self, data: bytes, conversation: Conversation) -> None:
        rest = memoryview(data)
        try:
            while rest:
                try:
                    rest = rest[self._socket.send(rest) :]
                except BlockingIOError:
                    self._wait(to_write=True)
        except (BrokenPipeError, ConnectionResetError):
            raise Broken(unread=not conversation.heard) from None

    def receive(self, conversation: Conversation) -> bytes:
        try:
            while True:
                self._wait()
                try:
                    data = self._socket.recv(_AT_ONCE_BYTES)
                except BlockingIOError:
                    continue
                break
        except ConnectionResetError:
            raise Broken(unread=not conversation.heard) from None
        if not data:
            raise Broken(unread=False)
        return data

    def _wait(self, *, to_write: bool = False) -> None:
        while True:
            now = time.monotonic()
            if now >= self._deadline:
                raise SandboxTimeout("The code took too long.")
            until = min(self._patient_until, self._deadline)
            if _ready(self._socket, max(0.0, until - now), to_write=to_write):
                return
            if until == self._patient_until:
                self._patience *= 2
                self._patient_until = until + self._patience
                self._child.zygote.order(renice=[self._child.number])


def _ready(channel: socket.socket, seconds: float, *, to_write: bool) -> bool:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(channel, select.POLLOUT if to_write else select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    given = ([], [channel]) if to_write else ([channel], [])  # Windows
    return any(select.select(*given, [], seconds))


async def aconverse(
    child: Child,
    order: bytes,
    conversation: Conversation,
    deadline: float,
    answer_call: Callable[[Call], Awaitable[bytes]],
) -> Done:
    """:func:`converse` for an event loop; being cancelled is safe."""
    loop = asyncio.get_running_loop()
    channel = child.channel

    timers: list[asyncio.TimerHandle] = []

    def step_back(patience: float) -> None:
        child.zygote.order(renice=[child.number])
        timers[:] = [loop.call_later(2 * patience, step_back, 2 * patience)]

    timers.append(loop.call_later(_PATIENCE_S, step_back, _PATIENCE_S))
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            await loop.sock_sendall(channel, frames.pack(frames.JOB, order))
            while True:
                event = conversation.event()
                if isinstance(event, Done):
                    return event
                if isinstance(event, Call):
                    await loop.sock_sendall(channel, await answer_call(event))
                    continue
                data = await loop.sock_recv(channel, _AT_ONCE_BYTES)
                if not data:
                    raise Broken(unread=False)
                conversation.feed(data)
    except (BrokenPipeError, ConnectionResetError):
        raise Broken(unread=not conversation.heard) from None
    except TimeoutError:
        raise SandboxTimeout("The code took too long.") from None
    finally:
        timers[0].cancel()
