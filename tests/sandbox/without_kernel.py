"""The worker of :mod:`unrestricted` in a jail that lacks all that the kernel adds, to see what the rest holds."""

from __future__ import annotations

import without_landlock
import without_namespaces
import without_seccomp
from unrestricted import execute

__all__ = ["execute", "preload"]


def preload() -> None:
    without_landlock.preload()
    without_namespaces.preload()
    without_seccomp.preload()
