"""The note beside a stored model that says it was verified, so that it need not be hashed again."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

FILE_NAME = "manifest.json"
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was true of a model's file when it was last hashed."""

    name: str
    """The catalogue's name of the model."""
    sha256: str
    """The checksum that the file had."""
    size: int
    """The size that it had, in bytes."""
    fetched_at: str
    """When that was: ISO 8601, UTC."""


def now() -> str:
    """The present moment as a manifest writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in ``folder``; ``None`` if there is none that can be read."""
    try:
        with (folder / FILE_NAME).open("rb") as stream:
            data = json.loads(stream.read(_MAX_BYTES))
        manifest = Manifest(**data)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (manifest.name, manifest.sha256, manifest.fetched_at)
    whole = all(isinstance(text, str) for text in texts) and type(manifest.size) is int
    return manifest if whole else None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into ``folder``, whole or not at all.

    A store that cannot be written to (a read-only image) works without: silence then.
    """
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix=f"{FILE_NAME}.", suffix=".partial", dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(asdict(manifest), stream, indent=1)
            temporary.chmod(0o644)
            temporary.replace(folder / FILE_NAME)
        finally:
            temporary.unlink(missing_ok=True)


def forget_manifest(folder: Path) -> None:
    """Remove the manifest, so that the file counts as unverified."""
    with contextlib.suppress(OSError):
        (folder / FILE_NAME).unlink()
