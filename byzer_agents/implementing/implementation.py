"""One function's implementation: found where it is kept, or written by a model now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byzer_agents.implementing.checks import Report, check
from byzer_agents.implementing.errors import ImplementationFailed
from byzer_agents.implementing.kept import Keeper, KeptSource, now
from byzer_agents.implementing.prompt import messages_for
from byzer_agents.implementing.running import run_source
from byzer_agents.implementing.subject import Subject
from byzer_agents.implementing.synthesis import DEFAULT_ATTEMPTS, Accepted, synthesis_steps
from byzer_agents.plan import Plan
from byzer_agents.steps import drive
from runtime import ChatModel, GenerationParams, Message

if TYPE_CHECKING:
    from byzer_agents.client import ByzerLLM

DEFAULT_OUTPUT_TOKENS = 600


@dataclass(frozen=True)
class Terms:
    """How an implementation is had.

    Attributes:
        model: A model's name, or a model; ``None``: the default.
        llm: The client that knows the model; ``None``: by the name, as ``extract`` does.
        llm_config: Generation parameters.
        max_attempts: Replies to ask for before giving up.
        properties: What must hold for every call: functions of the parameters' names and
            ``result``; false or an exception means that it does not.
        deterministic: Whether equal arguments must give equal values.
        samples: Generated calls that the checks make.
        directory: Folder of the kept source; ``None``: ``llm_impl`` beside the module.
        skip_cache: Have it written anew, once in this process, whatever is kept.
        keep: Whether an accepted source is kept in a file.
    """

    model: str | ChatModel | None = None
    llm: ByzerLLM | None = None
    llm_config: Mapping[str, Any] = field(default_factory=dict)
    max_attempts: int = DEFAULT_ATTEMPTS
    properties: Sequence[Callable[..., Any]] = ()
    deterministic: bool = True
    samples: int = 24
    directory: Path | None = None
    skip_cache: bool = False
    keep: bool = True

    def client(self) -> tuple[ByzerLLM, str | ChatModel | None]:
        """A client, and the model to use with it."""
        if self.llm is not None:
            return self.llm, self.model
        from byzer_agents.extraction import client_for

        return client_for(self.model)

    def plan(self) -> Plan:
        """How the model is asked for a function."""
        llm, model = self.client()
        base = GenerationParams(temperature=0, max_output_tokens=DEFAULT_OUTPUT_TOKENS)
        return llm._plan(model, self.llm_config, base=base)


class Implementation:
    """A function's implementation. Safe to use from several threads and processes.

    Args:
        subject: The function.
        terms: How it is had.
        messages: What the model is asked, where that is not the usual.
        by_key: See :class:`~byzer_agents.implementing.kept.Keeper`.
        plan: How the model is asked, where that is settled already.
    """

    def __init__(
        self,
        subject: Subject,
        terms: Terms,
        *,
        messages: Callable[[Plan], tuple[Message, ...]] | None = None,
        by_key: bool = False,
        plan: Plan | None = None,
    ) -> None:
        self._plan = plan
        self.subject = subject
        self.terms = terms
        self._by_key = by_key
        self._messages = messages
        self._lock = threading.RLock()
        self._kept: KeptSource | None = None
        self._failed: ImplementationFailed | None = None
        self._candidate: ContextVar[str | None] = ContextVar("candidate", default=None)
        self.accepted: Accepted | None = None
        """How it came about, if it did in this process."""

    @cached_property
    def keeper(self) -> Keeper:
        """Where the source is kept. Reads the signature: the class around it must be finished."""
        return Keeper(self.subject, self.terms.directory, by_key=self._by_key)

    def source(self) -> str:
        """The source: of the candidate that is being checked, the kept one, or a new one.

        Raises:
            ImplementationFailed: No reply passed the checks; a later call does not ask again.
            ModelError: What the model raises.
        """
        candidate = self._candidate.get()
        if candidate is not None:
            return candidate
        if self._kept is not None:
            return self._kept.source
        return self.ready().source

    def ready(self) -> KeptSource:
        """:meth:`source`, with what is known of it."""
        with self._lock:
            if self._kept is not None:
                return self._kept
            if not self.terms.skip_cache and (kept := self.keeper.look()) is not None:
                self._kept = kept
                return kept
            if self._failed is not None:
                raise self._failed
            try:
                self._kept = self._written()
            except ImplementationFailed as error:
                self._failed = error
                raise
            return self._kept

    def check(self, source: str) -> Report:
        """Run the checks on a source."""
        token = self._candidate.set(source)
        try:
            return check(self.subject, source, self._call, self.terms)
        finally:
            self._candidate.reset(token)

    def forget(self) -> bool:
        """Delete what is kept; whether there was anything."""
        with self._lock:
            self._kept = self._failed = None
            return self.keeper.forget()

    def _written(self) -> KeptSource:
        with self.keeper.alone() if self.terms.keep else nullcontext():
            # Another process may have written it while this one waited.
            if not self.terms.skip_cache and (kept := self.keeper.look()) is not None:
                return kept
            plan = self._plan or self.terms.plan()
            messages = self._messages(plan) if self._messages else messages_for(self.subject)
            steps = synthesis_steps(
                self.subject, plan, messages, self.check, max_attempts=self.terms.max_attempts
            )
            accepted = drive(plan.model, steps)
            self.accepted = accepted
            kept = KeptSource(
                self.subject.place,
                self.subject.key,
                self.subject.head,
                accepted.model,
                now(),
                accepted.passed,
                accepted.source,
            )
            if self.terms.keep:
                self.keeper.write(kept)
            return kept

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        return run_source(self.subject, self.source(), self.subject.bind(args, kwargs))

    def of(self, owner: type) -> Implementation:
        """The same for a method of a class."""
        return Implementation(replace(self.subject, owner=owner), self.terms)
