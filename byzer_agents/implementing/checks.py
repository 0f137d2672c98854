"""What a candidate must pass before it is kept, cheap checks first.

==============  =================================================================================
``language``    it compiles under the sandbox's policy, and defines the function
``names``       every name in it is defined somewhere
``examples``    the docstring's examples give what they say
``honest``      no text that an example is called with stands in it word for word
``inputs``      generated calls give values of the return type, within the limits
``repeatable``  and the same values again
``properties``  and what the caller's own properties say holds for them
==============  =================================================================================
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sandbox
from byzer_agents.implementing.errors import Failure
from byzer_agents.implementing.examples import failed_examples
from byzer_agents.implementing.explaining import explain
from byzer_agents.implementing.inputs import Bound, calls_for
from byzer_agents.implementing.names import undefined
from byzer_agents.implementing.running import run_source
from byzer_agents.implementing.subject import Subject
from sandbox import SandboxError, SandboxTimeout, SandboxUnavailable
from structured.errors import shorten

if TYPE_CHECKING:
    from byzer_agents.implementing.implementation import Terms

_ENOUGH = 2
"""Failures of one kind that a model is told of."""
_REPEATED = 8
_BRIEF_S = 2.0
_TELLING_LENGTH = 6


@dataclass(frozen=True)
class Report:
    """What the checks found."""

    passed: tuple[str, ...]
    """Checks that passed, in words."""
    failures: tuple[Failure, ...] = ()


def check(subject: Subject, source: str, function: Callable[..., Any], terms: Terms) -> Report:
    """Run every check on a candidate, until one kind fails.

    Args:
        subject: The function.
        source: The candidate.
        function: What the examples call: answered by the candidate.
        terms: What else must hold.

    Raises:
        SandboxUnavailable: Nothing can run here.
    """
    sandbox.status()  # its processes are started: no candidate is blamed for waiting on them
    passed: list[str] = []
    if failure := _language(subject, source):
        return Report((), (failure,))
    passed.append("compiles under the policy")
    known = {*subject.policy.tools, *(cls.__name__ for cls in subject.types)}
    if missing := undefined(source, known):
        told = f"The name {missing[0]} is not defined; import or define it."
        return Report(tuple(passed), (Failure("names", told),))
    passed.append("names resolve")

    seen: list[Bound] = []

    def observed(*args: Any, **kwargs: Any) -> Any:
        seen.append(subject.bind(args, kwargs))
        return function(*args, **kwargs)

    if subject.examples:
        if failures := failed_examples(subject, source, observed):
            return Report(tuple(passed), tuple(failures))
        if copied := _copied(source, seen):
            told = (
                f"{shorten(copied)} of an example stands in the code itself. Compute the result "
                "from the arguments, for any arguments."
            )
            return Report(tuple(passed), (Failure("honest", told),))
        count = len(subject.examples)
        passed.append("1 example" if count == 1 else f"{count} examples")
    made = calls_for(subject, seen, terms.samples)
    if failures := _inputs(subject, source, seen, made, terms):
        return Report(tuple(passed), tuple(failures))
    if made:
        passed.append(f"{len(made)} generated calls")
        if terms.deterministic:
            passed.append("repeatable")
    if terms.properties and (made or seen):
        passed.append(f"{len(terms.properties)} properties")
    return Report(tuple(passed))


def _language(subject: Subject, source: str) -> Failure | None:
    try:
        sandbox.run(
            f"{source}\nresult = None\n",
            "",
            returns=None,
            limits=subject.limits,
            policy=subject.sandbox_policy,
        )
    except SandboxUnavailable:
        raise
    except SandboxError as error:
        return Failure("language", f"The code {explain(error, source, subject)}")
    return None


def _copied(source: str, seen: list[Bound]) -> str | None:
    """An example's own text that stands in the code: it was recognised, not computed with."""
    for bound in seen:
        for value in bound.values():
            telling = isinstance(value, str) and len(value) >= _TELLING_LENGTH
            if telling and any(f"{quote}{value}{quote}" in source for quote in "'\""):
                return str(value)
    return None


def _inputs(
    subject: Subject, source: str, seen: list[Bound], made: list[Bound], terms: Terms
) -> list[Failure]:
    failures: list[Failure] = []
    run = _runner(subject, source)
    calls = [*(seen if terms.properties else []), *made]
    for i, bound in enumerate(calls):
        if len(failures) >= _ENOUGH:
            break
        try:
            value = run(bound)
        except SandboxUnavailable:
            raise
        except SandboxError as error:
            failures.append(
                Failure("inputs", f"{_shown(subject, bound)} {explain(error, source, subject)}")
            )
            continue
        except Exception:  # noqa: BLE001, S112 - what the docstring declares is no failure
            continue
        if terms.deterministic and i < _REPEATED:
            again = _again(subject, source, bound, seed=i + 1)
            if repr(again) != repr(value) and again != value:
                told = f"{_shown(subject, bound)} gave {shorten(value)}, then {shorten(again)}"
                failures.append(Failure("repeatable", told))
                continue
        for one in terms.properties:
            if broken := _broken(one, bound, value):
                failures.append(Failure("properties", f"{_shown(subject, bound)} {broken}"))
    return failures


def _runner(subject: Subject, source: str) -> Callable[[Bound], Any]:
    """Runs of a few seconds; one that takes longer gets all of its time, on a busy machine, once.

    Once only: a candidate that never ends shall not cost that much for every call.
    """
    limits = subject.limits
    brief = replace(subject, limits=replace(limits, timeout_s=min(limits.timeout_s, _BRIEF_S)))
    patience = 1

    def run(bound: Bound) -> Any:
        nonlocal patience
        try:
            return run_source(brief, source, bound)
        except SandboxTimeout:
            if not patience:
                raise
            patience -= 1
        return run_source(subject, source, bound)

    return run


def _again(subject: Subject, source: str, bound: Bound, *, seed: int) -> Any:
    """The outcome with other random numbers."""
    try:
        return run_source(subject, source, bound, seed=seed)
    except Exception as error:  # noqa: BLE001 - another outcome, compared
        return error


def _broken(one: Callable[..., Any], bound: Bound, value: Any) -> str | None:
    """What is wrong with a call by the caller's own property; ``None`` if nothing is."""
    values = {**bound, "result": value}
    wanted = inspect.signature(one).parameters
    about = (inspect.getdoc(one) or "").partition("\n")[0]
    name = "" if one.__name__ == "<lambda>" else one.__name__
    rule = about or name or "a rule for its result"
    try:
        held = one(**{key: values[key] for key in wanted})
    except Exception as error:  # noqa: BLE001 - the property's own way of saying no
        why = f": {error}" if str(error) else ""
        return f"gave {shorten(value)}, which breaks this rule: {rule}{why}"
    return f"gave {shorten(value)}, which breaks this rule: {rule}" if held is False else None


def _shown(subject: Subject, bound: Bound) -> str:
    return f"{subject.name}({', '.join(shorten(value) for value in bound.values())})"
