"""One request's constraint, as the decode loop needs it: which tokens may come, which must."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch

from structured.engine import Matcher
from structured.errors import ConstraintError


class Guide:
    """A matcher whose masks are tensors."""

    def __init__(self, matcher: Matcher, *, width: int, banned: Collection[int] = ()) -> None:
        """Over ``width`` logits; ``banned`` tokens never come (end tokens, where ignored)."""
        self._matcher = matcher
        self._width = width
        self._banned = sorted(banned)

    @property
    def finished(self) -> bool:
        """Whether the text is complete and cannot go on."""
        return self._matcher.finished

    def allowed(self) -> Any:
        """Which tokens may come next: a boolean tensor (width,), on the CPU.

        ``None`` when none may, and the text is complete.

        Raises:
            ConstraintError: None may, and the text is not complete.
        """
        bits = unpacked(self._matcher.mask(), self._width)
        if self._banned:
            bits[self._banned] = 0
        if not bits.any():
            if self._matcher.accepting:
                return None
            raise ConstraintError("no token of the model's vocabulary can go on under the grammar")
        return torch.from_numpy(bits.view(np.bool_))

    def accept(self, token: int) -> None:
        """Advance by a token that was allowed.

        Raises:
            ConstraintError: It was not.
        """
        if self._matcher.accept([token]) != 1:
            raise ConstraintError(f"token {token} is not allowed under the grammar")

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as there is no choice."""
        return self._matcher.forced()


def unpacked(mask: bytes, width: int) -> Any:
    """A mask as an array of ``width`` zeros and ones (uint8)."""
    packed = np.frombuffer(mask, dtype=np.uint8)
    return np.unpackbits(packed, count=width, bitorder="little")
