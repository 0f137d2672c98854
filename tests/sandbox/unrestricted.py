"""A worker for tests alone: runs the source as plain Python, with no policy of language at all.

With it the jail is tried as if the language stage had been broken through: the code has ctypes,
every module that is loaded, and the child's own descriptors. It is loaded by name into a zygote of
the tests and is no part of the package.
"""

from __future__ import annotations

import importlib
import traceback
from typing import Any

from sandbox.job import Answer, Job

_FOR_PROBES = ("ctypes", "fcntl", "json", "mmap", "signal", "socket", "subprocess", "threading")


def preload() -> None:
    for name in (*_FOR_PROBES, "_strptime"):
        importlib.import_module(name)


def execute(job: Job, call_tool: Any) -> Answer:
    space: dict[str, Any] = {"call_tool": call_tool}
    try:
        exec(compile(job.source, "<job>", "exec"), space)
        if not job.entry:
            return Answer("value", space["result"])
        given = job.arguments
        entry = space[job.entry]
        value = entry(**given) if isinstance(given, dict) else entry(*given)
    except MemoryError:
        return Answer("memory")
    except RecursionError:
        return Answer("recursion")
    except Exception as error:  # noqa: BLE001  as the true worker does
        text = "".join(traceback.format_exception(error))[-2000:]
        return Answer("failed", message=text, type_name=type(error).__name__)
    return Answer("value", value)
