"""Types that are written as text, spelled out: patterns that say all of what validation takes.

``format: date-time`` lets a leap second through, which pydantic refuses, and demands a time zone,
which it does not; so the rules stand in schemas as patterns.
"""

from __future__ import annotations

WHOLE = "(?:0|[1-9][0-9]*)"
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"  # 0001 to 9999
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = f"(?:{_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_HEX = "[0-9a-fA-F]"
_CALENDAR = "(?:[0-9]{1,5}[YMWD]){1,4}"
_SECONDS = r"[0-9]{1,5}(?:\.[0-9]{1,6})?S"
_CLOCK = f"T(?:(?:[0-9]{{1,5}}[HM]){{1,2}}(?:{_SECONDS})?|{_SECONDS})"

DATE = f"^{_DATE}$"
DURATION = f"^-?P(?:{_CALENDAR}(?:{_CLOCK})?|{_CLOCK})$"
"""ISO 8601, with a sign and fractions of seconds, shorter than 100,000 years."""
TIMES, DATETIMES = (
    {
        "": f"^{start}{_ZONE}?$",  # with or without a zone
        "aware": f"^{start}{_ZONE}$",
        "naive": f"^{start}$",
    }
    for start in (_TIME, f"{_DATE}T{_TIME}")
)
UUIDS: dict[int | None, str] = {
    version: f"^{_HEX}{{8}}-{_HEX}{{4}}-{middle}{_HEX}{{3}}-{_HEX}{{12}}$"
    for version, middle in [
        (None, f"{_HEX}{{4}}-{_HEX}"),
        *((number, f"{number}{_HEX}{{3}}-[89abAB]") for number in range(1, 9)),
    ]
}
SPELLED_OUT = frozenset([DATE, DURATION, *TIMES.values(), *DATETIMES.values(), *UUIDS.values()])
"""Patterns that say all of what pydantic takes. The ``format`` beside them is for readers: taken
at its word, it would forbid a ``datetime`` without a zone and a negative ``timedelta``."""

_AS_FORMATTED = frozenset([DATE, TIMES["aware"], DATETIMES["aware"], *UUIDS.values()])


def as_formatted(pattern: str) -> bool:
    """Whether a pattern that spells a type out forbids all that its ``format`` does."""
    return pattern in _AS_FORMATTED


DECIMAL = "decimal"
"""Our format of decimals; the ``pattern`` beside it says all of it."""


_URL_SAFE = "[A-Za-z0-9_-]"
_STANDARD = "[A-Za-z0-9+/]"
BASE64_URL, BASE64 = (
    # The last character before the padding has bits that no byte has; they must be zero.
    f"^(?:{symbol}{{4}})*(?:{symbol}[AQgw]==|{symbol}{{2}}[AEIMQUYcgkosw048]=)?$"
    for symbol in (_URL_SAFE, _STANDARD)
)
"""RFC 4648, with padding."""
HEX_BYTES = f"^(?:{_HEX}{{2}})*$"
