"""Limits on what a process may take: memory, processor time, files, processes."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import resource

_MB = 1_000_000
STACK_BYTES = 64 * 1024 * 1024
"""Deep recursion inside C code (comparison, ``repr``) should end as an error, not as a crash."""


def stack() -> None:
    """More stack than usual, where the machine allows it."""
    if sys.platform == "win32":
        return
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK_BYTES if most == resource.RLIM_INFINITY else min(STACK_BYTES, most)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, most))


def address_space() -> int:
    """Bytes of address space that this process takes now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def forbid() -> None:
    """No files, no processes, no core dumps. Descriptors that are open stay open.

    Raises:
        OSError: The machine refused one of them.
    """
    if sys.platform == "win32":
        raise OSError("Windows has no limits of this kind")
    for name in ("RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_MSGQUEUE"):
        kind = getattr(resource, name, None)
        if kind is not None:
            resource.setrlimit(kind, (0, 0))


def few_descriptors(most: int) -> None:
    """At most so many open descriptors."""
    if sys.platform != "win32":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def lower(*, memory_mb: float, cpu_s: float, base_bytes: int) -> None:
    """A job's own limits; only ever lower than what they were.

    Args:
        memory_mb: Megabytes of address space beyond ``base_bytes``.
        cpu_s: Seconds of processor time; rounded up, and one more. A second line only: the wall
            clock is watched from outside.
        base_bytes: What the interpreter took before, by :func:`address_space`.
    """
    if sys.platform == "win32":
        return
    if base_bytes:
        memory = base_bytes + int(memory_mb * _MB)
        with contextlib.suppress(OSError, ValueError):  # macOS does not know RLIMIT_AS
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    seconds = math.ceil(cpu_s) + 1
    with contextlib.suppress(OSError, ValueError):  # more than the limit already set
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
