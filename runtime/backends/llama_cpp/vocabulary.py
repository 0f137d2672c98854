"""A GGUF model's tokens, as llama.cpp itself writes them.

The file's own list would have to be read in the manner of each kind of tokenizer (bytes behind
stand-in letters, bytes as ``<0x0A>``, spaces as bars). Asked for the probabilities of all tokens,
the server says what every one of them spells, in one answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.backends.llama_cpp.server import LlamaServer
from runtime.backends.pieces import Pieces
from structured.engine import Vocabulary

_ALL = 2**20
"""More tokens than any vocabulary has."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of one model."""

    pieces: Pieces
    end: frozenset[int]
    """Ids that end a reply."""
    vocabulary: Vocabulary

    @staticmethod
    def of(server: LlamaServer) -> Tokens:
        """Ask the server; takes a second or two, and some MB, for a hundred thousand tokens."""
        reply = server.post(
            "/completion",
            {"prompt": " ", "n_predict": 1, "n_probs": _ALL, "ignore_eos": True},
        )
        listed = reply["completion_probabilities"][0]["top_logprobs"]
        spelled = {int(token["id"]): bytes(token["bytes"]) for token in listed}
        tokens = [spelled.get(i, b"") for i in range(max(spelled) + 1)]
        special = frozenset(i for i, piece in enumerate(tokens) if not piece)
        # To ignore them, the server bars every token that would end a reply.
        end = frozenset(int(bias["token"]) for bias in reply["generation_settings"]["logit_bias"])
        vocabulary = Vocabulary.of_tokens(
            [piece or f"<{i}>".encode() for i, piece in enumerate(tokens)],
            special=special | end,
            eos=tuple(sorted(end)),
            encode=lambda text: tokenize(server, text, special=False),
        )
        return Tokens(Pieces(tokens, special | end), end, vocabulary)


def tokenize(server: LlamaServer, text: str, *, special: bool, prompt: bool = False) -> list[int]:
    """Token ids of a text.

    Args:
        server: The model's.
        text: Any text.
        special: Whether control tokens in it are recognised.
        prompt: Whether to add what the model wants at the beginning of a prompt.
    """
    reply = server.post(
        "/tokenize", {"content": text, "parse_special": special, "add_special": prompt}
    )
    return [int(token) for token in reply["tokens"]]
