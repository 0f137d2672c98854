"""What is settled for a call before its first request, and how its requests are sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from byzer_agents.calls import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_REPAIRS,
    Contract,
    Steps,
    TypedReply,
    typed_call,
)
from byzer_agents.configuration import ModelSetup
from byzer_agents.responses import LLMResponse, metadata_of
from runtime import (
    ChatModel,
    ChatReply,
    ChatRequest,
    GenerationParams,
    Message,
    PromptTooLong,
    Templates,
)
from runtime.templates import render

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a typed call beside its type."""

    context: object = None
    """What the type's validators see as ``info.context``."""
    engine: str | None = None
    """Name of the engine that compiles the constraint; ``None``: the deployment's."""
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    """Replies that are asked for whole."""
    repairs: int = DEFAULT_REPAIRS
    """Rollbacks for each of them, where the model runs on an own worker."""


@dataclass(frozen=True)
class Plan:
    """Everything settled for one call before its first request: a snapshot of the settings."""

    model: ChatModel
    setup: ModelSetup
    params: GenerationParams
    request_id: str | None = None
    abort: bool = False
    """The call is the reference's way of stopping another one."""
    role_mapping: Mapping[str, Any] | None = None
    """The call's own; the model's setup has another."""
    skip_length_check: bool = False
    verbose: bool = False
    terms: Terms = field(default_factory=Terms)

    def draft(self, messages: Sequence[Message]) -> ChatRequest:
        """A request for a conversation, after the model's base system messages."""
        base = [Message("system", text) for text in self.setup.base_system_messages]
        request = ChatRequest((*base, *messages), params=self.params)
        return replace(request, request_id=self.request_id) if self.request_id else request

    def request(self, messages: Sequence[Message]) -> ChatRequest:
        """A free-text request for a conversation, as it is sent."""
        return self.prepared(self.draft(messages))

    def prepared(self, request: ChatRequest) -> ChatRequest:
        """The request as it is sent: rendered by a template of ours, its length checked."""
        mapping = self._mapping()
        if mapping is not None and request.prompt is None:
            request = replace(request, messages=(), prompt=render(mapping, request.messages))
        if request.constraint is not None and self.terms.engine is not None:
            request = replace(request, engine=self.terms.engine)
        if not self.skip_length_check:
            self._check_length(request)
        if self.verbose:
            sys.stderr.write(f"[{self.model.name}] {self.prompt(request)}\n")
        return request

    def _mapping(self) -> Mapping[str, Any] | None:
        """The role mapping to render with; ``None`` leaves it to the model's own template."""
        if self.role_mapping is not None:
            return self.role_mapping
        if self.setup.role_mapping is not None:
            return self.setup.role_mapping
        template = self.setup.own_template
        if template is not None:
            return template.role_mapping
        if self.setup.template is None and not self.model.meta.support_chat_template:
            return Templates.default().role_mapping
        return None

    def prompt(self, request: ChatRequest) -> str:
        """The text that the model reads."""
        if request.prompt is not None:
            return request.prompt
        return self.model.apply_chat_template(request.messages)

    def _check_length(self, request: ChatRequest) -> None:
        setup = self.setup
        limits = [
            (limit, name)
            for limit, name in (
                (setup.max_input_length, "setup_max_input_length"),
                (setup.max_model_length, "setup_max_model_length"),
            )
            if limit is not None
        ]
        if limits:
            tokens = len(self.model.tokenize(self.prompt(request)))
            limit, name = min(limits)
            if tokens > limit:
                raise PromptTooLong(
                    tokens=tokens, limit=limit, model=self.model.name, limited_by=name
                )

    def clean(self, text: str) -> str:
        """A reply's text without what the template calls noise."""
        template = self.setup.own_template
        return text if template is None else template.clean_func(text)

    def response(self, reply: ChatReply, asked: str | dict[str, Any]) -> LLMResponse:
        """A free-text reply under the reference's names."""
        if self.verbose:
            sys.stderr.write(f"[{self.model.name}] → {reply.text}\n")
        return LLMResponse(self.clean(reply.text), asked, metadata_of(reply))


def typed(
    plan: Plan,
    messages: Sequence[Message],
    contract: Contract[T],
    floor: Callable[[], int] = int,
) -> Steps[TypedReply[T]]:
    """One typed call under a plan.

    ``floor``: how much of the last reply must stand, in characters.
    """
    if contract.repairs and plan.model.meta.model_deploy_type != "proprietary":
        contract = replace(contract, repairs=0)  # a provider begins every reply anew
    return typed_call(plan.draft(messages), contract, prepared=plan.prepared, floor=floor)
