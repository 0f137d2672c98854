"""Showing how far a download is: what a display must offer, and the displays that we have."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from runtime.settings import settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichBar
    from rich.progress import TaskID


class Progress(Protocol):
    """What the store tells while it works. One display shows one thing at a time.

    The store calls ``start``, then ``advance`` any number of times, then ``finish`` (also
    after a failure), and may begin anew with ``start``.
    """

    def start(self, description: str, total_bytes: int | None) -> None:
        """Something begins; ``total_bytes`` is ``None`` where only waiting can be shown."""

    def advance(self, count_bytes: int) -> None:
        """So many more bytes are there."""

    def finish(self) -> None:
        """It has ended, well or not."""


class NullProgress:
    """Shows nothing."""

    def start(self, description: str, total_bytes: int | None) -> None:
        """Show nothing."""

    def advance(self, count_bytes: int) -> None:
        """Show nothing."""

    def finish(self) -> None:
        """Show nothing."""


class LineProgress:
    """One plain line when something begins and one when it ends: for logs and CI.

    Args:
        stream: Where to write; standard error unless given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._description = ""
        self._started = 0.0
        self._bytes = 0
        self._total_bytes = 0

    def start(self, description: str, total_bytes: int | None) -> None:
        """Write the first line."""
        self._total_bytes = total_bytes or 0
        self._description, self._started, self._bytes = description, time.monotonic(), 0
        size = f" ({total_bytes / 1e6:,.0f} MB)" if total_bytes else ""
        self._write(f"{description}{size} …")

    def advance(self, count_bytes: int) -> None:
        """Count the bytes."""
        self._bytes += count_bytes

    def finish(self) -> None:
        """Write the last line."""
        if self._bytes:
            elapsed = time.monotonic() - self._started
            short = self._bytes < self._total_bytes
            of = f" of {self._total_bytes / 1e6:,.0f}" if short else ""
            self._write(f"{self._description}: {self._bytes / 1e6:,.0f}{of} MB in {elapsed:.1f} s")

    def _write(self, text: str) -> None:
        print(text, file=self._stream or sys.stderr, flush=True)


class RichProgress:
    """A bar on standard error with speed and time left, gone when it is done.

    Args:
        console: Where to draw; a console on standard error unless given.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._bar: RichBar | None = None
        self._task: TaskID | None = None

    def start(self, description: str, total_bytes: int | None) -> None:
        """Draw the bar, or a moving one where there is no total."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            ProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as RichBar

        self.finish()
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}", markup=False),
            BarColumn(),
        ]
        if total_bytes is None:
            columns.append(TimeElapsedColumn())
        else:
            columns += [DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
        self._bar = RichBar(*columns, console=self._console or Console(stderr=True), transient=True)
        self._task = self._bar.add_task(description, total=total_bytes)
        self._bar.start()

    def advance(self, count_bytes: int) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count_bytes)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def default_progress() -> Progress:
    """The display that suits: none if quiet, a bar on a terminal or in a notebook, else lines."""
    if settings().quiet:
        return NullProgress()
    from rich.console import Console

    console = Console(stderr=True)
    return RichProgress(console) if console.is_terminal or console.is_jupyter else LineProgress()
