"""``csv``'s writers, whose cells show no address."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from typing import Any, final

from sandbox.language.text import shown


def _cell(value: Any) -> Any:
    # Numbers stay: some ways of quoting tell them from text.
    return value if value is None or type(value) in (int, float, str) else shown(value)


@final
class Writer:
    """``csv.writer``."""

    __slots__ = ("_inner",)

    def __init__(self, file: Any, *args: Any, **options: Any) -> None:
        self._inner = csv.writer(file, *args, **options)

    @property
    def dialect(self) -> Any:
        """The dialect."""
        return self._inner.dialect

    def writerow(self, row: Iterable[Any]) -> Any:
        """Write one row; gives what the file's ``write`` gave."""
        return self._inner.writerow([_cell(item) for item in row])

    def writerows(self, rows: Iterable[Iterable[Any]]) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)


@final
class DictWriter:
    """``csv.DictWriter``."""

    __slots__ = ("_inner",)

    def __init__(self, file: Any, fieldnames: Iterable[str], *args: Any, **options: Any) -> None:
        self._inner = csv.DictWriter(file, list(fieldnames), *args, **options)

    @property
    def fieldnames(self) -> list[str]:
        """The columns."""
        return list(self._inner.fieldnames)

    def writeheader(self) -> Any:
        """Write the names of the columns."""
        return self._inner.writeheader()

    def writerow(self, row: Mapping[str, Any]) -> Any:
        """Write one row; gives what the file's ``write`` gave."""
        return self._inner.writerow({key: _cell(item) for key, item in row.items()})

    def writerows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)
