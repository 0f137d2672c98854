"""The errors of the model store: what was asked for, what is there, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from structured.errors import ByzerError, shorten


class StoreError(ByzerError):
    """Base of every error of the model store."""


class ModelNotFound(StoreError):
    """A name that is neither in the catalogue nor a file or folder on this machine.

    Attributes:
        name: What was asked for.
        known: Names and aliases of the catalogue.
        stored: Names of the models that are on this machine already.
        suggestion: The known name nearest to ``name``, or ``""``.
    """

    def __init__(
        self,
        name: str,
        *,
        known: Sequence[str] = (),
        stored: Sequence[str] = (),
        suggestion: str = "",
        reason: str = "",
        hint: str = "",
    ) -> None:
        lines = [
            reason or f"no model {shorten(name)}: not in the catalogue, and no such file or folder"
        ]
        if suggestion:
            lines.append(f"  did you mean {suggestion!r}?")
        if known:
            lines.append(f"  in the catalogue: {', '.join(known)}")
        lines.append(f"  on this machine: {', '.join(stored) if stored else 'none yet'}")
        super().__init__(
            "\n".join(lines),
            hint=hint or "give a catalogue name, a .gguf file, or a folder with weights",
        )
        self.name = name
        self.known = tuple(known)
        self.stored = tuple(stored)
        self.suggestion = suggestion


class HubAccessOff(ModelNotFound):
    """A hub name (``org/name``) while hub access is off, as it is unless turned on."""


class ModelNotPulled(StoreError):
    """A model of the catalogue whose files are not on this machine."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the model {name!r} is in the catalogue but not on this machine",
            hint=f"byzer-agents models pull {name}",
        )
        self.name = name


class ModelFilesMissing(StoreError):
    """A folder in which the files of a model are not, or not all.

    Attributes:
        path: The folder.
        looked_for: What would have made it a model.
        found: What is in it; at most the first twenty names.
    """

    def __init__(
        self,
        path: Path,
        *,
        looked_for: Sequence[str],
        found: Sequence[str],
        reason: str = "no model in the folder",
        hint: str = "",
    ) -> None:
        there = ", ".join(found) if found else "nothing"
        super().__init__(
            f"{reason}: {path}\n  looked for: {'; '.join(looked_for)}\n  found: {there}", hint=hint
        )
        self.path = path
        self.looked_for = tuple(looked_for)
        self.found = tuple(found)


class AmbiguousModel(StoreError):
    """A folder or a hub repository with several models where one is needed."""

    def __init__(self, place: str, *, candidates: Sequence[str]) -> None:
        super().__init__(
            f"{place} holds {len(candidates)} GGUF models:\n  " + "\n  ".join(candidates),
            hint="name the one file to use",
        )
        self.place = place
        self.candidates = tuple(candidates)


class NotAModel(StoreError):
    """A path that is there but cannot be a model: wrong content, or not readable."""

    def __init__(self, path: Path, *, reason: str, hint: str = "") -> None:
        super().__init__(f"{path}: {reason}", hint=hint)
        self.path = path
        self.reason = reason


class GGUFError(NotAModel):
    """A GGUF file whose header is damaged, hostile, or of an unknown version.

    Attributes:
        offset: Byte offset at which reading stopped.
    """

    def __init__(self, path: Path, *, reason: str, offset: int = 0) -> None:
        super().__init__(
            path,
            reason=f"bad GGUF header at byte {offset}: {reason}",
            hint="the file is damaged or of another format; fetch it again",
        )
        self.offset = offset


class DownloadFailed(StoreError):
    """A file that could not be fetched, or arrived damaged.

    Attributes:
        requirement: What was asked of the package index (or hub).
        output: The end of what the downloading tool said.
    """

    def __init__(
        self,
        requirement: str,
        *,
        reason: str,
        output: str = "",
        hint: str = "",
        retryable: bool = True,
    ) -> None:
        tail = "".join(f"\n  | {line}" for line in output.splitlines())
        super().__init__(f"could not fetch {requirement}: {reason}{tail}", hint=hint)
        self.requirement = requirement
        self.output = output
        self.retryable = retryable


class ChecksumMismatch(StoreError):
    """A file that is not, byte for byte, the one in the catalogue."""

    def __init__(self, name: str, *, expected: str, got: str, note: str = "") -> None:
        super().__init__(
            f"the file of {name!r} is not the expected one"
            f"\n  sha256 expected: {expected}\n  sha256 of the file: {got}"
            + (f"\n  {note}" if note else ""),
            hint=f"byzer-agents models pull {name}",
        )
        self.name = name
        self.expected = expected
        self.got = got


class NotEnoughDiskSpace(StoreError):
    """Too little free space for a model, found out before anything was written."""

    def __init__(self, path: Path, *, needed_bytes: int, available_bytes: int) -> None:
        super().__init__(
            f"not enough disk space in {path}: {needed_bytes / 1e6:,.0f} MB needed, "
            f"{available_bytes / 1e6:,.0f} MB available",
            hint="free some space, or set BYZER_AGENTS_CACHE to a folder on another disk",
        )
        self.path = path
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes


class StoreNotWritable(StoreError):
    """The store's folder cannot be written to."""

    def __init__(self, path: Path, *, reason: str) -> None:
        super().__init__(
            f"cannot write to the model store {path}: {reason}",
            hint="set BYZER_AGENTS_CACHE to a folder that you may write to",
        )
        self.path = path
        self.reason = reason
