"""What a run may take, and what its code may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Assurance(IntEnum):
    """How much stands between the code and the machine; more is greater."""

    NONE = 0
    """The language policy alone: no boundary."""
    PROCESS = 1
    """A process of its own with limits on memory and time; it sees files and the network."""
    CONFINED = 2
    """Besides, one kernel layer (Landlock or seccomp) keeps it from files and the network."""
    FULL = 3
    """Besides, seccomp's allowlist, Landlock and namespaces of its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take.

    Attributes:
        timeout_s: Seconds from request to reply, host calls included.
        memory_mb: Megabytes of address space beyond what the interpreter takes itself.
        output_bytes: Bytes of the result as JSON.
        printed_chars: Characters of prints that are kept; the rest is dropped, and said so.
        source_bytes: Bytes of source.
        depth: Depth of nesting of values, in and out.
        minimum_assurance: Below it, nothing runs (``SandboxUnavailable``).
    """

    timeout_s: float = 5.0
    memory_mb: float = 256.0
    output_bytes: int = 1_000_000
    printed_chars: int = 20_000
    source_bytes: int = 65_536
    depth: int = 64
    minimum_assurance: Assurance = Assurance.CONFINED


@dataclass(frozen=True)
class Policy:
    """What the code may use.

    Attributes:
        modules: Names of modules that it may import (of ``sandbox.modules.AVAILABLE``); ``None``:
            all of them.
        tools: The application's functions, by the name under which the code calls them. A call is
            answered by the host, its arguments validated against the function's annotations.
        types: Classes of values that the code may build and gets as arguments: dataclasses,
            pydantic models, NamedTuples, enums, TypedDicts. It sees records of the same name and
            fields, never the classes.
        max_tool_calls: Calls of tools in one run, at most.
    """

    modules: frozenset[str] | None = None
    tools: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    types: tuple[type, ...] = ()
    max_tool_calls: int = 100
