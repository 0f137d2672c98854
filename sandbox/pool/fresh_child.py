"""A child that is started for one job alone, on systems that cannot fork children ahead.

It locks what the system lets it lock: limits, where there are any. It reports them first, in a
frame ``H``, before it takes the job.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import socket
import sys
from typing import NoReturn

from sandbox.jail import assurance, rlimits
from sandbox.pool import child, frames


def main(descriptor: str, worker: str) -> NoReturn:
    """Live through one job; never returns.

    Args:
        descriptor: Of the connection to the host; ``-`` where it comes through standard input
            (Windows).
        worker: Module that runs jobs.
    """
    status = 1
    try:
        if descriptor == "-":
            size = int.from_bytes(sys.stdin.buffer.read(4), "big")
            connection = socket.fromshare(sys.stdin.buffer.read(size))  # type: ignore[attr-defined]
        else:
            connection = socket.socket(fileno=int(descriptor))
        os.environ.clear()
        module = importlib.import_module(worker)
        getattr(module, "preload", lambda: None)()
        random.seed()
        base = rlimits.address_space()
        channel = child.Channel(connection.recv, connection.send)
        channel.send(frames.HELLO, json.dumps(_found(base)).encode())
        child.one_job(channel, module.execute, base)
        status = 0
    finally:
        os._exit(status)


def _found(base: int) -> dict[str, tuple[bool, str]]:
    found = {assurance.PROCESS: (True, "a process of its own for every run")}
    try:
        rlimits.forbid()
    except (OSError, ValueError) as error:
        found[assurance.LIMITS] = False, str(error)
    else:
        fine = base > 0
        found[assurance.LIMITS] = (
            fine,
            (
                "memory, processor time, descriptors, processes"
                if fine
                else "this system does not bound the memory of a process"
            ),
        )
    only = "only on Linux"
    for layer in (assurance.NAMESPACES, assurance.LANDLOCK, assurance.SECCOMP):
        found[layer] = False, only
    user = getattr(os, "geteuid", lambda: 0)()
    found[assurance.USER] = user != 0, "the user that started it"
    return found
