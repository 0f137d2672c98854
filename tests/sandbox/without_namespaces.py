"""The worker of :mod:`unrestricted` in a jail that lacks namespaces, to see what the rest holds."""

from __future__ import annotations

import unrestricted
from unrestricted import execute

from sandbox.jail import locking

__all__ = ["execute", "preload"]


def refuse(**_: object) -> None:
    raise PermissionError(1, "taken away by a test")


def preload() -> None:
    unrestricted.preload()
    locking.namespaces.enter = refuse
