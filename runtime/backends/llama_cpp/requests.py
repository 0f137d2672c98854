"""A :class:`~runtime.chat.ChatRequest` in the server's words, and its answers in ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from runtime.backends.pieces import ranges_in
from runtime.chat import TokenLogprob
from runtime.generation import GenerationParams

LARK = "%llguidance {}\n"
"""What tells llama.cpp that a grammar is llguidance's, not its own GBNF."""


def sampling(params: GenerationParams, *, context: int) -> dict[str, Any]:
    """How tokens are chosen. ``context``: the model's, in tokens."""
    body: dict[str, Any] = {
        "stream": True,
        "temperature": params.temperature,
        "top_p": params.top_p,
        "top_k": params.top_k if params.top_k is not None and params.top_k > 0 else 0,
        "min_p": params.min_p,
        "repeat_penalty": params.repetition_penalty,
        "presence_penalty": params.presence_penalty,
        "frequency_penalty": params.frequency_penalty,
        "repeat_last_n": context,  # the whole text, as in vLLM
        "ignore_eos": params.ignore_eos,
        "cache_prompt": True,
    }
    if params.seed is not None:
        body["seed"] = params.seed % 2**32
    return body


def chain(steps: Iterable[int], *, more: str = "") -> str:
    """A grammar of token sets, one after the other; ``more`` is Lark for what follows them."""
    return f"{LARK}start: {' '.join(map(token_set, steps))} {more}"


def token_set(tokens: int) -> str:
    """A set of tokens in Lark."""
    runs = (str(a) if a == b else f"{a}-{b}" for a, b in ranges_in(tokens))
    return f"<[{','.join(runs)}]>"


def logprobs(choice: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    """The tokens that a chunk tells of."""
    reported: Sequence[Any] = (choice.get("logprobs") or {}).get("content") or ()
    return tuple(
        TokenLogprob(
            token_id=int(token["id"]),
            token=token["token"],
            logprob=float(token["logprob"]),
            top=tuple((top["token"], float(top["logprob"])) for top in token["top_logprobs"]),
        )
        for token in reported
    )
