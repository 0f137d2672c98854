"""The reference's way to a function that a model writes: ``chat_oai(impl_func=…)``.

There an implementation answers the user's question of this very call, so it is kept under the
question as well as under the function, in the cache and not beside the module.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sandbox
from byzer_agents.chatting import with_last_user
from byzer_agents.implementing.errors import ImplementationFailed
from byzer_agents.implementing.implementation import Implementation, Terms
from byzer_agents.implementing.kept import cache_folder
from byzer_agents.implementing.prompt import messages_for
from byzer_agents.implementing.running import arun_source, run_source
from byzer_agents.implementing.subject import Subject
from byzer_agents.implementing.types import value_classes
from byzer_agents.plan import Plan
from byzer_agents.responses import LLMClassResponse, LLMResponse, failure_metadata
from runtime import InvalidParameter, Message
from sandbox import SandboxError
from structured import ValidationFailed, output_schema

if TYPE_CHECKING:
    from byzer_agents.client import ByzerLLM

_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
_FAILURES = (ImplementationFailed, SandboxError, TypeError)


@dataclass(frozen=True)
class ImplCall:
    """One call of ``chat_oai(impl_func=…)``.

    Attributes:
        llm: The client.
        plan: Its model and settings.
        messages: The conversation; its last turn is the question.
        function: What is to be written.
        response_class: The type of its value: a type, or a JSON Schema.
        params: Its arguments.
        execute: Whether it is run.
    """

    llm: ByzerLLM
    plan: Plan
    messages: tuple[Message, ...]
    function: Callable[..., Any]
    response_class: Any
    params: Mapping[str, Any]
    execute: bool

    def check(self) -> None:
        """Find out early what cannot be implemented.

        Raises:
            InvalidParameter: There is no response class, or the function is none.
        """
        if not hasattr(self.function, "__code__"):
            raise InvalidParameter("impl_func", self.function, "a function, written with def")
        if self.response_class is None:
            raise InvalidParameter(
                "response_class", None, "the type of the function's value: impl_func needs it"
            )

    @property
    def question(self) -> str:
        """The user's last words."""
        return self.messages[-1].content

    @cached_property
    def implementation(self) -> Implementation:
        """The function, for this question."""
        about = f"It is to answer this question: {self.question}"
        subject = Subject(self.function, self.response_class, instruction=about)
        terms = Terms(self.plan.model, self.llm, directory=cache_folder())
        return Implementation(
            subject, terms, messages=lambda _: self.asked(subject), by_key=True, plan=self.plan
        )

    def asked(self, subject: Subject) -> tuple[Message, ...]:
        """What the model is asked: by the caller's format function, or in our words."""
        write = self.plan.setup.format_func("impl_func_format")
        if write is not None:
            told = write(self.question, self.function, self.response_class)
            return with_last_user(self.messages, told)
        system, user = messages_for(subject)
        return (system, *self.messages[:-1], user)

    def run(self) -> LLMClassResponse[Any]:
        """The value, or ``None`` and the reason."""
        implementation = self.implementation
        source, value = "", None
        try:
            source = implementation.source()
            if self.execute:
                bound = implementation.subject.bind((), self.params)
                value = run_source(implementation.subject, source, bound)
        except _FAILURES as error:
            return self._failed(source, error)
        return self._response(source, value)

    async def arun(self) -> LLMClassResponse[Any]:
        """:meth:`run` for an event loop."""
        implementation = self.implementation
        source, value = "", None
        try:
            source = await asyncio.to_thread(implementation.source)
            if self.execute:
                bound = implementation.subject.bind((), self.params)
                value = await arun_source(implementation.subject, source, bound)
        except _FAILURES as error:
            return self._failed(source, error)
        return self._response(source, value)

    def _response(self, source: str, value: Any) -> LLMClassResponse[Any]:
        kept = self.implementation.ready()
        written = self.implementation.accepted
        metadata = {
            "model": kept.model,
            "checks": list(kept.checks),
            "path": str(self.implementation.keeper.path),
            "cached": written is None,
            "attempts": len(written.attempts) + 1 if written else 0,
            "input_tokens_count": written.usage.input_tokens if written else 0,
            "generated_tokens_count": written.usage.output_tokens if written else 0,
        }
        return LLMClassResponse(LLMResponse(source, self.question, metadata), value, dict(metadata))

    def _failed(self, source: str, error: Exception) -> LLMClassResponse[Any]:
        if not source and isinstance(error, ImplementationFailed):
            source = error.attempts[-1].source
        metadata = failure_metadata(error)
        return LLMClassResponse(LLMResponse(source, self.question, metadata), None, dict(metadata))


def run_generated(
    func_name: str, params: Mapping[str, Any], response: LLMResponse, response_class: Any
) -> LLMClassResponse[Any]:
    """Run a function that stands in a reply's text, in the sandbox."""
    found = _FENCED.search(response.output)
    source = found[1] if found else response.output
    of_schema = isinstance(response_class, (str, dict))
    types = () if of_schema else value_classes([response_class])
    try:
        run = sandbox.run(
            source,
            func_name,
            dict(params),
            returns=Any if of_schema else response_class,
            policy=sandbox.Policy(types=types),
        )
        value = run.value
        if of_schema:
            value = output_schema(response_class).validate_python(value)
    except (SandboxError, ValidationFailed) as error:
        return LLMClassResponse(response, None, failure_metadata(error))
    return LLMClassResponse(response, value, dict(response.metadata))
