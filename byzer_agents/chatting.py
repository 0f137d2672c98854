"""How typed calls come to their answers: what is asked, and what each reply becomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from byzer_agents import prompts
from byzer_agents.calls import Contract, OutputInvalid, Steps, TypedReply
from byzer_agents.plan import Plan, typed
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
from runtime import ChatDelta, Message
from structured import JsonConstraint, OutputSchema

T = TypeVar("T")


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
    write = plan.setup.format_func("response_class_format")
    if write is not None:
        return with_last_user(messages, write(messages[-1].content, given))
    return prompts.with_instructions(messages, prompts.structured_reply(schema))


def after_chat_messages(
    plan: Plan, messages: Sequence[Message], said: str, schema: OutputSchema[Any], given: Any
) -> tuple[Message, ...]:
    """What is asked after a free-text reply to turn it into a value."""
    write = plan.setup.format_func("response_class_format_after_chat")
    if write is not None:
        return (*messages, Message("assistant", said), Message("user", write(given)))
    return (Message("system", prompts.extraction(schema)), Message("user", said))


def tool_messages(plan: Plan, messages: Sequence[Message], tools: ToolSet) -> tuple[Message, ...]:
    """What is asked to have a tool picked: by the caller's format function, or ours."""
    write = plan.setup.format_func("function_calling_format")
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


def failed_response(error: OutputInvalid, question: str) -> LLMResponse:
    """The last of the replies that broke the contract, and the reason."""
    return LLMResponse(error.attempts[-1].text, question, failure_metadata(error))


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
        response = failed_response(error, question)
        return LLMClassResponse(response, None, dict(response.metadata))
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
        response = failed_response(error, question)
        return LLMFunctionCallResponse(response, [], dict(response.metadata)), Decision()
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
