"""One typed call: a request under a contract, its reply as a value, mended when it breaks it.

=======================  ===========================  ============================  ==============
What goes wrong          What is done                 Its budget                    Kind of the
                                                                                    new attempt
=======================  ===========================  ============================  ==============
a reply breaks a rule    own workers: what is good    ``Contract.repairs``: 8 for   ``rollback``
that no grammar says     of it is kept, the rejected  each reply that was asked
                         value is forbidden there,    for whole
                         and the rest is generated
                         anew
the same, and no         asked again with the broken  ``Contract.max_attempts``:    ``reask``
rollback is left, or     rules, and only those        3 replies that are asked
the model is a provider                               for whole, first included
reply cut in a loop      in a list whose items must   as above                      ``rollback``
("1.1.1.1.1…")           differ: kept up to where it
                         repeats itself; else asked                                 ``reask``
                         again with a repetition
                         penalty
reply cut, no loop       taken as far as it came      no other attempt
                         where the contract accepts
                         that, else an error
timeouts, dead workers   nothing: the backend's       no other attempt
                         typed error is raised
=======================  ===========================  ============================  ==============

So a call takes at most ``max_attempts * (1 + repairs)`` replies. Each that broke the contract, with
what was wrong and the tokens it cost, is in ``TypedReply.attempts`` or, when none met it, in
``OutputInvalid.attempts``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pydantic_core import from_json

from byzer_agents.attempts import Attempt, AttemptKind, OutputInvalid, TypedReply
from byzer_agents.prompts import correction
from byzer_agents.repair import DEFAULT_REPAIRS, Repairs
from byzer_agents.steps import Steps, adrive, drive
from runtime import (
    ChatReply,
    ChatRequest,
    FeatureNotAvailable,
    GenerationParams,
    Message,
    Resumption,
)
from structured import Constraint, ConstraintError, ValidationFailed
from structured.prefix import repetition
from structured.scanner import scan_beginning

__all__ = [
    "DEFAULT_MAX_ATTEMPTS",
    "DEFAULT_REPAIRS",
    "Attempt",
    "AttemptKind",
    "Contract",
    "OutputInvalid",
    "Steps",
    "TypedReply",
    "adrive",
    "drive",
    "typed_call",
]

T = TypeVar("T")

DEFAULT_MAX_ATTEMPTS = 3
_LOOP = re.compile(r"(.{1,80}?)\1{5,}.{0,80}$", re.DOTALL)
_LOOP_BREAKING_PENALTY = 1.3


@dataclass(frozen=True, slots=True)
class Contract(Generic[T]):
    """What a reply must be, for a decoder and for a reader."""

    name: str
    constraint: Constraint
    read: Callable[[str], T]
    """Text to value; raises ``ValidationFailed``."""
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    """Replies that are asked for whole."""
    accepts_cut: bool = False
    """Whether a reply that was cut inside its last text is taken as far as it came."""
    distinct: bool = False
    """Whether there are lists in it whose items must differ."""
    repairs: int = 0
    """Rollbacks for each of these replies. Needs violations whose paths begin at the reply's
    root."""


def typed_call(
    request: ChatRequest,
    contract: Contract[T],
    *,
    prepared: Callable[[ChatRequest], ChatRequest],
    floor: Callable[[], int] = int,
) -> Steps[TypedReply[T]]:
    """Ask until the reply meets the contract, within the budgets of the contract.

    Args:
        request: What is asked first. All requests of the call have its id.
        contract: What the reply must be.
        prepared: A request as it is sent.
        floor: How many characters of the reply that came last are in use already, and must stand.

    Raises:
        OutputInvalid: No attempt met the contract.
    """
    call = _Call(contract, replace(request, constraint=contract.constraint), floor)
    while True:
        try:
            reply = yield prepared(call.request)
        except (FeatureNotAvailable, ConstraintError) as error:
            if not call.recovered(error):
                raise
            continue
        call.check_resumed(reply)
        try:
            return TypedReply(
                contract.read(reply.text), reply, tuple(call.attempts), kind=call.kind
            )
        except ValidationFailed as error:
            call.attempts.append(Attempt(reply.text, error, reply.usage, call.kind))
        if reply.finish_reason == "abort":
            raise OutputInvalid(contract.name, call.attempts, hint="the request was aborted")
        if reply.finish_reason != "length":
            call.mend()
            continue
        if contract.accepts_cut and (value := _read_cut(contract, reply.text)) is not None:
            earlier = tuple(call.attempts[:-1])
            return TypedReply(value[0], reply, earlier, cut=True, kind=call.kind)
        call.break_loop(reply)


class _Call(Generic[T]):
    """Where a typed call stands: what was tried, and what is asked next."""

    def __init__(
        self, contract: Contract[T], request: ChatRequest, floor: Callable[[], int]
    ) -> None:
        self.request = request
        self.kind: AttemptKind = "first"
        self.attempts: list[Attempt] = []
        self._contract = contract
        self._asked = request.messages
        self._floor = floor
        self._repairs = Repairs(contract.repairs)
        self._whole = 1  # replies that were asked for whole

    def mend(self) -> None:
        """After a reply that broke the contract: roll back, or else ask again.

        Raises:
            OutputInvalid: Both budgets are spent.
        """
        last = self.attempts[-1]
        resumption = self._repairs.next(last.text, last.failure, self._floor())
        if resumption is not None:
            self.kind, self.request = "rollback", replace(self.request, resume=resumption)
            return
        self._count_whole()
        # Earlier corrections are not repeated: only the last reply is to be mended.
        again = (Message("assistant", last.text), Message("user", correction(last.failure)))
        params = _varied(self.request.params)
        self._ask(replace(self.request, messages=self._asked + again, params=params))

    def break_loop(self, reply: ChatReply) -> None:
        """After a reply that was cut: worth another try only where the model repeated itself.

        Raises:
            OutputInvalid: It did not, or the budget is spent.
        """
        looping = _LOOP.search(reply.text[-1000:]) is not None
        if not looping:
            raise self._cut(reply, ": raise max_length, or ask for less")
        if resumption := self._without_repetition(reply.text):
            self.kind, self.request = "rollback", replace(self.request, resume=resumption)
            return
        if self._whole >= self._contract.max_attempts:
            raise self._cut(reply, ": the model repeats itself")
        self._count_whole()
        penalty = max(self.request.params.repetition_penalty, _LOOP_BREAKING_PENALTY)
        params = self.request.params.but(repetition_penalty=penalty)
        self._ask(replace(self.request, params=params))

    def _without_repetition(self, text: str) -> Resumption | None:
        root = scan_beginning(text)
        found = repetition(root, lists=self._contract.distinct) if root is not None else None
        if found is None:
            return None
        failure = ValidationFailed(self._contract.name, [found], text)
        return self._repairs.next(text, failure, self._floor())

    def recovered(self, error: FeatureNotAvailable | ConstraintError) -> bool:
        """Whether there is another way than the one that the model refused."""
        resumption = self.request.resume
        if resumption is None:
            return False
        if isinstance(error, FeatureNotAvailable) or self.kind == "reask":
            self._repairs.give_up()
        else:
            self._repairs.refuse(resumption)
        if self.kind == "rollback":
            self.mend()
        else:
            self.request = replace(self.request, resume=None)
        return True

    def check_resumed(self, reply: ChatReply) -> None:
        """A model may not know what ``resume`` means: its reply is then one like any other."""
        resumption = self.request.resume
        if resumption is not None and not reply.text.startswith(resumption.text):
            self._repairs.give_up()

    def _ask(self, request: ChatRequest) -> None:
        """A whole reply; what is in use of the one before it begins it, where that can be."""
        pinned = None
        if self._repairs.budget and (kept := self.attempts[-1].text[: self._floor()]):
            pinned = Resumption(kept)
        self.kind, self.request = "reask", replace(request, resume=pinned)
        self._repairs.renew()

    def _count_whole(self) -> None:
        if self._whole >= self._contract.max_attempts:
            raise OutputInvalid(self._contract.name, self.attempts)
        self._whole += 1

    def _cut(self, reply: ChatReply, why: str) -> OutputInvalid:
        hint = f"the reply was cut after {reply.usage.output_tokens} tokens{why}"
        return OutputInvalid(self._contract.name, self.attempts, hint=hint)


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
