"""One request's constraint, as the decode loop needs it: which tokens may come, which must."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from structured.engine import Matcher
from structured.errors import ConstraintError

COMPLETE = object()
"""In place of a mask: the text is complete, and nothing may follow."""


class Guide:
    """A matcher whose masks are arrays."""

    def __init__(self, matcher: Matcher, *, width: int, banned: Collection[int] = ()) -> None:
        """Over ``width`` logits; ``banned`` tokens never come (end tokens, where ignored)."""
        self._matcher = matcher
        self._width = width
        self._banned = sorted(banned)

    @property
    def finished(self) -> bool:
        """Whether the text is complete and cannot go on."""
        return self._matcher.finished

    def allowed(self, tokens: Sequence[int] = ()) -> list[Any]:
        """Which tokens may come next, and which after each of ``tokens``.

        Returns:
            For each of these places a uint8 array with a bit for each token, little-endian. The
            list ends early with ``COMPLETE`` where none may and the text is complete, with an
            error where it is not, and without either where ``tokens`` leave the grammar.
        """
        found: list[Any] = []
        matcher = self._matcher.copy() if tokens else self._matcher
        for token in [*tokens, None]:
            packed = np.frombuffer(matcher.mask(), dtype=np.uint8)
            if self._banned:
                packed = packed.copy()
                for at in self._banned:
                    packed[at // 8] &= ~(1 << at % 8) & 0xFF
            if not packed.any():
                found.append(
                    COMPLETE
                    if matcher.accepting
                    else ConstraintError(
                        "no token of the model's vocabulary can go on under the grammar"
                    )
                )
                break
            found.append(packed)
            if token is None or matcher.accept([token]) != 1 or matcher.finished:
                break
        return found

    def accept(self, token: int) -> None:
        """Advance by a token that was allowed.

        Raises:
            ConstraintError: It was not.
        """
        if self._matcher.accept([token]) != 1:
            raise ConstraintError(f"token {token} is not allowed under the grammar")

    def fitting(self, tokens: Sequence[int]) -> int:
        """How many of ``tokens`` the grammar would let through."""
        return self._matcher.copy().accept(tokens)

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as there is no choice."""
        return self._matcher.forced()


def unpacked(mask: bytes | Any, width: int) -> Any:
    """A mask as a boolean tensor (width,), on the CPU."""
    packed = np.frombuffer(mask, dtype=np.uint8)
    bits = np.unpackbits(packed, count=width, bitorder="little")
    return torch.from_numpy(bits.view(np.bool_))
