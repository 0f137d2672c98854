"""``chat_oai``'s options, checked and settled into one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from byzer_agents import chatting
from byzer_agents.calls import DEFAULT_MAX_ATTEMPTS, Steps
from byzer_agents.plan import Plan, Terms
from byzer_agents.responses import LLMClassResponse, LLMFunctionCallResponse, LLMResponse
from byzer_agents.text import Conversation, items_of
from byzer_agents.toolcalls import Decision, ToolSet, tool_set
from runtime import (
    ChatModel,
    ChatReply,
    ChatRequest,
    GenerationParams,
    InvalidParameter,
    Message,
    parse_conversation,
)
from structured import OutputSchema, Reasoning, output_schema

if TYPE_CHECKING:
    from byzer_agents.client import ByzerLLM
    from byzer_agents.implementing.reference import ImplCall


class ChatOptions(TypedDict, total=False):
    """Options of ``chat_oai`` beside ``tools`` and ``response_class``."""

    tool_choice: Any
    """A tool, its name or OpenAI's dict: that one is called; ``"required"``: one is; ``"auto"``:
    one or none; ``"none"``: none, the reply is free text."""
    parallel_tool_calls: bool
    """Several calls in one reply, none of which needs another's result."""
    max_calls: int | None
    """Calls in one reply, at most (by default 1; with ``parallel_tool_calls`` 16)."""
    reasoning: bool | Reasoning | None
    """Free text before the calls: ``True``, or how it is marked and how long it may be."""
    execute_tool: bool
    func_params: Mapping[str, Any] | None
    response_after_chat: bool
    model: str | ChatModel | None
    role_mapping: Mapping[str, Any] | None
    llm_config: Mapping[str, Any] | None
    only_return_prompt: bool
    context: object
    """What validators of the response class see as ``info.context``."""
    engine: str | None
    """Name of the engine that compiles the constraint; ``None``: the deployment's."""
    impl_func: Callable[..., Any] | None
    """A function that the model writes; ``response_class`` is the type of its value."""
    execute_impl_func: bool
    """Whether it is run."""
    impl_func_params: Mapping[str, Any] | None
    """Its arguments."""


@dataclass(frozen=True)
class ChatCall:
    """One call of ``chat_oai``, settled."""

    plan: Plan
    messages: tuple[Message, ...]
    tools: ToolSet | None = None
    execute_tool: bool = False
    schema: OutputSchema[Any] | None = None
    response_class: Any = None
    """As the caller gave it, for the caller's own format functions."""
    after_chat: bool = False
    implementing: ImplCall | None = None
    """A function that the model is to write."""
    finished: list[Any] | None = None
    """The answer, where no model has to be asked."""

    def request(self) -> ChatRequest:
        """The request of a call for text."""
        return self.plan.request(self.messages)

    def text_response(self, reply: ChatReply) -> LLMResponse:
        """The answer of a call for text."""
        return self.plan.response(reply, self.messages[-1].content)

    def tool_steps(self) -> Steps[tuple[LLMFunctionCallResponse, Decision]]:
        """The requests of a call with tools."""
        assert self.tools is not None
        return chatting.tool_steps(
            self.plan, self.messages, self.tools, max_attempts=DEFAULT_MAX_ATTEMPTS
        )

    def class_steps(self) -> Steps[LLMClassResponse[Any]]:
        """The requests of a call for a value."""
        assert self.schema is not None
        return chatting.class_steps(
            self.plan,
            self.messages,
            self.schema,
            self.response_class,
            after_chat=self.after_chat,
        )

    def prompt(self) -> str:
        """What the model would read."""
        messages = self.messages
        if self.tools is not None and self.tools.max_calls:
            messages = chatting.tool_messages(self.plan, messages, self.tools)
        elif self.implementing is not None:
            messages = self.implementing.asked(self.implementing.implementation.subject)
        elif self.schema is not None and not self.after_chat:
            messages = chatting.class_messages(
                self.plan, messages, self.schema, self.response_class
            )
        return self.plan.prompt(self.plan.request(messages))


def settle(
    llm: ByzerLLM,
    conversations: Conversation,
    tools: Sequence[Callable[..., Any]] | None,
    response_class: Any,
    options: ChatOptions,
) -> ChatCall:
    """Check the options of a call against each other and take a snapshot of the settings.

    Nothing that the caller passed is changed.

    Raises:
        TypeError: An unknown option.
        InvalidParameter: Options that contradict each other.
        InvalidConversation, DeploymentNotFound, ToolDefinitionError, SchemaError, …
    """
    for name in options:
        if name not in ChatOptions.__annotations__:
            raise TypeError(f"chat_oai() got an unexpected keyword argument {name!r}")
    messages = parse_conversation(items_of(conversations))
    tool_choice = options.get("tool_choice")
    offered = list(tools or [])
    if callable(tool_choice) and not offered:
        offered = [tool_choice]
    if offered and response_class is not None:
        raise InvalidParameter(
            "response_class", response_class, "no response_class in a call with tools"
        )
    typed = bool(offered) or response_class is not None
    plan = llm._plan(
        options.get("model"),
        options.get("llm_config") or {},
        options.get("role_mapping"),
        base=GenerationParams(temperature=0) if typed else None,
        terms=Terms(options.get("context"), options.get("engine")),
    )
    if plan.abort:
        plan.model.abort(plan.request_id or "")
        return ChatCall(plan, messages, finished=[LLMResponse("", "", {"aborted": True})])
    call = ChatCall(plan, messages)
    impl_func = options.get("impl_func")
    if offered:
        call = ChatCall(
            plan,
            messages,
            tools=tool_set(
                offered,
                tool_choice,
                options.get("func_params"),
                parallel_tool_calls=bool(options.get("parallel_tool_calls")),
                max_calls=options.get("max_calls"),
                reasoning=options.get("reasoning"),
            ),
            execute_tool=bool(options.get("execute_tool")),
        )
    elif impl_func is not None:
        call = ChatCall(
            plan, messages, implementing=_implementing(llm, plan, messages, response_class, options)
        )
    elif response_class is not None:
        call = ChatCall(
            plan,
            messages,
            schema=output_schema(response_class),
            response_class=response_class,
            after_chat=bool(options.get("response_after_chat")),
        )
    if options.get("only_return_prompt"):
        return ChatCall(plan, messages, finished=[LLMResponse("", call.prompt(), {})])
    return call


def _implementing(
    llm: ByzerLLM,
    plan: Plan,
    messages: tuple[Message, ...],
    response_class: Any,
    options: ChatOptions,
) -> ImplCall:
    from byzer_agents.implementing.reference import ImplCall

    function = options.get("impl_func")
    assert function is not None
    call = ImplCall(
        llm,
        plan,
        messages,
        function,
        response_class,
        options.get("impl_func_params") or {},
        bool(options.get("execute_impl_func")),
    )
    call.check()
    return call
