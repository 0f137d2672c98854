"""Where models come from: names, files, folders; fetched once, verified, kept in a folder.

* :class:`ModelStore`: from a name or path to a :class:`ResolvedModel`; list, pull, remove, verify.
* :data:`CATALOGUE`, :data:`QUICKSTART`: what can be fetched by name.
* :func:`describe_gguf`, :func:`read_gguf_metadata`: what a GGUF file says about itself.
* :class:`Progress`: what a display of downloads must offer.
"""

from runtime.store.catalogue import (
    CATALOGUE,
    QUICKSTART,
    CatalogueEntry,
    ModelKind,
    Piece,
    WheelPartsSource,
    WheelSource,
)
from runtime.store.errors import (
    AmbiguousModel,
    ChecksumMismatch,
    DownloadFailed,
    GGUFError,
    HubAccessOff,
    ModelFilesMissing,
    ModelNotFound,
    ModelNotPulled,
    NotAModel,
    NotEnoughDiskSpace,
    StoreError,
    StoreNotWritable,
)
from runtime.store.gguf import (
    GGUFInfo,
    GGUFValue,
    SkippedArray,
    describe_gguf,
    is_gguf,
    read_gguf_metadata,
)
from runtime.store.local import ModelFormat
from runtime.store.progress import (
    LineProgress,
    NullProgress,
    Progress,
    RichProgress,
    default_progress,
)
from runtime.store.slot import StoredModel
from runtime.store.store import ModelStore, ResolvedModel

__all__ = [
    "CATALOGUE",
    "QUICKSTART",
    "AmbiguousModel",
    "CatalogueEntry",
    "ChecksumMismatch",
    "DownloadFailed",
    "GGUFError",
    "GGUFInfo",
    "GGUFValue",
    "HubAccessOff",
    "LineProgress",
    "ModelFilesMissing",
    "ModelFormat",
    "ModelKind",
    "ModelNotFound",
    "ModelNotPulled",
    "ModelStore",
    "NotAModel",
    "NotEnoughDiskSpace",
    "NullProgress",
    "Piece",
    "Progress",
    "ResolvedModel",
    "RichProgress",
    "SkippedArray",
    "StoreError",
    "StoreNotWritable",
    "StoredModel",
    "WheelPartsSource",
    "WheelSource",
    "default_progress",
    "describe_gguf",
    "is_gguf",
    "read_gguf_metadata",
]
