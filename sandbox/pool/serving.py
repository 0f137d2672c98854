"""What the zygote loads: the worker, every module that code may import, and what they load late.

Nothing can be read from disk once a child is locked.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

from sandbox import modules
from sandbox.job import Job
from sandbox.worker import execute

__all__ = ["execute", "preload", "warm_up"]

_LATE = (
    "_strptime", "_pydatetime", "_pydecimal", "calendar", "encodings.ascii", "encodings.idna",
    "encodings.latin_1", "encodings.punycode", "encodings.raw_unicode_escape",
    "encodings.unicode_escape", "encodings.utf_8", "encodings.utf_8_sig", "encodings.utf_16",
    "encodings.utf_16_le", "encodings.utf_16_be", "encodings.utf_32", "encodings.cp1252",
    "stringprep", "unicodedata", "traceback", "linecache", "re", "copyreg", "locale",
)  # fmt: skip
_WARM = """
def warm(n):
    return [str(i) for i in range(n)]
"""
"""As small as can be: it touches nearly all that a larger one does, and costs every child time."""


def preload() -> None:
    """Import it all, in the zygote."""
    for name in _LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in modules.AVAILABLE:
        modules.load(name)
    warm_up()


def warm_up() -> None:
    """Run a small job of our own: fills caches in the zygote, touches memory in a child."""
    execute(
        Job(
            source=_WARM,
            entry="warm",
            arguments={"n": 3},
            modules=(),
            tools=(),
            types=(),
            printed_chars=1000,
            depth=16,
            seed=0,
        ),
        _no_tool,
    )


def _no_tool(name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    raise AssertionError("the warm-up calls no tool")
