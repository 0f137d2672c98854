"""What the façades must ask the language: may this attribute be read, is this class the code's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

OWNED = "__@owned__"
"""The mark that the language leaves in the namespace of each class of the code's own."""


def _read(value: Any, name: str) -> Any:
    if type(name) is not str or name.startswith("_") or name in ("format", "format_map", "mro"):
        raise AttributeError(f"{name!r} cannot be read here")
    return getattr(value, name)


def _marked(cls: type) -> bool:
    return OWNED in type.__dict__["__dict__"].__get__(cls)


@dataclass(frozen=True, slots=True)
class Guards:
    """The language's answers.

    Attributes:
        getattr: Read an attribute under the policy; behind ``operator.attrgetter``.
        is_own: Whether a class was defined by the code: only such may be changed and copied.
    """

    getattr: Callable[[Any, str], Any] = _read
    is_own: Callable[[type], bool] = _marked
