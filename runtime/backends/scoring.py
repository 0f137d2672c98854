"""What every backend that scores options asks of them."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.chat import ChatRequest
from runtime.errors import FeatureNotAvailable, InvalidParameter
from structured.errors import shorten


def check_options(request: ChatRequest, options: Sequence[str]) -> tuple[str, ...]:
    """The options as they are, if they can be scored.

    Raises:
        InvalidParameter: There are none, or they are not different texts.
        FeatureNotAvailable: The request is to go on from a beginning.
    """
    if request.resume is not None:
        raise FeatureNotAvailable(
            "scoring options behind the beginning of a reply",
            hint="score whole replies, or put the beginning into the prompt",
        )
    texts = tuple(options)
    whole = texts and all(isinstance(text, str) and text for text in texts)
    if not whole or len(set(texts)) < len(texts):
        raise InvalidParameter("options", shorten(texts), "different texts, at least one")
    return texts
