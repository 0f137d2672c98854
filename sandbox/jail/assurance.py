"""How much stands between the code and the machine, as found by trying, not by asking."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.limits import Assurance

PROCESS = "process"
LIMITS = "limits"
USER = "user"
NAMESPACES = "namespaces"
LANDLOCK = "landlock"
SECCOMP = "seccomp"
LAYERS = (PROCESS, LIMITS, USER, NAMESPACES, LANDLOCK, SECCOMP)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer on this machine.

    Attributes:
        name: One of ``process``, ``limits``, ``user``, ``namespaces``, ``landlock``, ``seccomp``.
        present: Whether it holds; tried out, where it can be.
        why: What it keeps off, or why it is missing.
    """

    name: str
    present: bool
    why: str


@dataclass(frozen=True, slots=True)
class Status:
    """What this machine gives.

    Attributes:
        assurance: The level that follows from the layers.
        layers: Every layer, outermost first.
        system: Operating system, kernel and architecture, in words.
    """

    assurance: Assurance
    layers: tuple[Layer, ...]
    system: str

    @property
    def missing(self) -> dict[str, str]:
        """The layers that are missing, and why each is."""
        return {layer.name: layer.why for layer in self.layers if not layer.present}


def assurance_of(present: Mapping[str, bool]) -> Assurance:
    """The level that these layers amount to."""
    if not present.get(PROCESS) or not present.get(LIMITS):
        return Assurance.NONE
    kernel = present.get(SECCOMP, False), present.get(LANDLOCK, False)
    if all(kernel) and present.get(NAMESPACES) and present.get(USER):
        return Assurance.FULL
    return Assurance.CONFINED if any(kernel) else Assurance.PROCESS


def status_of(found: Mapping[str, tuple[bool, str]]) -> Status:
    """The status for layers as found: name → whether present, and why."""
    layers = tuple(
        Layer(name, *found.get(name, (False, "not tried on this system"))) for name in LAYERS
    )
    level = assurance_of({layer.name: layer.present for layer in layers})
    return Status(level, layers, f"{sys.platform} {platform.release()} {platform.machine()}")
