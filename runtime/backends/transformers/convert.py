"""GGUF files as Hugging Face folders: converted once per machine, kept in the cache folder.

transformers can read a GGUF file, but needs half a minute for even a small one, most of it for
the tokenizer. The converted folder loads in a second or two.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from runtime.backends.transformers.quiet import quiet
from runtime.errors import DeploymentFailed
from runtime.settings import settings
from runtime.store import GGUFInfo, Progress, ResolvedModel, describe_gguf

_FORM = "1"
"""Part of every key; raised when folders of an earlier form must not be used any more."""

_END_TOKENS = (
    *("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "<eos>"),
    *("</s>", "<|EOT|>", "<｜end▁of▁sentence｜>", "<|eom_id|>"),
)
"""Control tokens that end a reply, whatever the file says. A GGUF file names one end token, but
many models were trained to stop at two; llama.cpp goes by such a list too (``llama-vocab.cpp``)."""


def converted(model: ResolvedModel, *, deployment: str, progress: Progress) -> Path:
    """The folder that a GGUF file was converted to, converted now if need be.

    Several processes may ask at once: one converts, the others wait.

    Raises:
        DeploymentFailed: transformers cannot read the file, or there is no room to write.
    """
    root = settings().cache_dir / "converted"
    folder = root / _key(model)
    if folder.is_dir():
        return folder
    progress.start(f"converting {model.path.name} for transformers (once)", None)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{folder.name}.lock"):
            if not folder.is_dir():
                _convert_into(folder, model.path)
    except Exception as error:
        raise DeploymentFailed(
            deployment,
            f"{model.path.name} could not be converted for transformers "
            f"({type(error).__name__}: {error})",
            hint="deploy it with the backend LLAMA_CPP, which runs every GGUF file, or give the "
            "model's original folder of safetensors weights",
        ) from error
    finally:
        progress.finish()
    return folder


def _key(model: ResolvedModel) -> str:
    """A folder name that changes when the file does."""
    if model.entry is not None:
        return f"{model.entry.name}-{model.entry.sha256[:16]}-{_FORM}"
    about = model.path.stat()
    identity = f"{model.path}\0{about.st_size}\0{about.st_mtime_ns}"
    return f"{model.path.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}-{_FORM}"


def _convert_into(folder: Path, file: Path) -> None:
    """Write the folder under another name, and rename it when it is complete."""
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
    draft.mkdir()
    try:
        with quiet(), _reading_once():
            _write(draft, file)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _write(folder: Path, file: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    about = describe_gguf(file)
    where = {"gguf_file": file.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **where)
    model, report = AutoModelForCausalLM.from_pretrained(
        str(file.parent),
        quantization_config=GgufConfig(dequantize=True),
        dtype=_stored_dtype(about),
        output_loading_info=True,
        **where,
    )
    if report["missing_keys"]:  # transformers would make them up
        raise ValueError(f"{len(report['missing_keys'])} of the model's tensors are not in it")
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    if model.generation_config is not None:
        model.generation_config.eos_token_id = _end_token_ids(tokenizer, model.generation_config)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


@contextmanager
def _reading_once() -> Iterator[None]:
    """Remember what transformers asks the package gguf for.

    transformers reads the whole header three times, and has a table of tensor names built anew
    for each of the model's modules: two thirds of the time that a small model takes. It also
    shows a bar of its own.
    """
    import gguf
    from transformers import modeling_gguf_pytorch_utils as reading

    changes: tuple[tuple[Any, str, Any], ...] = (
        (gguf, "GGUFReader", lru_cache(maxsize=1)(gguf.GGUFReader)),
        (gguf, "get_tensor_name_map", lru_cache(maxsize=1)(gguf.get_tensor_name_map)),
        (reading, "tqdm", lambda items, **_: items),
    )
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    try:
        for module, name, value in changes:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _stored_dtype(about: GGUFInfo) -> Any:
    """Half precision, unless the file holds more: what it rounds off (2⁻¹¹) is small beside the
    steps of 8 bits and fewer, and it halves the folder."""
    import torch

    return {"F32": torch.float32, "BF16": torch.bfloat16}.get(
        about.quantisation or "", torch.float16
    )


def _end_token_ids(tokenizer: Any, generation: Any) -> list[int]:
    named = generation.eos_token_id
    ids: Iterable[int] = named if isinstance(named, list) else [] if named is None else [named]
    special = {
        str(token): i for i, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    known = {special[token] for token in _END_TOKENS if token in special}
    return sorted({*ids, *known})
