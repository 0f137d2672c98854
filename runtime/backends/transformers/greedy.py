"""The likeliest allowed tokens of many places at once: one operation, one wait for the device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def likeliest(logits: Any, masks: Sequence[Any]) -> list[tuple[int, float]]:
    """For each place the likeliest token that is allowed, and its logit.

    Args:
        logits: float32 tensor [places, vocabulary].
        masks: For each place the tokens that are allowed, packed: a uint8 array of a bit for each
            token, little-endian; all are if ``None``.
    """
    places, width = logits.shape
    if any(mask is not None for mask in masks):
        size = (width + 7) // 8
        packed = np.full((places, size), 0xFF, dtype=np.uint8)
        for row, mask in zip(packed, masks, strict=True):
            if mask is not None:
                row[:] = mask[:size]
        logits = logits.masked_fill(~_unpacked(packed, width, logits.device), -math.inf)
    values, tokens = logits.max(dim=-1)
    found = torch.stack([tokens.double(), values.double()]).tolist()
    return [(int(token), value) for token, value in zip(*found, strict=True)]


def _unpacked(packed: Any, width: int, device: Any) -> Any:
    """Booleans [places, width]. They cross to a device packed, and without being waited for."""
    if device.type == "cpu":
        bits = np.unpackbits(packed, axis=1, count=width, bitorder="little")
        return torch.from_numpy(bits.view(np.bool_))
    here = torch.from_numpy(packed)
    if device.type == "cuda":
        here = here.pin_memory()
    there = here.to(device, non_blocking=True)
    shifts = torch.arange(8, dtype=torch.uint8, device=device)
    return ((there[:, :, None] >> shifts) & 1).flatten(1)[:, :width].bool()
