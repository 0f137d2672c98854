"""What goes to a model and what comes back, alike for every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from runtime.errors import InvalidConversation, nearest
from runtime.generation import GenerationParams
from structured.constraint import Constraint
from structured.errors import shorten

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
FinishReason = Literal["stop", "length", "abort"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str

    def as_dict(self) -> dict[str, str]:
        """``{"role": …, "content": …}``, as chat templates take it."""
        return {"role": self.role, "content": self.content}


def parse_conversation(
    conversations: str | Sequence[Mapping[str, Any] | Message],
) -> tuple[Message, ...]:
    """A conversation as messages; a plain string is one user's turn.

    Raises:
        InvalidConversation: No messages, an unknown role, or content that is not text.
    """
    if isinstance(conversations, str):
        return (Message("user", conversations),)
    if not isinstance(conversations, Sequence):
        raise InvalidConversation(
            "expected a list of {'role': …, 'content': …} messages or a string, "
            f"got {shorten(conversations)}"
        )
    if not conversations:
        raise InvalidConversation("a conversation needs at least one message, got none")
    items: Sequence[Any] = conversations
    return tuple(_message(item, i) for i, item in enumerate(items))


def _message(item: Mapping[str, Any] | Message, index: int) -> Message:
    if isinstance(item, Message):
        return item
    if not isinstance(item, Mapping):
        raise InvalidConversation(f"message {index}: expected a dict, got {shorten(item)}")
    role = item.get("role")
    if role not in ROLES:
        raise InvalidConversation(
            f"message {index}: expected a role out of {', '.join(ROLES)}, got {shorten(role)}",
            hint=nearest(str(role), ROLES),
        )
    content = item.get("content")
    if not isinstance(content, str):
        raise InvalidConversation(
            f"message {index} ({role}): expected content as a string, got {shorten(content)}"
        )
    return Message(role, content)


@dataclass(frozen=True, slots=True)
class Resumption:
    """A reply that goes on from a beginning that stands: the rest alone is generated."""

    text: str
    """The beginning. The constraint covers it together with what is generated, and the reply's
    text begins with it."""
    avoid: tuple[str, ...] = ()
    """Texts that must not stand next: JSON values, as written, that were rejected there."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request: a conversation, or a prompt that is complete as it is.

    Exactly one of ``messages`` and ``prompt`` is given. Messages are rendered by the model's own
    chat template, where the model is; a prompt is sent as it is.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    params: GenerationParams = field(default_factory=GenerationParams)
    constraint: Constraint | None = None
    engine: str | None = None
    """Name of the engine that compiles the constraint; ``None``: the deployment's."""
    resume: Resumption | None = None
    request_id: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        if bool(self.messages) == (self.prompt is not None):
            raise InvalidConversation(
                "a request needs either messages or a prompt, got "
                + ("both" if self.messages else "neither")
            )


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input tokens that were already in the model's cache."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """When a reply's parts came, in seconds since the request was made."""

    first_token_s: float = 0.0
    total_s: float = 0.0

    def tokens_per_second(self, usage: Usage) -> float:
        """Speed of decoding: tokens after the first over the time since the first."""
        decoding_s = self.total_s - self.first_token_s
        return (usage.output_tokens - 1) / decoding_s if decoding_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A generated token and how likely the model held it."""

    token_id: int
    token: str
    logprob: float
    """Natural logarithm of the probability, before any constraint."""
    top: tuple[tuple[str, float], ...] = ()
    """The likeliest tokens at this place, with theirs."""


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of a reply. The last one has a ``finish_reason``."""

    text: str
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    """Tokens so far."""
    timing: Timing = field(default_factory=Timing)
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A complete reply."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    timing: Timing
    model: str
    request_id: str
    logprobs: tuple[TokenLogprob, ...] = ()

    @property
    def cumulative_logprob(self) -> float:
        """Sum of the tokens' log probabilities; 0 without ``logprobs``."""
        return sum(token.logprob for token in self.logprobs)


@dataclass(frozen=True, slots=True)
class ModelMeta:
    """What a deployed model says of itself."""

    backend: str
    """``llama_cpp``, ``transformers``, …"""
    max_model_len: int
    """Input and output tokens together."""
    architectures: tuple[str, ...] = ()
    model_deploy_type: Literal["proprietary", "saas"] = "proprietary"
    """``proprietary``: weights on own workers (the reference's word for it)."""
    support_stream: bool = True
    support_chat_template: bool = True
    embedding_mode: bool = False
    message_format: bool = True
    """Whether the model takes messages, rather than a rendered prompt only."""
    parameters: int = 0
    """Number of weights, 0 where unknown."""

    def as_dict(self) -> dict[str, Any]:
        """The reference's ``get_meta`` form."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "architectures": list(self.architectures)
        }
