"""A check that the packages beside this one are ours: users may have a ``training`` too."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

NAMES = ("structured", "runtime", "sandbox", "training")


class ShadowedPackage(ImportError):
    """Another module stands where one of this distribution's packages should be."""


def check() -> None:
    """Look where each neighbour would be imported from; costs no import.

    Raises:
        ShadowedPackage: One of them is somebody else's, or is missing.
    """
    ours = Path(__file__).resolve().parent.parent
    for name in NAMES:
        spec = _spec(name)
        found = _place(spec)
        if found == ours / name:
            continue
        if found is None:
            raise ShadowedPackage(
                f"byzer_agents needs its package {name!r} at {ours / name}, and Python finds none: "
                "install byzer-agents again"
            )
        raise ShadowedPackage(
            f"byzer_agents needs its own package {name!r} from {ours / name}, but Python finds "
            f"{found} first: rename that one, or run from another folder"
        )


def _spec(name: str) -> ModuleSpec | None:
    if name in sys.modules:
        return sys.modules[name].__spec__
    return find_spec(name)


def _place(spec: ModuleSpec | None) -> Path | None:
    if spec is None:
        return None
    if spec.origin is None:  # a folder without __init__.py
        return Path(next(iter(spec.submodule_search_locations or [""]))).resolve()
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin
