"""Single names that stand in for those of a module: tables copied, and files kept shut."""

from __future__ import annotations

import calendar
import hashlib
import re
import sys
from collections.abc import Callable
from typing import Any

from sandbox.modules import texts, zones


def _calendar() -> dict[str, Any]:
    # The real ones look the names up in the locale at each use.
    return {
        name: tuple(getattr(calendar, name))
        for name in ("day_abbr", "day_name", "month_abbr", "month_name")
    }


def _hashlib() -> dict[str, Any]:
    known = frozenset(hashlib.algorithms_guaranteed)

    def new(name: str, data: bytes = b"", *, usedforsecurity: bool = True) -> Any:
        """A hash by its name."""
        if type(name) is not str or name.lower() not in known:
            raise ValueError(
                f"unsupported hash type {name!r}; use one of {', '.join(sorted(known))}"
            )
        return hashlib.new(name.lower(), data, usedforsecurity=usedforsecurity)

    return {"new": new, "algorithms_available": known, "algorithms_guaranteed": known}


def _rrule() -> dict[str, Any]:
    from dateutil import rrule

    zones.available_timezones()

    def rrulestr(s: str, **options: Any) -> Any:
        """A recurrence rule from its text (RFC 5545); zones by name are of ``zoneinfo``."""
        options.setdefault("tzids", zones.gettz)
        return rrule.rrulestr(s, **options)

    return {"rrulestr": rrulestr}


def _tz() -> dict[str, Any]:
    zones.available_timezones()
    return {"gettz": zones.gettz}


def _re() -> dict[str, Any]:
    return {"PatternError": re.error}


def _sys() -> dict[str, Any]:
    deepest = sys.getrecursionlimit()

    def setrecursionlimit(limit: int) -> None:
        """Accepted and ignored: the limit of recursion is the run's."""
        if type(limit) is not int or limit < 1:
            raise ValueError("recursion limit must be greater or equal than 1")

    def getrecursionlimit() -> int:
        """The limit of recursion."""
        return deepest

    def intern(text: str) -> str:
        """The text itself."""
        if type(text) is not str:
            raise TypeError(f"intern() takes a str, not {type(text).__name__}")
        return text

    return {
        "getrecursionlimit": getrecursionlimit,
        "intern": intern,
        "setrecursionlimit": setrecursionlimit,
    }


def _csv() -> dict[str, Any]:
    return {"DictWriter": texts.DictWriter, "writer": texts.writer}


def _difflib() -> dict[str, Any]:
    return {"context_diff": texts.context_diff, "unified_diff": texts.unified_diff}


def _string() -> dict[str, Any]:
    return {"Template": texts.Template}


def _urls() -> dict[str, Any]:
    return {"urlencode": texts.urlencode}


NAMES: dict[str, Callable[[], dict[str, Any]]] = {
    "calendar": _calendar,
    "csv": _csv,
    "dateutil.rrule": _rrule,
    "dateutil.tz": _tz,
    "difflib": _difflib,
    "hashlib": _hashlib,
    "re": _re,
    "string": _string,
    "sys": _sys,
    "urllib.parse": _urls,
}
