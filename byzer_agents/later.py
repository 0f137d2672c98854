"""The parts of the reference's interface that this version does not provide: each says so."""

from __future__ import annotations

from typing import Any, NoReturn

from runtime import FeatureNotAvailable


class LaterMethods:
    """Methods of ``ByzerLLM`` that raise :class:`FeatureNotAvailable`."""

    def emb(self, *_: Any, **__: Any) -> NoReturn:
        """Embeddings."""
        raise FeatureNotAvailable("emb (embeddings)")

    def emb_query(self, *_: Any, **__: Any) -> NoReturn:
        """Embeddings of queries."""
        raise FeatureNotAvailable("emb_query (embeddings)")

    def emb_rerank(self, *_: Any, **__: Any) -> NoReturn:
        """Reranking."""
        raise FeatureNotAvailable("emb_rerank (reranking)")

    def sft(self, *_: Any, **__: Any) -> NoReturn:
        """Fine-tuning."""
        raise FeatureNotAvailable("sft (fine-tuning)")

    def raw_sft(self, *_: Any, **__: Any) -> NoReturn:
        """Fine-tuning."""
        raise FeatureNotAvailable("raw_sft (fine-tuning)")

    def pretrain(self, *_: Any, **__: Any) -> NoReturn:
        """Pretraining."""
        raise FeatureNotAvailable("pretrain")

    def raw_pretrain(self, *_: Any, **__: Any) -> NoReturn:
        """Pretraining."""
        raise FeatureNotAvailable("raw_pretrain")

    def merge_lora(self, *_: Any, **__: Any) -> NoReturn:
        """Merging adapters."""
        raise FeatureNotAvailable("merge_lora")

    def raw_merge_lora(self, *_: Any, **__: Any) -> NoReturn:
        """Merging adapters."""
        raise FeatureNotAvailable("raw_merge_lora")


def prompt(*_: Any, **__: Any) -> NoReturn:
    """Prompts as functions."""
    raise FeatureNotAvailable("@prompt (prompts as functions)")


class Agent:
    """Agents: loops over tools."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise FeatureNotAvailable(
            "Agent (loops over tools)", hint="use extract, or chat_oai(tools=…)"
        )
