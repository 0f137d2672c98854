"""What the client takes and returns: the reference's names, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from runtime import ChatReply

T = TypeVar("T")


class Role:
    """Who speaks in a conversation."""

    User = "user"
    Assistant = "assistant"
    System = "system"


@dataclass
class LLMHistoryItem:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass
class LLMRequest:
    """One instruction, or a batch of them, and how to generate."""

    instruction: str | list[str]
    embedding: bool = False
    max_length: int = 4096
    """Output tokens at most."""
    top_p: float = 0.95
    temperature: float = 0.1


@dataclass
class LLMResponse:
    """A model's reply as text."""

    output: str
    input: str | dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)
    """``request_id``, ``input_tokens_count``, ``generated_tokens_count``, ``time_cost`` (ms),
    ``first_token_time`` (ms), ``speed`` (tokens per second), ``prob`` (the sum of the tokens' log
    probabilities, where asked for), ``finish_reason``, ``model``; on failure ``reason``."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asks for, its arguments validated."""

    name: str
    arguments: dict[str, Any]
    """As the model wrote them; coercion and defaults are applied when the tool is called."""


@dataclass
class LLMFunctionCallResponse:
    """The outcome of offering tools to a model."""

    response: LLMResponse
    """Its ``output`` is the call as JSON, or the plain answer when no tool fits."""
    values: list[Any]
    """What the called tools returned, in the order of the calls; empty when none was called or
    ``execute_tool`` is off. A tool that raised has no value here."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """On a tool's failure: ``reason`` (text), ``error`` (the exception), and ``errors``: each
    failed call's position in ``tool_calls`` with its exception."""
    tool_calls: list[ToolCall] = field(default_factory=list)

    @property
    def output(self) -> str:
        """The response's text."""
        return self.response.output


@dataclass
class LLMClassResponse(Generic[T]):
    """The outcome of asking for a value of a type."""

    response: LLMResponse
    value: T | None
    """``None`` when no reply met the contract; ``metadata["reason"]`` says why."""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """The response's text."""
        return self.response.output


class StreamItem(tuple[str, "SingleOutputMeta"]):
    """``(text, meta)``, which also works as the text: ``print(item)``, ``item + "\\n"``."""

    __slots__ = ()

    def __new__(cls, text: str, meta: SingleOutputMeta) -> StreamItem:
        """Pair a text with its counts."""
        return super().__new__(cls, (text, meta))

    @property
    def text(self) -> str:
        """The text so far, or the new piece in ``delta_mode``."""
        return self[0]

    @property
    def meta(self) -> SingleOutputMeta:
        """Tokens so far."""
        return self[1]

    def __str__(self) -> str:
        return self[0]

    def __format__(self, spec: str) -> str:
        return format(self[0], spec)

    def __add__(self, other: Any) -> Any:
        return self[0] + other

    def __radd__(self, other: Any) -> Any:
        return other + self[0]

    def __contains__(self, item: object) -> bool:
        return item in self[0] if isinstance(item, str) else tuple.__contains__(self, item)


@dataclass(frozen=True, slots=True)
class SingleOutputMeta:
    """Counts that come with each piece of a stream."""

    input_tokens_count: int = 0
    """Known for certain in the last piece; 0 before, where the backend counts at the end."""
    generated_tokens_count: int = 0
    finish_reason: str = ""
    """``""`` until the last piece: ``stop``, ``length`` or ``abort``."""


def metadata_of(reply: ChatReply) -> dict[str, Any]:
    """A reply's facts under the reference's names."""
    return {
        "request_id": reply.request_id,
        "model": reply.model,
        "input_tokens_count": reply.usage.input_tokens,
        "generated_tokens_count": reply.usage.output_tokens,
        "time_cost": round(reply.timing.total_s * 1000, 3),
        "first_token_time": round(reply.timing.first_token_s * 1000, 3),
        "speed": round(reply.timing.tokens_per_second(reply.usage), 3),
        "prob": reply.cumulative_logprob if reply.logprobs else None,
        "finish_reason": reply.finish_reason,
    }


def failure_metadata(error: BaseException) -> dict[str, Any]:
    """Why something failed; under the reference's misspelt key as well."""
    reason = str(error) or type(error).__name__
    return {"reason": reason, "resason": reason, "error": error}
