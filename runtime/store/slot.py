"""One model's place in the store: its folder, its lock, and whether its file is there."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from runtime.store.assemble import assemble, sha256_of
from runtime.store.catalogue import CatalogueEntry
from runtime.store.errors import ChecksumMismatch, ModelNotPulled, StoreNotWritable
from runtime.store.manifest import Manifest, forget_manifest, now, read_manifest, write_manifest
from runtime.store.progress import Progress

_LOCKS = ".locks"
_LOCK_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model of the catalogue, and whether its file is here."""

    entry: CatalogueEntry
    """What the catalogue says of it."""
    path: Path
    """Where its file is, or would be."""
    present: bool
    """Whether the file is there and was verified."""
    verified_at: str | None = None
    """When it was last hashed: ISO 8601, UTC; ``None`` if it is not present."""

    @property
    def size_bytes(self) -> int:
        """The size of its file, also before that is fetched."""
        return self.entry.size_bytes


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of ``entry`` in a store: ``<root>/<name>/<file>``."""

    root: Path
    """The store's folder."""
    entry: CatalogueEntry
    """Whose place it is."""

    @property
    def folder(self) -> Path:
        """The model's own folder."""
        return self.root / self.entry.name

    @property
    def path(self) -> Path:
        """The model's file."""
        return self.folder / self.entry.file

    def look(self) -> StoredModel:
        """What is there, by manifest and size: no hashing, no lock, nothing written."""
        manifest = read_manifest(self.folder)
        try:
            size_bytes = self.path.stat().st_size
        except OSError:
            size_bytes = -1
        if (
            manifest is None
            or manifest.sha256 != self.entry.sha256
            or not manifest.size == size_bytes == self.entry.size_bytes
        ):
            return StoredModel(self.entry, self.path, present=False)
        return StoredModel(self.entry, self.path, present=True, verified_at=manifest.fetched_at)

    def adopt(self, progress: Progress) -> StoredModel | None:
        """Take over a file that someone put there, or whose manifest was lost, if it is right."""
        try:
            if self.path.stat().st_size != self.entry.size_bytes:
                return None
            right = self._hash(progress) == self.entry.sha256
        except OSError:
            return None
        return self._note() if right else None

    def fetch(self, progress: Progress) -> StoredModel:
        """The file, fetched unless it is there by the time the lock is ours.

        Raises:
            StoreError: As :func:`~runtime.store.assemble.assemble`.
        """
        with self._lock(progress):
            stored = self.look()
            if stored.present:
                return stored
            adopted = self.adopt(progress)
            if adopted is not None:
                return adopted
            assemble(self.entry, self.path, progress)
            return self._note()

    def verify(self, progress: Progress) -> StoredModel:
        """Hash the file; a wrong one counts as absent from then on.

        Raises:
            ModelNotPulled: There is no file.
            ChecksumMismatch: It is not the one in the catalogue.
        """
        try:
            digest = self._hash(progress)
        except FileNotFoundError:
            raise ModelNotPulled(self.entry.name) from None
        if digest != self.entry.sha256:
            forget_manifest(self.folder)
            raise ChecksumMismatch(
                self.entry.name,
                expected=self.entry.sha256,
                got=digest,
                note=f"{self.path} is no longer used; the next pull replaces it",
            )
        return self._note()

    def remove(self, progress: Progress) -> int:
        """Delete the folder; the bytes that were freed, 0 if there was none.

        Raises:
            StoreNotWritable: It cannot be deleted.
        """
        if not self.folder.is_symlink() and not self.folder.exists():
            return 0
        with self._lock(progress):
            try:
                if self.folder.is_symlink():  # someone's own link: what it leads to is theirs
                    self.folder.unlink()
                    return 0
                freed = sum(file.lstat().st_size for file in self.folder.rglob("*"))
                shutil.rmtree(self.folder)
            except FileNotFoundError:  # another process was quicker
                return 0
            except OSError as error:
                raise StoreNotWritable(self.folder, reason=str(error)) from error
        return freed

    def _hash(self, progress: Progress) -> str:
        with self.path.open("rb"):  # fail before anything is shown
            pass
        progress.start(f"verifying {self.entry.name}", self.entry.size_bytes)
        try:
            return sha256_of(self.path, progress)
        finally:
            progress.finish()

    def _note(self) -> StoredModel:
        moment = now()
        manifest = Manifest(self.entry.name, self.entry.sha256, self.entry.size_bytes, moment)
        write_manifest(self.folder, manifest)
        return StoredModel(self.entry, self.path, present=True, verified_at=moment)

    @contextlib.contextmanager
    def _lock(self, progress: Progress) -> Iterator[None]:
        """Be the only one, on this machine, to change the files of the entry."""
        folder = self.root / _LOCKS
        lock = FileLock(folder / f"{self.entry.name}.lock")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                progress.start(f"waiting: another process works on {self.entry.name}", None)
                try:
                    lock.acquire(poll_interval=_LOCK_POLL_S)
                finally:
                    progress.finish()
        except OSError as error:
            raise StoreNotWritable(self.root, reason=str(error)) from error
        try:
            yield
        finally:
            lock.release()
