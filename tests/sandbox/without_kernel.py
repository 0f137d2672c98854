"""The worker of :mod:`unrestricted` in a jail without what the kernel adds: what holds then?"""

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
