"""What a child does: lock itself, wait for one job, answer it, and wait to be ended."""

from __future__ import annotations

import gc
import json
import os
import random
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from sandbox.jail import rlimits
from sandbox.jail.locking import Lock
from sandbox.job import Answer, Job, ToolFailed
from sandbox.pool import frames, wire

Execute = Callable[[Job, Callable[[str, list[Any], dict[str, Any]], Any]], Answer]

_COULD_NOT_LOCK = 97
_BROKEN = 98


def live(
    channel: int, lock: Lock, execute: Execute, base_bytes: int, warm_up: Callable[[], None]
) -> NoReturn:
    """Live through one job; never returns.

    Args:
        channel: Descriptor of the connection to the host, the only one that is open.
        lock: Locks this process.
        execute: Runs the job.
        base_bytes: Address space of the interpreter before the job.
        warm_up: Touches the memory that a job will touch.
    """
    status = _COULD_NOT_LOCK
    try:
        sys.stdin = sys.stdout = sys.stderr = None  # they are closed
        random.seed()
        warm_up()
        lock.apply()
        status = _BROKEN
        read, write = partial(os.read, channel), partial(os.write, channel)
        one_job(Channel(read, write), execute, base_bytes)
        status = 0
    finally:
        os._exit(status)


class Channel:
    """The connection to the host, as the child uses it.

    Args:
        read: Gives at most so many bytes, ``b""`` at the end.
        write: Takes bytes, and says how many it took.
    """

    def __init__(
        self, read: Callable[[int], bytes], write: Callable[[bytes | memoryview], int]
    ) -> None:
        self.read = read
        self._write = write

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send one message, without a copy of what may fill the memory."""
        for part in (frames.head(kind, payload), payload):
            rest = memoryview(part)
            while rest:
                rest = rest[self._write(rest) :]

    def call_tool(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Have the host answer a call; raises ``ToolFailed`` where it gives no value."""
        call = {"name": name, "arguments": arguments, "keywords": keywords}
        self.send(frames.CALL, json.dumps(call, allow_nan=False).encode())
        reply = frames.read_one(self.read)
        if reply is None:
            os._exit(_BROKEN)
        kind, payload = reply
        if kind == frames.FAILED:
            raise ToolFailed(json.loads(payload))
        return json.loads(payload)


def one_job(channel: Channel, execute: Execute, base_bytes: int) -> None:
    """Read a job, run it, answer, and wait until the host has read the answer."""
    message = frames.read_one(channel.read)
    if message is None:
        return
    order = wire.order_from_json(message[1])
    rlimits.lower(memory_mb=order.memory_mb, cpu_s=order.cpu_s, base_bytes=base_bytes)
    answer, value = _answer(order.job, channel, execute)
    channel.send(frames.ANSWER, wire.answer_to_json(answer))
    channel.send(frames.VALUE, value)
    channel.read(1)  # until the host has read it all


def _answer(job: Job, channel: Channel, execute: Execute) -> tuple[Answer, bytes]:
    try:
        answer = execute(job, channel.call_tool)
        value = _compact(answer.value)
    except MemoryError:
        gc.collect()
        return Answer("memory"), b"null"
    except RecursionError:
        return Answer("recursion"), b"null"
    if len(value) > job.output_bytes:
        return Answer(
            "output", printed=answer.printed, printed_dropped=answer.printed_dropped
        ), b"null"
    return answer, value


def _compact(value: Any) -> bytes:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")  # the host refuses them, with a reason
