"""How commands report: values on standard output, errors on standard error with status 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from structured.errors import ByzerError


@contextmanager
def errors() -> Iterator[None]:
    """Our own errors become a message on standard error and status 1; no traceback."""
    try:
        yield
    except ByzerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def print_json(value: Any) -> None:
    """For machines."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
