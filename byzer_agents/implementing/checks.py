"""What a candidate must pass before it is kept: cheap checks first, each round all of one kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sandbox
from byzer_agents.implementing.errors import Failure
from byzer_agents.implementing.examples import failed_examples
from byzer_agents.implementing.explaining import explain
from byzer_agents.implementing.subject import Subject
from sandbox import SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    from byzer_agents.implementing.implementation import Terms


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
    passed: list[str] = []
    if failure := _language(subject, source):
        return Report((), (failure,))
    passed.append("compiles under the policy")
    if subject.examples:
        if failures := failed_examples(subject, source, function):
            return Report(tuple(passed), tuple(failures))
        count = len(subject.examples)
        passed.append("1 example" if count == 1 else f"{count} examples")
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
        return Failure("language", f"The code {explain(error, source)}")
    return None
