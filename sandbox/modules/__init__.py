"""The modules that foreign code may import, as façades of named functions, classes and constants.

``Loader(guards, seed=…, allowed=…)`` is one run's modules; ``load(name)`` is the same without
guards. ``preload()`` and ``seal()`` prepare the process that the runs are forked from: afterwards
nothing here opens a file.

What would import every module on offer is itself imported at its first use: the host only looks
into :data:`AVAILABLE`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sandbox.modules.guards import Guards
from sandbox.modules.loader import Loader, load
from sandbox.modules.module import Module, name_of, names_in
from sandbox.modules.names import AVAILABLE
from sandbox.modules.reasons import why_not

if TYPE_CHECKING:
    from sandbox.modules.attributes import METHODS
    from sandbox.modules.prepare import for_interpreter, preload, seal
    from sandbox.modules.trusted import BASES, SAFE_TYPES, WRITABLE

_LATER = {
    "BASES": "trusted",
    "METHODS": "attributes",
    "SAFE_TYPES": "trusted",
    "WRITABLE": "trusted",
    "for_interpreter": "prepare",
    "preload": "prepare",
    "seal": "prepare",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return value


__all__ = [
    "AVAILABLE",
    "BASES",
    "METHODS",
    "SAFE_TYPES",
    "WRITABLE",
    "Guards",
    "Loader",
    "Module",
    "for_interpreter",
    "load",
    "name_of",
    "names_in",
    "preload",
    "seal",
    "why_not",
]
