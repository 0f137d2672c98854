"""Engines by name, one of each in a process: what a request or a deployment chooses from."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from structured.engine import Engine
from structured.errors import UnknownEngine

DEFAULT = "llguidance"
"""The engine of requests and deployments that name none."""


def engine(name: str = DEFAULT) -> Engine:
    """The engine of this name: the same object for everybody in the process.

    Raises:
        UnknownEngine: There is no such engine; the error lists those that there are.
        EngineNotInstalled: Its packages are missing; the error names the extra to install.
    """
    if name not in _MAKERS:
        raise UnknownEngine(name, known=ENGINES)
    with _lock:
        if name not in _made:
            _made[name] = _MAKERS[name]()
        return _made[name]


def _llguidance() -> Engine:
    from structured.llguidance_engine import LLGuidanceEngine

    return LLGuidanceEngine()


def _xgrammar() -> Engine:
    from structured.xgrammar_engine import XGrammarEngine

    return XGrammarEngine()


def _outlines() -> Engine:
    from structured.outlines_engine import OutlinesEngine

    return OutlinesEngine()


_MAKERS: dict[str, Callable[[], Engine]] = {
    DEFAULT: _llguidance,
    "xgrammar": _xgrammar,
    "outlines": _outlines,
}
ENGINES = tuple(_MAKERS)
"""The names, the default first."""

_made: dict[str, Engine] = {}
_lock = Lock()
