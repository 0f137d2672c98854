"""How Python is started anew for the sandbox: isolated, and with this very package."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_BOOT = """
import importlib, importlib.util as u, json, sys
home, roots, main = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
sys.path.extend(roots)
s = u.spec_from_file_location("sandbox", home + "/__init__.py", submodule_search_locations=[home])
m = sys.modules["sandbox"] = u.module_from_spec(s)
s.loader.exec_module(m)
importlib.import_module(main).main(*sys.argv[4:])
"""


def command(main: str, roots: Sequence[str], *arguments: str) -> list[str]:
    """The command that calls ``main(*arguments)`` of a module of ours.

    Args:
        main: The module.
        roots: Folders where it finds modules beyond the interpreter's own.
        arguments: Of its ``main``.
    """
    home = str(Path(__file__).resolve().parent.parent)
    known = json.dumps([*_homes_of_needs(), *roots])
    return [sys.executable, "-I", "-X", "utf8", "-c", _BOOT, home, known, main, *arguments]


def found_in(hello: Mapping[str, Any]) -> dict[str, tuple[bool, str]]:
    """Layers as a process of ours reported them."""
    return {name: (bool(present), str(why)) for name, (present, why) in hello.items()}


def _homes_of_needs() -> list[str]:
    """Folders of the packages that children need, which the bare interpreter may not know."""
    homes = []
    for name in ("RestrictedPython", "dateutil", "six"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            origin = Path(spec.origin)
            homes.append(
                str(origin.parent.parent if spec.submodule_search_locations else origin.parent)
            )
    return sorted(set(homes))
