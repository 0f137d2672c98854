"""Text from models: single turns, raw prompts, batches, streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from byzer_agents.chatting import Pieces
from byzer_agents.closing import aclosed, closed
from byzer_agents.lifecycle import Deployments
from byzer_agents.plan import Plan, Terms
from byzer_agents.responses import LLMHistoryItem, LLMRequest, LLMResponse, StreamItem
from runtime import (
    ChatModel,
    ChatRequest,
    FeatureNotAvailable,
    GenerationParams,
    parse_conversation,
    parse_generation,
)
from runtime.templates import Templates, check_role_mapping, render

Conversation = str | Sequence[Mapping[str, Any] | LLMHistoryItem]


class TextCalls(Deployments):
    """The part of ``ByzerLLM`` that returns text."""

    def _plan(
        self,
        name: str | ChatModel | None,
        llm_config: Mapping[str, Any],
        role_mapping: Mapping[str, Any] | None = None,
        base: GenerationParams | None = None,
        terms: Terms | None = None,
    ) -> Plan:
        """Settle a call: its model, and a snapshot of every setting that applies to it."""
        if role_mapping is not None:
            check_role_mapping(role_mapping)
        model = self.model(name)
        setup = self._model_setup(model.name)
        length = setup.max_output_length or self.default_max_output_length
        start = base or GenerationParams()
        if start.max_output_tokens is None:
            start = start.but(max_output_tokens=length)
        defaults = parse_generation(setup.generation, start)
        parsed = parse_generation(llm_config, defaults.params)
        return Plan(
            model,
            setup,
            parsed.params,
            request_id=parsed.request_id,
            abort=parsed.abort,
            role_mapping=role_mapping,
            skip_length_check=self.force_skip_context_length_check,
            verbose=self.verbose,
            terms=terms or Terms(),
        )

    def chat(
        self, model: str | None, request: LLMRequest | str | list[str], **llm_config: Any
    ) -> list[LLMResponse]:
        """Answer each instruction as a user's turn of its own; a list is a batch."""
        return self._batch(model, request, llm_config, raw=False)

    def raw_chat(
        self, model: str | None, request: LLMRequest | str | list[str], **llm_config: Any
    ) -> list[LLMResponse]:
        """Complete each instruction as it is, without a template."""
        return self._batch(model, request, llm_config, raw=True)

    def _batch(
        self,
        name: str | None,
        request: LLMRequest | str | list[str],
        llm_config: Mapping[str, Any],
        *,
        raw: bool,
    ) -> list[LLMResponse]:
        asked = request if isinstance(request, LLMRequest) else LLMRequest(request)
        if asked.embedding:
            raise FeatureNotAvailable("embedding")
        single = isinstance(asked.instruction, str)
        instructions = [asked.instruction] if single else list(asked.instruction)
        defaults = LLMRequest("")
        config: dict[str, Any] = {"max_length": asked.max_length}
        for key in ("top_p", "temperature"):
            if getattr(asked, key) != getattr(defaults, key):
                config[key] = getattr(asked, key)
        plan = self._plan(name, {**config, **llm_config})

        def answer(instruction: str) -> LLMResponse:
            if raw:
                request = ChatRequest(prompt=instruction, params=plan.params)
            else:
                messages = parse_conversation(instruction)
                request = plan.prepared(ChatRequest(messages, params=plan.params))
            return plan.response(plan.model.generate(request), instruction)

        if len(instructions) == 1:
            return [answer(str(instructions[0]))]
        with ThreadPoolExecutor(max_workers=min(64, len(instructions) or 1)) as threads:
            return list(threads.map(answer, instructions))

    def stream_chat_oai(
        self,
        conversations: Conversation,
        model: str | None = None,
        role_mapping: Mapping[str, Any] | None = None,
        llm_config: Mapping[str, Any] | None = None,
        delta_mode: bool = False,
    ) -> Iterator[StreamItem]:
        """The reply as it comes: ``(text so far, meta)``, or new pieces in ``delta_mode``.

        Each item also works as its text. Closing the iterator stops the generation.
        """
        plan = self._plan(model, llm_config or {}, role_mapping)
        request = plan.request(parse_conversation(items_of(conversations)))
        pieces = Pieces(plan, delta_mode)
        deltas = plan.model.stream(request)

        def items() -> Iterator[StreamItem]:
            with closed(deltas):
                for delta in deltas:
                    if (item := pieces.take(delta)) is not None:
                        yield item

        return items()

    async def async_stream_chat_oai(
        self,
        conversations: Conversation,
        model: str | None = None,
        role_mapping: Mapping[str, Any] | None = None,
        llm_config: Mapping[str, Any] | None = None,
        delta_mode: bool = False,
    ) -> AsyncIterator[StreamItem]:
        """:meth:`stream_chat_oai` for an event loop."""
        plan = self._plan(model, llm_config or {}, role_mapping)
        request = plan.request(parse_conversation(items_of(conversations)))
        pieces = Pieces(plan, delta_mode)
        async with aclosed(plan.model.astream(request)) as deltas:
            async for delta in deltas:
                if (item := pieces.take(delta)) is not None:
                    yield item

    def tokenize(self, model: str | None, s: str) -> list[int]:
        """Token ids of a text, by the model's own tokenizer."""
        return self.model(model).tokenize(s)

    def apply_chat_template(self, model: str | None, messages: Conversation) -> str:
        """The prompt that the model's own template makes of a conversation."""
        return self.model(model).apply_chat_template(parse_conversation(items_of(messages)))

    def generate_instruction_from_history(
        self,
        conversations: Conversation,
        role_mapping: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt that a role mapping (default: ``Templates.default()``) makes."""
        mapping = role_mapping or Templates.default().role_mapping
        check_role_mapping(mapping)
        return render(mapping, parse_conversation(items_of(conversations)))

    def abort(self, request_id: str, model: str | None = None) -> bool:
        """Stop a running request; it ends with ``finish_reason`` ``"abort"``. False if unknown."""
        return self.model(model).abort(request_id)


def items_of(conversations: Conversation | Any) -> Any:
    """A conversation with ``LLMHistoryItem`` turns as dicts; the caller's list is not touched."""
    if isinstance(conversations, (list, tuple)):
        return [
            {"role": item.role, "content": item.content}
            if isinstance(item, LLMHistoryItem)
            else item
            for item in conversations
        ]
    return conversations
