"""The worker of :mod:`unrestricted` in a jail that lacks Landlock, to see what the rest holds."""

from __future__ import annotations

import unrestricted
from unrestricted import execute

from sandbox.jail import locking

__all__ = ["execute", "preload"]


def preload() -> None:
    unrestricted.preload()
    locking.Lock._prepare_landlock = lambda lock: lock._missing("landlock", "taken away by a test")
