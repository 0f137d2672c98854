"""What model is at a path of this machine: a GGUF file, a split one, or a folder with weights."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from runtime.store.errors import AmbiguousModel, ModelFilesMissing, NotAModel
from runtime.store.gguf import MAGIC

ModelFormat = Literal["gguf", "hf"]
"""``gguf``: a file for llama.cpp. ``hf``: a folder with ``config.json`` and weights."""

_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "model*.bin")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_MAX_INDEX_BYTES = 64 * 1024 * 1024
_SHOWN_NAMES = 20
_LOOKED_FOR = (
    "config.json with *.safetensors or pytorch_model*.bin",
    "exactly one .gguf file (or one set of -00001-of-0000N.gguf)",
)
_KNOWN_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer: the weights themselves were not downloaded"),
    (b"<", "an HTML or XML page: a download that ended at a web page"),
    (b"PK\x03\x04", "a zip archive (a wheel, or a PyTorch checkpoint)"),
    (b"lmgg", "a model in the old GGML format: convert it with a current llama.cpp"),
    (b"tjgg", "a model in the old GGJT format: convert it with a current llama.cpp"),
)


def kind_of_path(path: Path) -> Literal["file", "folder", "other", "missing"]:
    """What is at ``path``, links followed.

    Raises:
        NotAModel: A folder on the way may not be entered.
    """
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise NotAModel(path, reason=f"cannot be read: {error.strerror}") from error
    except (OSError, ValueError):  # absent, too long for the file system, or with a zero byte
        return "missing"
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "other"


def inspect_path(path: Path) -> tuple[Path, ModelFormat]:
    """The model at a path that exists.

    Returns:
        The GGUF file (the first of a split set) or the folder; and the format.

    Raises:
        NotAModel: A file that is no GGUF file, or neither file nor folder, or unreadable.
        ModelFilesMissing: A folder, or a set of files, that is not complete.
        AmbiguousModel: A folder with several GGUF models.
    """
    try:
        match kind_of_path(path):
            case "file":
                return _inspect_file(path), "gguf"
            case "folder":
                return _inspect_folder(path)
            case _:
                raise NotAModel(path, reason="neither a file nor a folder")
    except OSError as error:
        raise NotAModel(path, reason=f"cannot be read: {error.strerror or error}") from error


def _inspect_file(path: Path) -> Path:
    with path.open("rb") as stream:
        beginning = stream.read(32)
    if not beginning.startswith(MAGIC):
        raise NotAModel(
            path,
            reason=f"not a GGUF file: {_describe(path, beginning)}",
            hint="give a GGUF file, or the folder that holds config.json and the weights",
        )
    return _first_of_split(path)


def _describe(path: Path, beginning: bytes) -> str:
    if not beginning:
        return "it is empty"
    for known, meaning in _KNOWN_BEGINNINGS:
        if beginning.startswith(known):
            return f"it is {meaning}"
    if path.suffix == ".safetensors":
        return "it is a safetensors file"
    return f"it begins with {beginning[:8]!r} where {MAGIC!r} is expected"


def _first_of_split(path: Path) -> Path:
    """The file itself; of a split set, its first file, when all of the set are there."""
    match = _SPLIT.fullmatch(path.name)
    if match is None:
        return path
    total = int(match["total"])
    siblings = {
        int(found["number"]): file
        for file in path.parent.iterdir()
        if (found := _SPLIT.fullmatch(file.name))
        and (found["stem"], found["total"]) == (match["stem"], match["total"])
    }
    missing = [number for number in range(1, total + 1) if number not in siblings]
    if missing:
        shown = ", ".join(f"{number:05d}" for number in missing[:_SHOWN_NAMES])
        raise ModelFilesMissing(
            path.parent,
            reason=f"{len(missing)} of {total} files of {match['stem']} are missing",
            looked_for=[f"{match['stem']}-NNNNN-of-{match['total']}.gguf, NNNNN = {shown}"],
            found=_names(path.parent),
        )
    return siblings[1]


def _inspect_folder(folder: Path) -> tuple[Path, ModelFormat]:
    weights = [file for pattern in _WEIGHTS for file in folder.glob(pattern)]
    if (folder / "config.json").is_file() and weights:
        _check_shards(folder)
        return folder, "hf"
    ggufs = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".gguf")
    models = sorted({_model_name(file) for file in ggufs})
    if len(models) > 1:
        raise AmbiguousModel(str(folder), candidates=[file.name for file in ggufs])
    if models:
        return _inspect_file(ggufs[0]), "gguf"
    raise ModelFilesMissing(
        folder, looked_for=_LOOKED_FOR, found=_names(folder), hint=_folder_hint(folder, weights)
    )


def _model_name(file: Path) -> str:
    """What the files of one split set have in common."""
    match = _SPLIT.fullmatch(file.name)
    return f"{match['stem']} of {match['total']}" if match else file.name


def _check_shards(folder: Path) -> None:
    """Every file that an index of shards names must be there."""
    for name in _INDEXES:
        index = folder / name
        if not index.is_file():
            continue
        missing = sorted(shard for shard in _shards(index) if not (folder / shard).is_file())
        if missing:
            raise ModelFilesMissing(
                folder,
                reason=f"{len(missing)} files that {name} names are missing",
                looked_for=missing[:_SHOWN_NAMES],
                found=_names(folder),
            )
        return


def _shards(index: Path) -> set[str]:
    if index.stat().st_size > _MAX_INDEX_BYTES:
        raise NotAModel(index, reason=f"larger than {_MAX_INDEX_BYTES} bytes, which no index is")
    try:
        shards = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotAModel(index, reason=f"not an index of weights: {error!r}") from error
    if not all(isinstance(name, str) and Path(name).name == name for name in shards):
        raise NotAModel(index, reason="it names files outside its folder")
    return shards


def _folder_hint(folder: Path, weights: Iterable[Path]) -> str:
    if (folder / "adapter_config.json").is_file():
        return "this is a LoRA adapter: it needs its base model (merge them first)"
    if (folder / "config.json").is_file():
        return "config.json is there, the weights are not: fetch the rest of the model"
    if any(True for _ in weights):
        return "weights are there, config.json is not: fetch the rest of the model"
    return "give the folder in which the model's files lie directly"


def _names(folder: Path) -> list[str]:
    names = sorted(file.name + ("/" if file.is_dir() else "") for file in folder.iterdir())
    extra = len(names) - _SHOWN_NAMES
    return names if extra <= 0 else [*names[:_SHOWN_NAMES], f"… and {extra} more"]
