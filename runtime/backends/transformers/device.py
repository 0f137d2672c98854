"""Where a model runs and in what precision: ``auto`` resolved for this machine."""

from __future__ import annotations

import logging
from typing import Any

import torch

from runtime.errors import DeploymentFailed, InvalidParameter

log = logging.getLogger(__name__)


def choose_device(deployment: str, device: str, gpus: float | None) -> Any:
    """The torch device of an option's text.

    Args:
        deployment: Its name, for errors.
        device: ``auto``, or as torch writes it.
        gpus: GPUs that the deployment asks for; ``None``: one where there is one.

    Raises:
        InvalidParameter: Not a device.
        DeploymentFailed: The device is not on this machine.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        if gpus == 0 or not (cuda or mps):
            if gpus:  # the host has counted them: they were declared, not found
                log.warning("%s asks for %g GPUs; torch sees none: on the CPU", deployment, gpus)
            return torch.device("cpu")
        return torch.device("cuda" if cuda else "mps")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise InvalidParameter(
            "backend.device", device, "auto, cpu, cuda, cuda:0 … or mps"
        ) from None
    here = {"cpu": True, "cuda": cuda, "mps": mps}.get(chosen.type, False)
    if chosen.type == "cuda" and cuda and (chosen.index or 0) >= torch.cuda.device_count():
        here = False
    if not here:
        raise DeploymentFailed(
            deployment,
            f"there is no device {device!r} here",
            hint="leave backend.device out, or install a torch build for that device",
        )
    return chosen


def choose_dtype(dtype: str, device: Any) -> Any:
    """The torch type of an option's text; for ``auto``, see :class:`TransformersOptions`."""
    if dtype != "auto":
        return getattr(torch, dtype)
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 itself (torch tells only by these names)."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)
