"""Time zones by name, read once: a jailed process opens no file."""

from __future__ import annotations

import contextlib
import zoneinfo
from datetime import tzinfo
from typing import ClassVar, Final, NoReturn, final

ZoneInfoNotFoundError: Final = zoneinfo.ZoneInfoNotFoundError


@final
class ZoneInfo(zoneinfo.ZoneInfo):
    """A time zone of the table: ``ZoneInfo("Europe/Paris")``.

    The real class reads a file at its first use of a name, and takes paths and open files.
    """

    _known: ClassVar[dict[str, ZoneInfo]] = {}

    def __new__(cls, key: str) -> ZoneInfo:
        """Look the zone up.

        Raises:
            ZoneInfoNotFoundError: There is no such zone.
        """
        _read_all()
        zone = ZoneInfo._known.get(key) if type(key) is str else None
        if zone is None:
            raise ZoneInfoNotFoundError(f"no time zone found with key {key!r}")
        return zone

    def __init_subclass__(cls, **facts: object) -> NoReturn:
        raise TypeError("ZoneInfo cannot be subclassed")

    def __reduce__(self) -> tuple[type[ZoneInfo], tuple[str]]:
        return ZoneInfo, (self.key,)


_names: list[frozenset[str]] = []


def _read_all() -> None:
    if _names:
        return
    names = zoneinfo.available_timezones()
    for name in sorted(names | {"UTC"}):
        with contextlib.suppress(OSError, ValueError, ZoneInfoNotFoundError):
            # Past our own __new__, into the real one (the C class keeps its own weak cache).
            ZoneInfo._known[name] = zoneinfo.ZoneInfo.__new__(ZoneInfo, name)
    _names.append(frozenset(ZoneInfo._known))


def available_timezones() -> set[str]:
    """Names of all zones in the table."""
    _read_all()
    return set(_names[0])


def gettz(name: str | None = None) -> tzinfo | None:
    """What ``dateutil.tz.gettz`` is for names: the zone, or ``None``; without a name UTC."""
    _read_all()
    return ZoneInfo._known.get(name or "UTC") if name is None or type(name) is str else None
