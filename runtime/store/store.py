"""The model store: from what a user calls a model to the files of that model on this machine."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.settings import HUB_VARIABLE, settings
from runtime.store.catalogue import CATALOGUE, CatalogueEntry, index_of
from runtime.store.errors import HubAccessOff, ModelNotFound, ModelNotPulled
from runtime.store.hub import fetch_from_hub, is_hub_name
from runtime.store.local import ModelFormat, inspect_path, kind_of_path
from runtime.store.progress import Progress, default_progress
from runtime.store.slot import Slot, StoredModel
from structured.errors import shorten

_MIN_PREFIX = 3


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model whose files are on this machine."""

    name: str
    """Its name in the catalogue or on the hub; else the name of the file or folder."""
    path: Path
    """The GGUF file (the first of a split set), or the folder; absolute."""
    format: ModelFormat
    """What the path is."""
    entry: CatalogueEntry | None = None
    """Its entry, if it is of the catalogue."""


StoredModels = list[StoredModel]
"""A list of models (inside the class, ``list`` is the method)."""


class ModelStore:
    """Finds models by name or path, and keeps those of the catalogue in a folder.

    Safe to use from several threads and processes at once: one fetches, the others wait.

    Args:
        root: The folder; ``<root>/<name>/<file>.gguf``. ``models`` in the cache folder unless
            given (see :mod:`runtime.settings`).
        catalogue: What can be fetched by name.

    Raises:
        ValueError: Two entries of the catalogue share a name.
    """

    def __init__(
        self, root: Path | None = None, *, catalogue: Sequence[CatalogueEntry] = CATALOGUE
    ) -> None:
        self.root = (root if root is not None else settings().cache_dir / "models").absolute()
        self.catalogue = tuple(catalogue)
        self._index = index_of(self.catalogue)

    def resolve(
        self, name_or_path: str | Path, *, fetch: bool = True, progress: Progress | None = None
    ) -> ResolvedModel:
        """The files of a model, fetched first if need be.

        Text is looked up in the catalogue, then taken as a path, then as a hub name; a ``Path``
        is taken as a path first.

        Args:
            name_or_path: A catalogue name or alias (in any case), a GGUF file, a folder with a
                model, or ``org/name`` where hub access is on.
            fetch: Whether the network may be used.
            progress: Where to show a download; what suits standard error unless given.

        Raises:
            ModelNotFound: None of these; the error names what there is.
            HubAccessOff: A hub name, while hub access is off.
            ModelNotPulled: A catalogue model that is not here, while ``fetch`` is false.
            ModelFilesMissing: A folder without a model, or without all of its files.
            AmbiguousModel: A folder with several GGUF files.
            NotAModel: A file that is no GGUF file.
            StoreError: What :meth:`pull` raises.
        """
        name = str(name_or_path).strip()
        entry = self._index.get(name.casefold())
        path = _local_path(name_or_path, name)
        here = bool(name) and kind_of_path(path) != "missing"
        if entry is not None and not (here and isinstance(name_or_path, Path)):
            stored = (self.pull if fetch else self._present)(entry.name, progress)
            return ResolvedModel(entry.name, stored.path, "gguf", entry)
        if here:
            found, form = inspect_path(path)
            return ResolvedModel(found.stem if form == "gguf" else found.name, found, form)
        if not is_hub_name(name):
            raise self._not_found(name)
        if not settings().hub_enabled:
            raise self._hub_is_off(name)
        found, form = inspect_path(fetch_from_hub(name, fetch=fetch))
        return ResolvedModel(name, found, form)

    def list(self) -> StoredModels:
        """Every model of the catalogue, with whether it is here."""
        return [Slot(self.root, entry).look() for entry in self.catalogue]

    def pull(self, name: str, progress: Progress | None = None) -> StoredModel:
        """Fetch a model of the catalogue, unless it is here already.

        Raises:
            ModelNotFound: Not in the catalogue.
            DownloadFailed: The index, the tool, or what it brought.
            ChecksumMismatch: What came is another file; it was deleted.
            NotEnoughDiskSpace: For the model and the download together.
            StoreNotWritable: The store's folder.
        """
        slot = self._slot(name)
        stored = slot.look()
        return stored if stored.present else slot.fetch(progress or default_progress())

    def path(self, name: str) -> Path:
        """The file of a catalogue model that is here.

        Raises:
            ModelNotFound: Not in the catalogue.
            ModelNotPulled: Not here.
        """
        return self._present(name).path

    def remove(self, name: str) -> int:
        """Delete a catalogue model from this machine.

        Returns:
            How many bytes that freed; 0 if it was not here.

        Raises:
            ModelNotFound: Not in the catalogue.
            StoreNotWritable: The store's folder.
        """
        return self._slot(name).remove(default_progress())

    def verify(self, name: str, progress: Progress | None = None) -> StoredModel:
        """Hash the file of a model anew.

        A file that is wrong counts as absent from then on, and is fetched at the next use.

        Raises:
            ModelNotFound: Not in the catalogue.
            ModelNotPulled: Not here.
            ChecksumMismatch: The file is not the one in the catalogue.
        """
        return self._slot(name).verify(progress or default_progress())

    def _present(self, name: str, progress: Progress | None = None) -> StoredModel:
        slot = self._slot(name)
        stored = slot.look()
        if stored.present:
            return stored
        adopted = slot.adopt(progress or default_progress())
        if adopted is None:
            raise ModelNotPulled(slot.entry.name)
        return adopted

    def _slot(self, name: str) -> Slot:
        entry = self._index.get(name.strip().casefold())
        if entry is None:
            raise self._not_found(
                name.strip(),
                reason=f"no model {shorten(name)} in the catalogue",
                hint="byzer-agents models list shows what can be fetched by name",
            )
        return Slot(self.root, entry)

    def _known(self) -> tuple[str, ...]:
        return tuple(name for entry in self.catalogue for name in entry.names)

    def _stored(self) -> tuple[str, ...]:
        return tuple(model.entry.name for model in self.list() if model.present)

    def _suggestion(self, name: str) -> str:
        """The nearest name, else one that begins with what was typed."""
        typed = name[:200].casefold()
        near = difflib.get_close_matches(typed, list(self._index), n=1)
        if not near and len(typed) >= _MIN_PREFIX:
            near = [known for known in self._index if known.startswith(typed)]
        return min(near, key=len, default="")

    def _not_found(self, name: str, reason: str = "", hint: str = "") -> ModelNotFound:
        return ModelNotFound(
            name,
            known=self._known(),
            stored=self._stored(),
            suggestion=self._suggestion(name),
            reason="the name of the model is empty" if not name else reason,
            hint=hint,
        )

    def _hub_is_off(self, name: str) -> HubAccessOff:
        return HubAccessOff(
            name,
            known=self._known(),
            stored=self._stored(),
            suggestion=self._suggestion(name.rpartition("/")[2]),
            reason=f"no file or folder {name!r}, and access to model hubs is off",
            hint=f"set {HUB_VARIABLE}=1 to let {name!r} be fetched from a hub",
        )


def _local_path(given: str | Path, name: str) -> Path:
    path = given if isinstance(given, Path) else Path(name)
    try:
        return path.expanduser().absolute()
    except RuntimeError:  # "~nobody": no such user
        return path.absolute()
