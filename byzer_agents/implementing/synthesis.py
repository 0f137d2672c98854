"""Ask a model for a function until one passes the checks, each time told what was wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from byzer_agents.implementing import prompt
from byzer_agents.implementing.allowed import allowed_modules
from byzer_agents.implementing.checks import Report
from byzer_agents.implementing.constraint import constraint_of, source_of
from byzer_agents.implementing.errors import Failure, ImplAttempt, ImplementationFailed
from byzer_agents.implementing.names import undefined, with_imports
from byzer_agents.implementing.subject import Subject
from byzer_agents.plan import Plan
from byzer_agents.steps import Steps
from runtime import ChatReply, FeatureNotAvailable, GenerationParams, Message, Usage
from structured import ConstraintError

DEFAULT_ATTEMPTS = 4
_WARMTH = (0.0, 0.3, 0.6, 0.9)
"""Temperature of each attempt: a model that repeats itself must be shaken."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A source that passed the checks."""

    source: str
    model: str
    passed: tuple[str, ...]
    attempts: tuple[ImplAttempt, ...] = ()
    """Those before it."""
    usage: Usage = field(default_factory=Usage)


def synthesis_steps(
    subject: Subject,
    plan: Plan,
    messages: tuple[Message, ...],
    check: Callable[[str], Report],
    *,
    max_attempts: int = DEFAULT_ATTEMPTS,
) -> Steps[Accepted]:
    """The requests that lead to a function.

    The first is greedy (unless the caller's settings say otherwise); each later one tells the
    model its last function and what failed, and is a little warmer.

    Args:
        subject: What is to be written.
        plan: The model, and how it is asked.
        messages: What is asked first.
        check: The checks.
        max_attempts: Replies at most.

    Raises:
        ImplementationFailed: None passed.
    """
    constrained = True
    attempts: list[ImplAttempt] = []
    asked = messages
    while len(attempts) < max_attempts:
        request = plan.draft(asked)
        request = replace(request, params=_warmed(plan, len(attempts)))
        if constrained:
            request = replace(request, constraint=constraint_of(subject))
        try:
            reply = yield plan.prepared(request)
        except (ConstraintError, FeatureNotAvailable):
            if not constrained:
                raise
            constrained = False  # the reply is held to the signature when it is read
            continue
        source = _completed(subject, source_of(subject, reply.text))
        if isinstance(source, Failure):
            report, text = Report((), (source,)), reply.text
        else:
            report, text = check(source), source
            if not report.failures:
                usage = sum((attempt.usage for attempt in attempts), reply.usage)
                return Accepted(source, reply.model, report.passed, tuple(attempts), usage)
        failures = _cut(reply) or report.failures
        repeats = any(attempt.source == text for attempt in attempts)
        attempts.append(ImplAttempt(text, failures, reply.usage))
        if repeats:  # what it wrote before holds it there: ask as if anew
            asked = prompt.warned(messages, failures)
        else:
            asked = (*messages, *prompt.correction(text, failures))
    raise ImplementationFailed(subject.place, attempts)


def _cut(reply: ChatReply) -> tuple[Failure, ...]:
    if reply.finish_reason != "length":
        return ()
    return (Failure("reply", "It is too long: it was cut off. Write a shorter function."),)


def _completed(subject: Subject, source: str | Failure) -> str | Failure:
    """The source with imports that it forgot, where there is no doubt which."""
    if isinstance(source, Failure):
        return source
    known = {*subject.policy.tools, *(cls.__name__ for cls in subject.types)}
    missing = undefined(source, known)
    return with_imports(source, missing, allowed_modules(subject.policy)) if missing else source


def _warmed(plan: Plan, attempt: int) -> GenerationParams:
    warmth = _WARMTH[min(attempt, len(_WARMTH) - 1)]
    params = plan.params
    if warmth <= params.temperature:
        return params
    return params.but(temperature=warmth, seed=attempt if params.seed is None else params.seed)
