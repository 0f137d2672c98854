"""Fetching ``org/name`` from a model hub with huggingface_hub: off unless the user turns it on."""

from __future__ import annotations

import fnmatch
import glob
import re
from pathlib import Path

from runtime.errors import MissingExtra
from runtime.store.errors import AmbiguousModel, DownloadFailed

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
_CONFIGURATION = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")
_SPLIT = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)")


def is_hub_name(name: str) -> bool:
    """Whether ``name`` reads as ``org/name``."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def fetch_from_hub(name: str, *, fetch: bool) -> Path:
    """The folder of a hub model, in huggingface_hub's own cache.

    Of several forms of the same weights only one is fetched: safetensors, else GGUF, else
    PyTorch files. Program files are never fetched.

    Args:
        name: ``org/name``.
        fetch: Whether the network may be used; else only what is cached is found.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        AmbiguousModel: A repository with nothing but several GGUF models.
        DownloadFailed: Whatever huggingface_hub says.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtra(
            "huggingface_hub", extra="transformers", needed_for=f"fetching {name!r} from a hub"
        ) from error
    try:
        if not fetch:
            return Path(huggingface_hub.snapshot_download(name, local_files_only=True))
        files = _wanted(name, huggingface_hub.list_repo_files(name))
        patterns = [glob.escape(file) for file in files]
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=patterns))
    except AmbiguousModel:
        raise
    except Exception as error:  # noqa: BLE001 - a third party's errors; they must not leak
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0] if lines else ''}"
        hint = "check the name and the network" if fetch else "allow fetching, or pull it first"
        raise DownloadFailed(name, reason=reason, hint=hint, retryable=fetch) from None


def _wanted(name: str, files: list[str]) -> list[str]:
    """Of a repository's files, those to fetch: the configuration and one form of the weights."""
    top = [file for file in files if "/" not in file]
    weights = fnmatch.filter(top, "model*.safetensors") or fnmatch.filter(top, "*.safetensors")
    if not weights:
        weights = fnmatch.filter(top, "*.gguf")
        if len({_SPLIT.sub("", file) for file in weights}) > 1:
            raise AmbiguousModel(name, candidates=weights)
    if not weights:
        weights = fnmatch.filter(top, "pytorch_model*.bin")
    configuration = [
        file for file in top if any(fnmatch.fnmatch(file, one) for one in _CONFIGURATION)
    ]
    return [*configuration, *weights]
