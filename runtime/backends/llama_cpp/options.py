"""The ``backend.*`` keys of a llama.cpp deployment."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import InvalidParameter
from structured.engines import DEFAULT

DEFAULT_MAX_MODEL_LEN = 8192


@dataclass(frozen=True)
class LlamaCppOptions:
    """``backend.*`` keys of a llama.cpp deployment."""

    max_model_len: int = 0
    """Context length in tokens; 0: what the model was trained for, at most 8192."""
    n_parallel: int = 4
    """Requests decoded together; they share the context's memory."""
    n_threads: int = 0
    """CPU threads; 0: llama.cpp's choice."""
    n_gpu_layers: int = -1
    """Layers held on a GPU, where the installed wheel has one; -1: all that fit."""
    n_batch: int = 2048
    """Prompt tokens per forward pass, at most."""
    engine: str = DEFAULT
    """What compiles constraints: llama.cpp has llguidance built in, and nothing else of ours."""

    def __post_init__(self) -> None:
        check_engine("backend.engine", self.engine)


def check_engine(where: str, name: str | None) -> None:
    """Refuse an engine that llama.cpp does not have.

    Raises:
        InvalidParameter
    """
    if name not in (None, DEFAULT):
        raise InvalidParameter(where, name, f"{DEFAULT!r}, the one that llama.cpp has built in")
