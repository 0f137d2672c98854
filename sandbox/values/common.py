"""What both directions share: the caps, the tags and the errors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

INT_DIGITS: Final = 4300
"""Digits of an integer, at most: the interpreter's own bound for turning text into integers."""

INT_BOUND: Final = 10**INT_DIGITS
WORDS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
EXPONENT: Final = 999_999
"""Of a Decimal, at most: turning one into an integer takes memory of this size."""

HEX: Final = re.compile(r"-?0x[0-9a-f]{1,3600}\Z")
DECIMAL: Final = re.compile(
    r"-?(\d{1,20000}(\.\d{0,20000})?(E[+-]?\d{1,6})?|Infinity|s?NaN\d{0,20})\Z", re.ASCII
)
FRACTION: Final = re.compile(r"(-?\d{1,4300})/(\d{1,4300})\Z", re.ASCII)
DECIMAL_CHARS: Final = 20_000


class NotData(ValueError):
    """A value cannot cross.

    Attributes:
        message: What it is, and what to return instead.
        path: Where it stands: ``$.rows[3]``.
    """

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(f"{path}: {message}" if path != "$" else message)
        self.path = path
        self.message = message


class TooLarge(NotData):
    """The values are more than they may be, in bytes."""


class Packed(NamedTuple):
    """A value of a class of the code's own, or of the application's, taken apart."""

    kind: Literal["record", "named", "enum"]
    """``named``: a tuple whose items have names; the fields are its first ones, in order.
    ``enum``: ``fields`` is ``{member: value}``."""
    name: str
    fields: Mapping[str, Any]
