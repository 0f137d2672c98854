"""The ``backend.*`` keys of a transformers deployment, and what the rest of a spec does to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from runtime.backends.options import parse_options
from runtime.deployment import DeploymentSpec
from runtime.errors import FeatureNotAvailable, InvalidParameter
from structured.engines import DEFAULT, ENGINES


@dataclass(frozen=True)
class TransformersOptions:
    """``backend.*`` keys of a transformers deployment."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``. ``auto`` takes a GPU where there is one
    and the deployment does not ask for zero."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """What the weights are held in; ``auto``: what is fastest on the device.

    * CUDA: bfloat16, or float16 before Ampere. MPS: float16.
    * CPU with bfloat16 instructions (AVX512-BF16, AMX): bfloat16.
    * Other CPUs: float32. Measured side by side on two AVX-512 cores without them
      (SmolLM2-135M): in bfloat16 one request alone decodes up to 1.15 times as fast, but eight
      together at 0.84 of the speed, and prompts are read at 0.3 to 0.4 of it. Choose bfloat16
      there when memory is short: it takes half."""
    max_model_len: int = 0
    """Input and output tokens together; 0: what the model was trained for, at most 8192."""
    max_batch_size: int = 8
    """Requests decoded together; more wait. ``setup_worker_concurrency`` overrides it."""
    engine: str = DEFAULT
    """What compiles constraints, where a request names no engine: one of
    :data:`structured.engines.ENGINES`."""
    prefix_cache_mb: float = 256
    """Megabytes (2^20 bytes), on the model's device, for keys and values of finished replies and
    of prompts, so that what begins like them is not read again; 0: none are kept. In 16 bits, what
    was read in other pieces may round to another token, as in a batch."""
    guess: bool = True
    """Guess tokens out of the prompt and the reply so far, and read them together with the one
    that is due. The reply stays the same (up to rounding, as in a batch), and takes fewer steps
    where it repeats its question."""
    trust_remote_code: bool = False
    """Run Python code that lies in the model's folder. Only for folders that you trust."""


_LATER = frozenset(
    {
        *("quantization", "quatization", "quantization_config", "quantization_bit", "quantize"),
        *("load_in_4bit", "load_in_8bit", "llm_int8_threshold"),
    }
)
"""Keys that ask for weights in fewer bits (``quatization`` is the reference's spelling)."""


def transformers_options(spec: DeploymentSpec) -> TransformersOptions:
    """The options of a deployment, with its workers and concurrency worked in.

    Raises:
        FeatureNotAvailable: Quantisation is asked for.
        UnknownParameter: A key that the backend does not have.
        InvalidParameter: A value that cannot be used.
    """
    options = parse_options(TransformersOptions, _without_quantisation(spec.options))
    if options.max_batch_size < 1:
        raise InvalidParameter("backend.max_batch_size", options.max_batch_size, "at least 1")
    if options.max_model_len < 0:
        raise InvalidParameter("backend.max_model_len", options.max_model_len, "0 or more")
    if not options.prefix_cache_mb >= 0:
        raise InvalidParameter("backend.prefix_cache_mb", options.prefix_cache_mb, "0 or more")
    if options.engine not in ENGINES:
        raise InvalidParameter("backend.engine", options.engine, f"one of {', '.join(ENGINES)}")
    together = spec.worker_concurrency or options.max_batch_size
    return replace(options, max_batch_size=max(together, spec.num_workers))


def _without_quantisation(options: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(options)
    for key, value in options.items():
        if key.removeprefix("backend.") not in _LATER:
            continue
        if str(value).strip().lower() not in ("", "false", "none", "0"):
            raise FeatureNotAvailable(
                f"quantisation by the transformers backend ({key}={value!r})",
                hint="leave it out, or deploy a quantised GGUF file with llama.cpp",
            )
        del rest[key]
    return rest
