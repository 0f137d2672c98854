"""From a folder to a model in memory: what is checked before, and what is said when it fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from runtime.backends.transformers.batching import Batch, choose_batch
from runtime.backends.transformers.codec import Codec
from runtime.backends.transformers.device import choose_device, choose_dtype
from runtime.backends.transformers.forward import Forward
from runtime.backends.transformers.options import TransformersOptions
from runtime.backends.transformers.quiet import quiet
from runtime.deployment import DeploymentSpec
from runtime.errors import DeploymentFailed, FeatureNotAvailable, InvalidParameter

DEFAULT_MAX_MODEL_LEN = 8192
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt"),
    *("spiece.model", "sentencepiece.bpe.model", "tekken.json", "*.tiktoken"),
)
_GONE = frozenset({"chatglm", "baichuan", "moss", "visualglm", "qwen", "internlm", "aquila"})
"""Model types that only ever came with Python code in their folder, written for transformers 4."""


@dataclass(frozen=True)
class Loaded:
    """A model in memory, ready to decode."""

    name: str
    config: Any
    codec: Codec
    forward: Forward
    batch: Batch
    max_model_len: int


def load(spec: DeploymentSpec, folder: Path, options: TransformersOptions) -> Loaded:
    """Load a folder's model and tokenizer.

    Raises:
        DeploymentFailed, FeatureNotAvailable, InvalidParameter
    """
    name, trust = spec.name, options.trust_remote_code
    device = choose_device(name, options.device, spec.gpus_per_worker)
    with quiet():
        config = _config(name, folder, trust=trust)
        max_model_len = _max_model_len(config, options.max_model_len)
        tokenizer = _tokenizer(name, folder, trust=trust)
        model = _weights(name, folder, config, choose_dtype(options.dtype, device), trust=trust)
        try:
            forward = Forward(model.to(device).eval())
            batch, width = choose_batch(
                forward, capacity=options.max_batch_size, max_positions=max_model_len
            )
        except Exception as error:
            raise DeploymentFailed(
                name,
                f"the model does not run on {device} ({type(error).__name__}: {error})",
                hint="a smaller model, or another backend.device or backend.dtype, may fit",
            ) from error
    end = _end_tokens(model, tokenizer)
    codec = Codec(tokenizer, name=name, width=width, end=end)
    return Loaded(name, config, codec, forward, batch, max_model_len)


def _config(name: str, folder: Path, *, trust: bool) -> Any:
    try:
        config = AutoConfig.from_pretrained(
            str(folder), trust_remote_code=trust, local_files_only=True
        )
    except Exception as error:
        raise _unknown_type(name, folder, error, trust=trust) from error
    if getattr(config, "quantization_config", None) is not None:
        raise FeatureNotAvailable(
            f"a checkpoint with quantised weights ({folder.name})",
            hint="deploy the original weights, or a quantised GGUF file with llama.cpp",
        )
    if not trust:
        _check_causal(name, config)
    return config


def _check_causal(name: str, config: Any) -> None:
    known = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    architectures = tuple(config.architectures or ())
    if config.model_type in known and (
        not architectures or set(architectures) & set(known.values())
    ):
        return
    what = ", ".join(architectures) or f"model type {config.model_type!r}"
    raise DeploymentFailed(
        name,
        f"{what} is not a model for text generation",
        hint="deploy a causal language model (its architecture is called …ForCausalLM)",
    )


def _unknown_type(name: str, folder: Path, error: Exception, *, trust: bool) -> DeploymentFailed:
    kind = _model_type(folder)
    if kind in _GONE:
        return DeploymentFailed(
            name,
            f"transformers 5 has no classes for models of type {kind!r}",
            hint="convert it to GGUF and deploy that with llama.cpp, or take its successor",
        )
    if has_code(folder) and not trust:
        return DeploymentFailed(
            name,
            f"a model of type {kind!r} needs Python code out of its own folder, and "
            "backend.trust_remote_code is off",
            hint="read the .py files there; set backend.trust_remote_code=true if you trust them",
        )
    return DeploymentFailed(
        name,
        f"transformers does not know this model ({folder / 'config.json'}, model_type "
        f"{kind!r}: {_first_line(error)})",
        hint="upgrade transformers, or deploy a GGUF file of the model with llama.cpp",
    )


def _model_type(folder: Path) -> str:
    import json

    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def has_code(folder: Path) -> bool:
    """Whether a model's folder brings Python code."""
    return any(True for _ in folder.glob("*.py"))


def _tokenizer(name: str, folder: Path, *, trust: bool) -> Any:
    reason = "the folder has none of " + ", ".join(_TOKENIZER_FILES)
    if any(True for pattern in _TOKENIZER_FILES for _ in folder.glob(pattern)):
        try:
            return AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=trust, local_files_only=True
            )
        except Exception as error:  # noqa: BLE001 - said below, whatever it is
            reason = _first_line(error)
    raise DeploymentFailed(
        name,
        f"no tokenizer could be loaded from {folder} ({reason})",
        hint="put the model's tokenizer.json and tokenizer_config.json beside its weights",
    )


def _weights(name: str, folder: Path, config: Any, dtype: Any, *, trust: bool) -> Any:
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            str(folder),
            config=config,
            dtype=dtype,
            trust_remote_code=trust,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:
        raise DeploymentFailed(
            name,
            f"transformers cannot load the weights in {folder} ({_first_line(error)})",
            hint="check that the folder is complete, and that config.json belongs to its weights",
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:  # transformers would make them up
        shown = ", ".join(missing[:4]) + (" …" if len(missing) > 4 else "")
        raise DeploymentFailed(
            name,
            f"{len(missing)} tensors are missing from the weights in {folder}: {shown}",
            hint="fetch the whole model, or correct config.json",
        )
    return model


def _max_model_len(config: Any, asked: int) -> int:
    text = config.get_text_config()
    trained = next(
        (
            int(length)
            for key in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
            if isinstance(length := getattr(text, key, None), int) and length > 0
        ),
        0,
    )
    if asked and trained and asked > trained:
        raise InvalidParameter(
            "backend.max_model_len", asked, f"at most {trained}, what the model was trained for"
        )
    return asked or min(trained or DEFAULT_MAX_MODEL_LEN, DEFAULT_MAX_MODEL_LEN)


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Every token that ends a reply, by the generation config, the config or the tokenizer."""
    found: set[int] = set()
    generation = getattr(model, "generation_config", None)
    for source in (generation, model.config, tokenizer):
        ids = getattr(source, "eos_token_id", None)
        found |= {ids} if isinstance(ids, int) else set(_integers(ids))
    return found


def _integers(ids: object) -> Iterable[int]:
    return [i for i in ids if isinstance(i, int)] if isinstance(ids, (list, tuple)) else []


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"
