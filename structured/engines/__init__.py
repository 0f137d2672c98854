"""Engines by name, one of each in a process: what a request or a deployment chooses from."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from structured.constraint import Constraint
from structured.engine import Engine
from structured.engines.cost import Cheap, is_cheap
from structured.errors import UnknownEngine

DEFAULT = "llguidance"
"""The engine of requests and deployments that name none."""


def engine(name: str = DEFAULT) -> Engine:
    """The engine of this name, within bounds: the same object for everybody in the process.

    Raises:
        UnknownEngine: There is no such engine; the error lists those that there are.
        EngineNotInstalled: Its packages are missing; the error names the extra to install.
    """
    with _lock:
        if name not in _made:
            bare = bare_engine(name)
            from structured.engines.bounded import BoundedEngine

            _made[name] = BoundedEngine(bare, cheap=_CHEAP.get(name, is_cheap))
        return _made[name]


def bare_engine(name: str) -> Engine:
    """A new engine of this name, without bounds.

    Raises:
        UnknownEngine, EngineNotInstalled: As :func:`engine`.
    """
    if name not in _MAKERS:
        raise UnknownEngine(name, known=ENGINES)
    return _MAKERS[name]()


def _llguidance() -> Engine:
    from structured.engines.llguidance_engine import LLGuidanceEngine

    return LLGuidanceEngine()


def _xgrammar() -> Engine:
    from structured.engines.xgrammar_engine import XGrammarEngine

    return XGrammarEngine()


def _outlines() -> Engine:
    from structured.engines.outlines_engine import OutlinesEngine

    return OutlinesEngine()


_MAKERS: dict[str, Callable[[], Engine]] = {
    DEFAULT: _llguidance,
    "xgrammar": _xgrammar,
    "outlines": _outlines,
}
ENGINES = tuple(_MAKERS)
"""The names, the default first."""

_FOR_XGRAMMAR = Cheap(parts=2_000, width=200, pattern=1_000, repeats=10_000)


def _cheap_for_xgrammar(constraint: Constraint) -> bool:
    return is_cheap(constraint, _FOR_XGRAMMAR)


def _cheap_for_outlines(constraint: Constraint) -> bool:
    from structured.engines.outlines_engine import is_small

    return is_small(constraint)


_CHEAP = {"xgrammar": _cheap_for_xgrammar, "outlines": _cheap_for_outlines}

_made: dict[str, Engine] = {}
_lock = Lock()
