"""One typed call: a request under a contract, its reply as a value, re-asked when it breaks it.

======================  ============================  ========================================
What goes wrong         What is done                  What is left of it
======================  ============================  ========================================
text breaks a rule the  asked again with the broken   every attempt, in
grammar cannot say      rules                         ``OutputInvalid.attempts`` or, on success,
                                                      in ``TypedReply.attempts``
reply cut in a loop     asked again with a            the same
("1.1.1.1.1…")          repetition penalty
reply cut, no loop      taken as far as it came where ``TypedReply.cut``, or ``OutputInvalid``
                        the contract accepts that     that says so
timeouts, dead workers  nothing here                  the backend's typed error
======================  ============================  ========================================

All of these share one budget: ``Contract.max_attempts`` replies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pydantic_core import from_json

from byzer_agents.prompts import correction
from runtime import ChatModel, ChatReply, ChatRequest, GenerationParams, Message, Usage
from structured import ByzerError, Constraint, ValidationFailed

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_MAX_ATTEMPTS = 3
_LOOP = re.compile(r"(.{1,80}?)\1{5,}.{0,80}$", re.DOTALL)
_LOOP_BREAKING_PENALTY = 1.3


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply that did not meet its contract."""

    text: str
    failure: ValidationFailed
    usage: Usage


class OutputInvalid(ByzerError):
    """A model whose replies never met their contract.

    Attributes:
        contract: Name of the type or tools.
        attempts: Every reply, with what was wrong with it and the tokens it cost.
    """

    def __init__(self, contract: str, attempts: Sequence[Attempt], *, hint: str = "") -> None:
        tried = "one attempt" if len(attempts) == 1 else f"{len(attempts)} attempts"
        last = attempts[-1]
        super().__init__(
            f"no valid {contract} after {tried}; the last was {last.failure}\n  in: {last.text!r}",
            hint=hint,
        )
        self.contract = contract
        self.attempts = tuple(attempts)

    @property
    def usage(self) -> Usage:
        """Tokens of all attempts."""
        return sum((attempt.usage for attempt in self.attempts), Usage())


@dataclass(frozen=True, slots=True)
class TypedReply(Generic[T]):
    """A value, and the reply that it came from."""

    value: T
    reply: ChatReply
    attempts: tuple[Attempt, ...] = ()
    """The replies before it that broke the contract."""
    cut: bool = False
    """The reply ended for lack of tokens; the value is what had come, its last text cut."""

    @property
    def usage(self) -> Usage:
        """Tokens of this reply and of the attempts before it."""
        return sum((attempt.usage for attempt in self.attempts), self.reply.usage)


@dataclass(frozen=True, slots=True)
class Contract(Generic[T]):
    """What a reply must be, for a decoder and for a reader."""

    name: str
    constraint: Constraint
    read: Callable[[str], T]
    """Text to value; raises ``ValidationFailed``."""
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    accepts_cut: bool = False
    """Whether a reply that was cut inside its last text is taken as far as it came."""


Steps = Generator[ChatRequest, ChatReply, R]
"""A call as the requests it makes: each is yielded, its reply is sent back, the result returned.

The same steps serve threads (:func:`drive`) and event loops (:func:`adrive`).
"""


def drive(model: ChatModel, steps: Steps[R]) -> R:
    """Run steps against a model, in this thread."""
    try:
        request = next(steps)
        while True:
            request = steps.send(model.generate(request))
    except StopIteration as stop:
        result: R = stop.value
        return result


async def adrive(model: ChatModel, steps: Steps[R]) -> R:
    """Run steps against a model, in this event loop."""
    try:
        request = next(steps)
        while True:
            request = steps.send(await model.agenerate(request))
    except StopIteration as stop:
        result: R = stop.value
        return result


def typed_call(
    messages: Sequence[Message],
    contract: Contract[T],
    params: GenerationParams,
    *,
    request_id: str | None = None,
) -> Steps[TypedReply[T]]:
    """Ask until the reply meets the contract, at most ``contract.max_attempts`` times.

    Raises:
        OutputInvalid: No attempt met the contract.
    """
    asked = tuple(messages)
    attempts: list[Attempt] = []
    request = ChatRequest(asked, params=params, constraint=contract.constraint)
    if request_id:
        request = replace(request, request_id=request_id)
    while True:
        reply = yield request
        try:
            return TypedReply(contract.read(reply.text), reply, tuple(attempts))
        except ValidationFailed as error:
            failure = error  # `error` ends with this block
            attempts.append(Attempt(reply.text, failure, reply.usage))
        _check_worth_asking_again(contract, reply, attempts)
        if reply.finish_reason == "length":
            if contract.accepts_cut and (value := _read_cut(contract, reply.text)) is not None:
                return TypedReply(value[0], reply, tuple(attempts[:-1]), cut=True)
            _check_looping(contract, reply, attempts)
            penalty = max(request.params.repetition_penalty, _LOOP_BREAKING_PENALTY)
            request = replace(request, params=request.params.but(repetition_penalty=penalty))
            continue
        # Earlier corrections are not repeated: only the last reply is to be mended.
        again = (Message("assistant", reply.text), Message("user", correction(failure)))
        request = replace(request, messages=asked + again, params=_varied(request.params))


def _check_worth_asking_again(
    contract: Contract[T], reply: ChatReply, attempts: list[Attempt]
) -> None:
    if reply.finish_reason == "abort":
        raise OutputInvalid(contract.name, attempts, hint="the request was aborted")
    if len(attempts) >= contract.max_attempts and reply.finish_reason != "length":
        raise OutputInvalid(contract.name, attempts)


def _check_looping(contract: Contract[T], reply: ChatReply, attempts: list[Attempt]) -> None:
    """A reply that was cut is worth another try only where the model repeated itself."""
    looping = _LOOP.search(reply.text[-1000:]) is not None
    if looping and len(attempts) < contract.max_attempts:
        return
    raise OutputInvalid(
        contract.name,
        attempts,
        hint=f"the reply was cut after {reply.usage.output_tokens} tokens"
        + (": the model repeats itself" if looping else ": raise max_length, or ask for less"),
    )


def _read_cut(contract: Contract[T], text: str) -> tuple[T] | None:
    """The value of a text that was cut inside a string, if what is there meets the contract.

    A number that was cut is another number: such a text is not read.
    """
    if text[-1:].isdigit() or text[-1:] in ("", "-", ".", "e", "E", "+"):
        return None
    try:
        data = from_json(text, allow_partial="trailing-strings")
        return (contract.read(json.dumps(data, ensure_ascii=False)),)
    except (ValueError, ValidationFailed):
        return None


def _varied(params: GenerationParams) -> GenerationParams:
    """Another seed: under the same one a sampling model would repeat itself."""
    return params if params.seed is None else params.but(seed=params.seed + 1)
