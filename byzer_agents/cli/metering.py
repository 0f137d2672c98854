"""Watching what a model takes: a host whose models note the figures of each reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runtime import (
    ChatDelta,
    ChatModel,
    ChatReply,
    ChatRequest,
    DeploymentSpec,
    Host,
    Message,
    ModelMeta,
    Timing,
    Usage,
)


class Meter:
    """The figures of the replies since :meth:`clear`."""

    def __init__(self) -> None:
        self.replies: list[tuple[Usage, Timing]] = []

    def clear(self) -> None:
        """Start anew."""
        self.replies = []

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed of the last reply."""
        usage, timing = self.replies[-1]
        return timing.tokens_per_second(usage)

    @property
    def first_token_s(self) -> float:
        """Time to the first token of the first reply."""
        return self.replies[0][1].first_token_s

    @property
    def total_s(self) -> float:
        """Time of all replies."""
        return sum(timing.total_s for _, timing in self.replies)


class MeteredModel(ChatModel):
    """A model that notes its replies' figures."""

    def __init__(self, model: ChatModel, meter: Meter) -> None:
        self.name = model.name
        self._model = model
        self._meter = meter

    @property
    def meta(self) -> ModelMeta:
        """The model's own."""
        return self._model.meta

    def generate(self, request: ChatRequest) -> ChatReply:
        """The model's own, noted."""
        reply = self._model.generate(request)
        self._meter.replies.append((reply.usage, reply.timing))
        return reply

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """The model's own, noted."""
        for delta in self._model.stream(request):
            if delta.finish_reason is not None:
                self._meter.replies.append((delta.usage, delta.timing))
            yield delta

    def abort(self, request_id: str) -> bool:
        """The model's own."""
        return self._model.abort(request_id)

    def tokenize(self, text: str) -> list[int]:
        """The model's own."""
        return self._model.tokenize(text)

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        """The model's own."""
        return self._model.apply_chat_template(messages)


class MeteredHost:
    """A host whose models are metered."""

    def __init__(self, host: Host, meter: Meter) -> None:
        self._host = host
        self._meter = meter

    def deploy(self, spec: DeploymentSpec) -> ChatModel:
        """As the host does."""
        return MeteredModel(self._host.deploy(spec), self._meter)

    def undeploy(self, name: str, *, force: bool = False) -> bool:
        """As the host does."""
        return self._host.undeploy(name, force=force)

    def get(self, name: str) -> ChatModel:
        """As the host does."""
        return MeteredModel(self._host.get(name), self._meter)

    def names(self) -> list[str]:
        """As the host does."""
        return self._host.names()
