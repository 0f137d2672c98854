"""Landlock with no rules: nothing on any file system, no TCP, no signals outwards.

What the kernel's version does not know cannot be forbidden; :func:`forbidden` says what is.
"""

from __future__ import annotations

import os

from sandbox.jail import kernel

_VERSION = 1  # flag of landlock_create_ruleset: tell the ABI's version
_FILES = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""From which version on the kernel can forbid which kinds of access to files."""


def version() -> int:
    """The kernel's version of Landlock's ABI; raises ``OSError`` where there is none."""
    return kernel.syscall("landlock_create_ruleset", None, 0, _VERSION)


def attributes(abi: int) -> bytes:
    """``struct landlock_ruleset_attr``: everything that this version can forbid."""
    files = sum(bits for since, bits in _FILES if abi >= since)
    network = 0b11 if abi >= 4 else 0
    scopes = 0b11 if abi >= 6 else 0
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    return b"".join(part.to_bytes(8, "little") for part in (files, network, scopes))[:size]


def forbidden(abi: int) -> str:
    """What this version forbids, in words."""
    parts = (
        ["files"] + ["TCP"] * (abi >= 4) + ["signals and abstract sockets outwards"] * (abi >= 6)
    )
    return ", ".join(parts)


def ruleset() -> int:
    """A descriptor of the ruleset without rules, to be applied by children."""
    rules = attributes(version())
    return kernel.syscall("landlock_create_ruleset", rules, len(rules), 0)


def restrict(descriptor: int) -> None:
    """Apply the ruleset to this process, for good, and close it."""
    kernel.syscall("landlock_restrict_self", descriptor, 0)
    os.close(descriptor)
