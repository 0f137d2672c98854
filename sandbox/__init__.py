"""Run code that a model wrote, without trusting it.

>>> import sandbox
>>> sandbox.run("def twice(n): return 2 * n", "twice", {"n": 21}, returns=int).value
42

Everything is imported when it is first used: the processes that run code load no more of this
package than they need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.errors import CodeFailed as CodeFailed
    from sandbox.errors import InvalidInput as InvalidInput
    from sandbox.errors import InvalidResult as InvalidResult
    from sandbox.errors import SandboxCrash as SandboxCrash
    from sandbox.errors import SandboxError as SandboxError
    from sandbox.errors import SandboxMemory as SandboxMemory
    from sandbox.errors import SandboxOutputLimit as SandboxOutputLimit
    from sandbox.errors import SandboxSyntax as SandboxSyntax
    from sandbox.errors import SandboxTimeout as SandboxTimeout
    from sandbox.errors import SandboxUnavailable as SandboxUnavailable
    from sandbox.errors import SandboxViolation as SandboxViolation
    from sandbox.jail.assurance import Layer as Layer
    from sandbox.jail.assurance import Status as Status
    from sandbox.limits import Assurance as Assurance
    from sandbox.limits import Limits as Limits
    from sandbox.limits import Policy as Policy
    from sandbox.request import Run as Run
    from sandbox.running import Sandbox as Sandbox
    from sandbox.shared import arun as arun
    from sandbox.shared import run as run
    from sandbox.shared import status as status

_HOME = {
    name: module
    for module, names in {
        "sandbox.errors": (
            "CodeFailed",
            "InvalidInput",
            "InvalidResult",
            "SandboxCrash",
            "SandboxError",
            "SandboxMemory",
            "SandboxOutputLimit",
            "SandboxSyntax",
            "SandboxTimeout",
            "SandboxUnavailable",
            "SandboxViolation",
        ),
        "sandbox.jail.assurance": ("Layer", "Status"),
        "sandbox.limits": ("Assurance", "Limits", "Policy"),
        "sandbox.request": ("Run",),
        "sandbox.running": ("Sandbox",),
        "sandbox.shared": ("arun", "run", "status"),
    }.items()
    for name in names
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
