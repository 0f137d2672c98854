"""Kept sources: one file for each function, for people to read, review and commit.

A file lies in the folder ``llm_impl`` beside the module that holds the function, or, where that is
no place to write, in the cache. It is Python with a header of comments; who changes the source by
hand changes what runs. A lock (in the cache, not beside the file) makes processes that want the
same function wait for the one that is writing it.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from byzer_agents.implementing.subject import Subject
from runtime.settings import settings

FOLDER = "llm_impl"
_HEADER = re.compile(r"^# ([a-z]+): (.*)$")
_TITLE = "# Written by a language model. Read it, change it, commit it; it runs in a sandbox."
_MARKS = "# ruff: noqa\n# mypy: ignore-errors\n"


@dataclass(frozen=True, slots=True)
class KeptSource:
    """What a file says."""

    function: str
    """Module and qualified name."""
    key: str
    """Hash of the signature, docstring, types and policy that it was written for."""
    signature: str
    model: str
    date: str
    """When it was accepted: ISO 8601, UTC."""
    checks: tuple[str, ...]
    """What it passed then."""
    source: str

    def text(self) -> str:
        """The file's text."""
        lines = [
            _TITLE,
            f"# function: {self.function}",
            f"# signature: {' '.join(self.signature.split())}",
            f"# key: {self.key}",
            f"# model: {self.model}",
            f"# date: {self.date}",
            f"# checks: {'; '.join(self.checks)}",
        ]
        return "\n".join(lines) + f"\n{_MARKS}\n{self.source.strip()}\n"


def kept_source(text: str) -> KeptSource | None:
    """What a file's text says; ``None`` where it is none of ours."""
    lines = text.splitlines()
    facts: dict[str, str] = {}
    end = 0
    for end, line in enumerate(lines):  # noqa: B007 - used afterwards
        if not line.startswith("#"):
            break
        if found := _HEADER.match(line):
            facts[found[1]] = found[2].strip()
    if not {"function", "key"} <= facts.keys():
        return None
    return KeptSource(
        facts["function"],
        facts["key"],
        facts.get("signature", ""),
        facts.get("model", ""),
        facts.get("date", ""),
        tuple(filter(None, facts.get("checks", "").split("; "))),
        "\n".join(lines[end:]).strip() + "\n",
    )


def now() -> str:
    """The time as headers have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Keeper:
    """The place of one function's source.

    Args:
        subject: The function.
        directory: Its folder; ``None``: beside the module.
        by_key: Put the key into the file's name: for sources that answer one question only.
    """

    def __init__(
        self, subject: Subject, directory: Path | None = None, *, by_key: bool = False
    ) -> None:
        self.key = subject.key
        module, _, name = subject.place.partition(":")
        stem = re.sub(r"\W+", "_", f"{module.rpartition('.')[2]}__{name.replace('<locals>', '')}")
        folder = directory or _folder(subject)
        if by_key or folder == cache_folder():  # which projects share
            stem += f"__{subject.key}"
        self.path = folder / f"{stem}.py"

    def look(self) -> KeptSource | None:
        """What is kept for this very function; ``None`` if nothing is, or for another version."""
        kept = read(self.path)
        return kept if kept is not None and kept.key == self.key else None

    def write(self, kept: KeptSource) -> None:
        """Put a source in its place, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(kept.text())
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def forget(self) -> bool:
        """Delete the source; whether there was one."""
        there = self.path.exists()
        self.path.unlink(missing_ok=True)
        return there

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and processes from writing this source meanwhile."""
        locks = settings().cache_dir / "locks" / FOLDER
        locks.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(str(self.path.absolute()).encode()).hexdigest()[:24]
        with FileLock(locks / f"{name}.lock", thread_local=False):
            yield


def read(path: Path) -> KeptSource | None:
    """What a file says; ``None`` where there is none, or it is none of ours."""
    try:
        return kept_source(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def cache_folder() -> Path:
    """The folder of sources that have no module's folder to lie in."""
    return settings().cache_dir / FOLDER


def _folder(subject: Subject) -> Path:
    module = sys.modules.get(subject.function.__module__)
    file = getattr(module, "__file__", None)
    if file:
        beside = Path(file).resolve().parent
        if os.access(beside, os.W_OK) or (beside / FOLDER).is_dir():
            return beside / FOLDER
    return cache_folder()
