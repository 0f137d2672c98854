"""``ByzerLLM``: deploy models, chat with them, and get values back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from typing_extensions import Unpack

from byzer_agents.calls import adrive, drive
from byzer_agents.chat_call import ChatOptions, settle
from byzer_agents.impl_calls import ImplCalls
from byzer_agents.later import LaterMethods
from byzer_agents.responses import (
    LLMClassResponse,
    LLMFunctionCallResponse,
    LLMResponse,
    failure_metadata,
)
from byzer_agents.text import Conversation
from byzer_agents.tool_runs import arun_tools, run_tools
from byzer_agents.toolcalls import tool_set
from byzer_agents.values import ValueCalls
from structured import ValidationFailed, output_schema
from structured.text import TextType

T = TypeVar("T")


class ByzerLLM(ValueCalls, ImplCalls, LaterMethods):
    """Deployed models under their names, and every way of calling them.

    By default models live in this process, shared by all ``ByzerLLM`` objects in it;
    ``address="auto"`` (or a Ray address) puts them on a Ray cluster. One object may be used
    from several threads and event loops: a call reads one snapshot of the settings.
    """

    # -- chat_oai ------------------------------------------------------------------------

    @overload
    def chat_oai(
        self,
        conversations: Conversation,
        *,
        response_class: type[T],
        **options: Unpack[ChatOptions],
    ) -> list[LLMClassResponse[T]]: ...

    @overload
    def chat_oai(
        self,
        conversations: Conversation,
        *,
        response_class: str | dict[str, Any] | TextType,
        **options: Unpack[ChatOptions],
    ) -> list[LLMClassResponse[Any]]: ...

    @overload
    def chat_oai(
        self,
        conversations: Conversation,
        tools: Sequence[Callable[..., Any]],
        **options: Unpack[ChatOptions],
    ) -> list[LLMFunctionCallResponse]: ...

    @overload
    def chat_oai(
        self, conversations: Conversation, **options: Unpack[ChatOptions]
    ) -> list[LLMResponse]: ...

    def chat_oai(
        self,
        conversations: Conversation,
        tools: Sequence[Callable[..., Any]] | None = None,
        response_class: Any = None,
        **options: Unpack[ChatOptions],
    ) -> Any:
        """Answer a conversation: with text, with a call of a tool, or with a value.

        * Nothing else given: ``[LLMResponse]``.
        * ``tools``: ``[LLMFunctionCallResponse]``. The model picks one (or, unless
          ``tool_choice`` says otherwise, none: then ``response.output`` is its plain answer);
          ``execute_tool`` calls it and puts the result into ``values``. ``func_params`` are
          arguments that the program supplies. A tool's exception is in the ``metadata``.
          ``parallel_tool_calls`` (or ``max_calls``) lets it make several calls; the async twin
          carries parallel ones out at the same time. ``reasoning`` lets it think first: its text
          is ``metadata["reasoning"]``.
        * ``response_class`` (a type, a JSON Schema as dict or text, a text type such as
          ``Regex(…)``): ``[LLMClassResponse]`` with the ``value``. ``response_after_chat`` lets the
          model answer freely first; ``context`` is what validators see as ``info.context``.
        * ``impl_func`` and ``response_class``: ``[LLMClassResponse]``. The model writes the
          function so that it answers the question (see :func:`byzer_agents.llm_impl`). Its source
          is the ``output``, kept for the same question; with ``execute_impl_func`` its ``value``
          for ``impl_func_params`` is there too. A failure is in the ``metadata``.

        Calls with tools or a response class are greedy unless ``llm_config`` says otherwise. On
        own workers the grammar makes every reply parse; one that ran out of tokens inside its
        last text is given as far as it came, with the ``reason`` in the ``metadata``.

        Other options: ``model``, ``role_mapping``, ``llm_config`` (generation parameters, bare or
        under ``gen.`` / ``generation.``), ``engine`` (the name of the one that compiles the
        grammar), ``only_return_prompt``.

        Raises:
            DeploymentNotFound, InvalidConversation, InvalidParameter, UnknownParameter,
            PromptTooLong, ToolDefinitionError, SchemaError, ConstraintError, RequestTimeout,
            GenerationFailed, FeatureNotAvailable
        """
        call = settle(self, conversations, tools, response_class, options)
        if call.finished is not None:
            return call.finished
        if call.tools is not None:
            outcome, decision = drive(call.plan.model, call.tool_steps())
            if call.execute_tool:
                run_tools(decision, outcome)
            return [outcome]
        if call.implementing is not None:
            return [call.implementing.run()]
        if call.schema is not None:
            return [drive(call.plan.model, call.class_steps())]
        return [call.text_response(call.plan.model.generate(call.request()))]

    async def async_chat_oai(
        self,
        conversations: Conversation,
        tools: Sequence[Callable[..., Any]] | None = None,
        response_class: Any = None,
        **options: Unpack[ChatOptions],
    ) -> list[Any]:
        """:meth:`chat_oai` for an event loop; ``async`` tools are awaited in it."""
        call = settle(self, conversations, tools, response_class, options)
        if call.finished is not None:
            return call.finished
        if call.tools is not None:
            outcome, decision = await adrive(call.plan.model, call.tool_steps())
            if call.execute_tool:
                await arun_tools(decision, outcome, concurrent=call.tools.concurrent)
            return [outcome]
        if call.implementing is not None:
            return [await call.implementing.arun()]
        if call.schema is not None:
            return [await adrive(call.plan.model, call.class_steps())]
        return [call.text_response(await call.plan.model.agenerate(call.request()))]

    # -- replies that came from elsewhere --------------------------------------------------

    def execute_function_calling(
        self,
        response: LLMResponse,
        tools: Sequence[Callable[..., Any]],
        func_params: Mapping[str, Any] | None = None,
    ) -> LLMFunctionCallResponse:
        """Carry out the tool calls that a reply holds as JSON (the reference's form, or ours)."""
        offered = tool_set(tools, func_params=func_params)
        outcome = LLMFunctionCallResponse(response, [])
        try:
            decision = offered.read_all(response.output)
        except ValidationFailed as error:
            outcome.metadata.update(failure_metadata(error))
            return outcome
        outcome.tool_calls += [decided.call for decided in decision.calls]
        run_tools(decision, outcome)
        return outcome

    def execute_response_format(
        self, response: LLMResponse, response_class: type[T], *, context: object = None
    ) -> LLMClassResponse[T]:
        """Read a reply's JSON as a value of a type; ``None`` and the reason when it is none."""
        try:
            value = output_schema(response_class).validate_json(response.output, context=context)
        except ValidationFailed as error:
            return LLMClassResponse(response, None, failure_metadata(error))
        return LLMClassResponse(response, value, dict(response.metadata))
