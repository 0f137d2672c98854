"""How ``chat_oai`` comes to its answer: a plan of what to ask, and what each reply becomes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from byzer_agents import prompts
from byzer_agents.calls import (
    DEFAULT_MAX_ATTEMPTS,
    DEFAULT_REPAIRS,
    Contract,
    OutputInvalid,
    Steps,
    TypedReply,
    typed_call,
)
from byzer_agents.configuration import ModelSetup
from byzer_agents.responses import (
    LLMClassResponse,
    LLMFunctionCallResponse,
    LLMResponse,
    SingleOutputMeta,
    StreamItem,
    failure_metadata,
    metadata_of,
)
from byzer_agents.toolcalls import Decision, ToolSet
from runtime import (
    ChatDelta,
    ChatModel,
    ChatReply,
    ChatRequest,
    GenerationParams,
    Message,
    PromptTooLong,
    Templates,
)
from runtime.templates import render
from structured import JsonConstraint, OutputSchema

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

    def messages(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The conversation, after the model's base system messages."""
        base = tuple(Message("system", text) for text in self.setup.base_system_messages)
        return (*base, *messages)

    def request(self, messages: Sequence[Message]) -> ChatRequest:
        """A free-text request for a conversation."""
        request = ChatRequest(self.messages(messages), params=self.params)
        if self.request_id:
            request = replace(request, request_id=self.request_id)
        return self.prepared(request)

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
        template = self.setup.template
        if template is not None and template != "auto":
            return template.role_mapping
        if template is None and not self.model.meta.support_chat_template:
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
        template = self.setup.template
        if template is None or template == "auto":
            return text
        return template.clean_func(text)

    def response(self, reply: ChatReply, asked: str | dict[str, Any]) -> LLMResponse:
        """A free-text reply under the reference's names."""
        if self.verbose:
            sys.stderr.write(f"[{self.model.name}] → {reply.text}\n")
        return LLMResponse(self.clean(reply.text), asked, metadata_of(reply))


def steps_prepared(plan: Plan, steps: Steps[T]) -> Steps[T]:
    """The same steps, with each request prepared as the plan says."""
    try:
        request = next(steps)
        while True:
            try:
                reply = yield plan.prepared(request)
            except Exception as error:  # noqa: BLE001 - the steps know what to make of it
                request = steps.throw(error)
            else:
                request = steps.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result


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
    asked = plan.messages(messages)
    steps = typed_call(asked, contract, plan.params, request_id=plan.request_id, floor=floor)
    return steps_prepared(plan, steps)


def value_contract(
    plan: Plan, schema: OutputSchema[T], *, accepts_cut: bool = False
) -> Contract[T]:
    """The contract of a value of a type."""
    terms = plan.terms
    of_json = isinstance(schema.constraint, JsonConstraint)
    return Contract(
        schema.name,
        schema.constraint,
        partial(schema.validate_json, context=terms.context),
        terms.max_attempts,
        accepts_cut,
        distinct='"uniqueItems": true' in json.dumps(schema.json_schema),
        repairs=terms.repairs if of_json else 0,  # in other texts no place is known to be good
    )


def with_last_user(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """``messages`` with the last turn's text replaced."""
    return (*messages[:-1], Message(messages[-1].role, text))


def class_messages(
    plan: Plan, messages: Sequence[Message], schema: OutputSchema[Any], given: Any
) -> tuple[Message, ...]:
    """What is asked for a value of a type: by the caller's format function, or ours."""
    template = plan.setup.template
    write = plan.setup.response_class_format
    if write is None and template is not None and template != "auto":
        write = template.response_class_format_func
    if write is not None:
        return with_last_user(messages, write(messages[-1].content, given))
    return prompts.with_instructions(messages, prompts.structured_reply(schema))


def after_chat_messages(
    plan: Plan, messages: Sequence[Message], said: str, schema: OutputSchema[Any], given: Any
) -> tuple[Message, ...]:
    """What is asked after a free-text reply to turn it into a value."""
    template = plan.setup.template
    write = plan.setup.response_class_format_after_chat
    if write is None and template is not None and template != "auto":
        write = template.response_class_format_after_chat_func
    if write is not None:
        return (*messages, Message("assistant", said), Message("user", write(given)))
    return (Message("system", prompts.extraction(schema)), Message("user", said))


def tool_messages(plan: Plan, messages: Sequence[Message], tools: ToolSet) -> tuple[Message, ...]:
    """What is asked to have a tool picked: by the caller's format function, or ours."""
    template = plan.setup.template
    write = plan.setup.function_calling_format
    if write is None and template is not None and template != "auto":
        write = template.function_calling_format_func
    if write is not None:
        chosen = tools.chosen.func if tools.chosen else None
        return with_last_user(messages, write(messages[-1].content, list(tools.callables), chosen))
    instructions = prompts.tool_choice(
        tools.offered,
        allow_answer=tools.allow_answer,
        several=tools.max_calls > 1,
        reasoning=tools.reasoning,
    )
    return prompts.with_instructions(messages, instructions)


def extraction_messages(
    schema: OutputSchema[Any], text: str, instructions: str
) -> tuple[Message, ...]:
    """What is asked for the value that a text speaks of."""
    told = prompts.extraction(schema)
    if instructions:
        told = f"{instructions}\n{told}"
    return (Message("system", told), Message("user", text))


def extraction_steps(
    plan: Plan, schema: OutputSchema[T], text: str, instructions: str
) -> Steps[TypedReply[T]]:
    """:func:`byzer_agents.extract`: the value that a text speaks of."""
    messages = extraction_messages(schema, text, instructions)
    return typed(plan, messages, value_contract(plan, schema))


def typed_metadata(typed_reply: TypedReply[Any]) -> dict[str, Any]:
    """A typed reply's facts; a reply that was cut says so."""
    metadata = metadata_of(typed_reply.reply) | {"attempts": len(typed_reply.attempts) + 1}
    if typed_reply.cut:
        tokens = typed_reply.usage.output_tokens
        reason = f"the reply was cut after {tokens} tokens; its last text is incomplete"
        metadata |= {"reason": reason, "resason": reason}
    return metadata


def class_steps(
    plan: Plan,
    messages: Sequence[Message],
    schema: OutputSchema[T],
    given: Any,
    *,
    after_chat: bool,
) -> Steps[LLMClassResponse[T]]:
    """``chat_oai(response_class=…)``: the value, or ``None`` and the reason."""
    contract = value_contract(plan, schema, accepts_cut=True)
    if after_chat:
        said = yield plan.request(messages)
        asked = after_chat_messages(plan, messages, plan.clean(said.text), schema, given)
    else:
        asked = class_messages(plan, messages, schema, given)
    question = messages[-1].content
    try:
        typed_reply = yield from typed(plan, asked, contract)
    except OutputInvalid as error:
        metadata = failure_metadata(error)
        response = LLMResponse(error.attempts[-1].text, question, dict(metadata))
        return LLMClassResponse(response, None, metadata)
    metadata = typed_metadata(typed_reply)
    if after_chat:
        metadata["first_reply"] = said.text
    return LLMClassResponse(
        LLMResponse(typed_reply.reply.text, question, metadata), typed_reply.value, dict(metadata)
    )


def tool_steps(
    plan: Plan, messages: Sequence[Message], tools: ToolSet, *, max_attempts: int
) -> Steps[tuple[LLMFunctionCallResponse, Decision]]:
    """``chat_oai(tools=…)``: the decision, not yet carried out."""
    question = messages[-1].content
    if not tools.max_calls:
        said = plan.response((yield plan.request(messages)), question)
        return LLMFunctionCallResponse(said, [], dict(said.metadata)), Decision(answer=said.output)
    asked = tool_messages(plan, messages, tools)
    contract = tools.contract(max_attempts)
    if tools.reasoning is None:  # the reply is JSON from its beginning, as rollbacks need it
        contract = replace(contract, repairs=plan.terms.repairs)
    try:
        typed_reply = yield from typed(plan, asked, contract)
    except OutputInvalid as error:
        metadata = failure_metadata(error)
        response = LLMResponse(error.attempts[-1].text, question, dict(metadata))
        return LLMFunctionCallResponse(response, [], metadata), Decision()
    decision = typed_reply.value
    metadata = typed_metadata(typed_reply)
    if tools.reasoning is not None:
        metadata["reasoning"] = decision.reasoning
    response = LLMResponse(decision.output, question, metadata)
    calls = [decided.call for decided in decision.calls]
    return LLMFunctionCallResponse(response, [], dict(metadata), calls), decision


class Pieces:
    """A stream's deltas as the client's items."""

    def __init__(self, plan: Plan, delta_mode: bool) -> None:
        self._plan = plan
        self._delta_mode = delta_mode
        self._raw = ""
        self._shown = ""

    def take(self, delta: ChatDelta) -> StreamItem | None:
        """The item for a delta; ``None`` when there is nothing new to show."""
        self._raw += delta.text
        clean = self._plan.clean(self._raw)
        new, self._shown = clean[len(self._shown) :], clean
        finish = delta.finish_reason or ""
        if not new and not finish:
            return None
        meta = SingleOutputMeta(delta.usage.input_tokens, delta.usage.output_tokens, finish)
        return StreamItem(new if self._delta_mode else clean, meta)
