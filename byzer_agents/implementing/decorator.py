"""``@llm_impl``: a function whose body a model writes."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from byzer_agents.implementing.errors import ImplementationFailed
from byzer_agents.implementing.implementation import Implementation, Terms
from byzer_agents.implementing.kept import KeptSource
from byzer_agents.implementing.predicting import apredict, predict
from byzer_agents.implementing.running import arun_source, run_source
from byzer_agents.implementing.subject import Subject, early_hints
from byzer_agents.implementing.synthesis import DEFAULT_ATTEMPTS
from runtime import ChatModel, InvalidParameter
from sandbox import Limits, Policy, SandboxError

if TYPE_CHECKING:
    from byzer_agents.client import ByzerLLM

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

OnFailure = Literal["raise", "predict"]


class Implemented(Generic[P, R]):
    """A function that a model implements: called like any other.

    The first call has it written and checked, unless that was done before; each call then runs
    the kept source in the sandbox, without a model.
    """

    def __init__(self, implementation: Implementation, on_failure: OnFailure) -> None:
        functools.update_wrapper(self, implementation.subject.function)
        self.implementation = implementation
        self.on_failure = on_failure
        mark = getattr(inspect, "markcoroutinefunction", None)  # Python 3.12
        if mark is not None and implementation.subject.is_async:
            mark(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it.

        Raises:
            ImplementationFailed: No reply passed the checks (with ``on_failure="raise"``).
            sandbox.SandboxError: The run failed (likewise).
        """
        subject = self.implementation.subject
        if subject.takes_self and not subject.passes_self:
            args = args[1:]  # type: ignore[assignment]
        bound = subject.bind(args, kwargs)
        value: Any = self._arun(bound) if subject.is_async else self._run(bound)
        result: R = value
        return result

    def _run(self, bound: Mapping[str, Any]) -> Any:
        subject = self.implementation.subject
        try:
            return run_source(subject, self.implementation.source(), bound)
        except (ImplementationFailed, SandboxError):
            if self.on_failure == "raise":
                raise
            return predict(subject, self.implementation.terms, bound)

    async def _arun(self, bound: Mapping[str, Any]) -> Any:
        subject = self.implementation.subject
        try:
            source = await asyncio.to_thread(self.implementation.source)
            return await arun_source(subject, source, bound)
        except (ImplementationFailed, SandboxError):
            if self.on_failure == "raise":
                raise
            return await apredict(subject, self.implementation.terms, bound)

    def __set_name__(self, owner: type, name: str) -> None:
        if self.implementation.subject.owner is None:
            self.implementation = self.implementation.of(owner)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return functools.partial(self.__call__, instance)

    def __repr__(self) -> str:
        return f"<llm_impl {self.implementation.subject.place}>"

    @property
    def source(self) -> str:
        """The source that calls run; written now, if it is not there yet."""
        return self.implementation.source()

    @property
    def kept(self) -> KeptSource:
        """The source with what its file says of it: model, date, checks."""
        return self.implementation.ready()

    @property
    def path(self) -> Path:
        """Where the source is kept, or would be."""
        return self.implementation.keeper.path

    def clear(self) -> bool:
        """Delete the kept source, so that the next call has it written anew."""
        return self.implementation.forget()


@overload
def llm_impl(function: Callable[P, R]) -> Implemented[P, R]: ...
@overload
def llm_impl(
    *,
    response_class: type[S],
    model: str | ChatModel | None = None,
    instruction: str = "",
    properties: Sequence[Callable[..., Any]] = (),
    tools: Sequence[Callable[..., Any]] = (),
    modules: Sequence[str] | None = None,
    policy: Policy | None = None,
    limits: Limits | None = None,
    on_failure: OnFailure = "raise",
    max_attempts: int = DEFAULT_ATTEMPTS,
    deterministic: bool = True,
    samples: int = 24,
    skip_cache: bool = False,
    directory: str | Path | None = None,
    llm: ByzerLLM | None = None,
    **llm_config: Any,
) -> Callable[[Callable[P, Any]], Implemented[P, S]]: ...
@overload
def llm_impl(
    *,
    response_class: Any = None,
    model: str | ChatModel | None = None,
    instruction: str = "",
    properties: Sequence[Callable[..., Any]] = (),
    tools: Sequence[Callable[..., Any]] = (),
    modules: Sequence[str] | None = None,
    policy: Policy | None = None,
    limits: Limits | None = None,
    on_failure: OnFailure = "raise",
    max_attempts: int = DEFAULT_ATTEMPTS,
    deterministic: bool = True,
    samples: int = 24,
    skip_cache: bool = False,
    directory: str | Path | None = None,
    llm: ByzerLLM | None = None,
    **llm_config: Any,
) -> Callable[[Callable[P, R]], Implemented[P, R]]: ...
def llm_impl(
    function: Callable[..., Any] | None = None,
    *,
    response_class: Any = None,
    model: str | ChatModel | None = None,
    instruction: str = "",
    properties: Sequence[Callable[..., Any]] = (),
    tools: Sequence[Callable[..., Any]] = (),
    modules: Sequence[str] | None = None,
    policy: Policy | None = None,
    limits: Limits | None = None,
    on_failure: OnFailure = "raise",
    max_attempts: int = DEFAULT_ATTEMPTS,
    deterministic: bool = True,
    samples: int = 24,
    skip_cache: bool = False,
    directory: str | Path | None = None,
    llm: ByzerLLM | None = None,
    **llm_config: Any,
) -> Any:
    """Have a model write the body of a function, from its signature, types and docstring.

    ::

        @llm_impl
        def initials(name: str) -> str:
            '''The first letters of a name's words, in capitals.

            >>> initials("ada lovelace")
            'AL'
            '''

    What the model writes is held to the signature, and is kept only when it compiles under the
    sandbox's policy, its names resolve, the docstring's examples give what they say, and calls
    with generated arguments give values of the return type. What fails is told to the model,
    which may try again. The accepted source lies in the folder ``llm_impl`` beside the module.

    Use it bare or with options; on functions, ``async`` functions and methods. A method's object
    goes into the sandbox where its class is one of values (a dataclass, a pydantic model, a
    NamedTuple); otherwise the implementation is not given it.

    Args:
        function: The function.
        response_class: What it returns instead of what its annotation says: a type, or a JSON
            Schema as dict or text.
        model: As for :func:`byzer_agents.extract`.
        instruction: Said to the model besides the docstring.
        properties: What must hold for every generated call. Each is a function of some of the
            parameters' names and ``result``: ``lambda name, result: len(result) <= len(name)``.
        tools: The application's functions that the implementation may call, each under its name.
        modules: Names of modules that it may import; ``None``: all that the sandbox has.
        policy: Both of these at once, and more.
        limits: What one run may take.
        on_failure: ``"raise"``, or ``"predict"``: where no implementation is accepted, or a run
            of it fails, the model is asked for the value of this one call instead.
        max_attempts: Replies to ask for before giving up.
        deterministic: Whether equal arguments must give equal values.
        samples: Generated calls that the checks make.
        skip_cache: Have it written anew, once in this process, whatever is kept.
        directory: Folder of the kept source.
        llm: The client that knows ``model``.
        llm_config: Generation parameters.

    Raises (when it is called):
        ImplementationFailed: No reply passed the checks; it has every attempt and why it failed.
        sandbox.SandboxError: The run failed. An exception that the docstring declares (under
            ``Raises:``, or in an example) is raised as itself.
    """
    if on_failure not in ("raise", "predict"):
        raise InvalidParameter("on_failure", on_failure, '"raise" or "predict"')
    if max_attempts < 1:
        raise InvalidParameter("max_attempts", max_attempts, "at least 1")
    given = policy or Policy()
    own = Policy(
        frozenset(modules) if modules is not None else given.modules,
        {**given.tools, **{_tool_name(tool): _plain(tool) for tool in tools}},
        given.types,
        given.max_tool_calls,
    )
    terms = Terms(
        model,
        llm,
        llm_config,
        max_attempts,
        tuple(properties),
        deterministic,
        samples,
        Path(directory) if directory is not None else None,
        skip_cache,
    )

    def wrap(function: Callable[..., Any]) -> Implemented[..., Any]:
        if not hasattr(function, "__code__"):
            raise InvalidParameter("function", function, "a plain function, written with def")
        hints = early_hints(function)
        subject = Subject(
            function, response_class, own, limits or Limits(), instruction, hints=hints
        )
        return Implemented(Implementation(subject, terms), on_failure)

    return wrap if function is None else wrap(function)


def _tool_name(tool: Any) -> str:
    name = getattr(tool, "name", None) or getattr(tool, "__name__", "")
    return str(name)


def _plain(tool: Any) -> Callable[..., Any]:
    from byzer_agents.tools import Tool

    return tool.func if isinstance(tool, Tool) else tool
