"""The modules that foreign code may import, as façades of named functions, classes and constants.

``Loader(guards, seed=…, allowed=…)`` is one run's modules; ``load(name)`` is the same without
guards. ``preload()`` and ``seal()`` prepare the process that the runs are forked from: afterwards
nothing here opens a file.
"""

from sandbox.modules.attributes import METHODS
from sandbox.modules.guards import Guards
from sandbox.modules.loader import Loader, load
from sandbox.modules.module import Module, name_of, names_in
from sandbox.modules.names import AVAILABLE
from sandbox.modules.prepare import for_interpreter, preload, seal
from sandbox.modules.reasons import why_not
from sandbox.modules.trusted import BASES, SAFE_TYPES, WRITABLE

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
