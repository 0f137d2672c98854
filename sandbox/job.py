"""What crosses the border, as data. Everything here becomes JSON; nothing is ever pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """A class of values as the code sees it: a name and fields, no behaviour of the host's."""

    name: str
    kind: Literal["record", "tuple", "enum"] = "record"
    """``record``: keyword arguments and attributes. ``tuple``: by position as well. ``enum``."""
    fields: tuple[tuple[str, bool], ...] = ()
    """Name, and whether it must be given. One that is left out stays out of the JSON, so that
    the host's own class fills it in."""
    defaults: tuple[tuple[str, Any], ...] = ()
    """Defaults that are plain data: reading such a field gives it."""
    members: tuple[tuple[str, Any], ...] = ()
    """An enum's names and values (plain data)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run."""

    source: str
    entry: str
    """Name of a function in the source, dotted for a method of a class made without arguments;
    ``""``: the value of the name ``result`` after the source has run."""
    arguments: Any
    """Encoded by :mod:`sandbox.values`: an object of keyword arguments, or a list of positional
    ones."""
    modules: tuple[str, ...]
    tools: tuple[str, ...]
    types: tuple[RecordSpec, ...]
    printed_chars: int
    depth: int
    seed: int
    """Of the code's own ``random``."""
    output_bytes: int = 1_000_000
    """Bytes that the value may take as JSON: to be given to :func:`sandbox.values.encode`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back; presumed to be written by an attacker until the host has validated it."""

    kind: Literal[
        "value", "failed", "syntax", "violation", "result", "memory", "recursion", "output"
    ]
    """``result``: what was returned is no data. ``output``: it is more than ``output_bytes``.
    ``failed``: the code's own exception."""
    value: Any = None
    """Encoded by :mod:`sandbox.values`."""
    message: str = ""
    type_name: str = ""
    construct: str = ""
    hint: str = ""
    line: int | None = None
    column: int | None = None
    traceback: tuple[tuple[int, str], ...] = ()
    printed: str = ""
    printed_dropped: int = 0
    """Characters of prints that were dropped."""


class ToolFailed(Exception):
    """What ``call_tool`` raises in the child where the host answers a call without a value.

    The code sees an exception of its own with this message (a ``RuntimeError``), and may catch it.
    Arguments and values of calls cross encoded by :mod:`sandbox.values`: whoever calls
    ``call_tool`` encodes the arguments before, and decodes what it gives.
    """
