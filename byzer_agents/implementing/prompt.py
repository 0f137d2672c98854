"""What a model is told: to write a function, and what was wrong with the one it wrote."""

from __future__ import annotations

from collections.abc import Sequence

from byzer_agents.implementing.errors import Failure
from byzer_agents.implementing.subject import Subject, indented
from runtime import Message

_SYSTEM = (
    "You write Python functions: correct for every input, not only for the examples. "
    "Plain Python 3.11; no files, no network, no input()."
)
_MOST_FAILURES = 3


def messages_for(subject: Subject) -> tuple[Message, Message]:
    """What is asked first."""
    parts = []
    if subject.types_text:
        parts.append(
            f"# These exist already: neither define nor import them.\n{subject.types_text}"
        )
    if subject.tools_text:
        parts.append(f"# You may call these; they exist already.\n{subject.tools_text}")
    body = f'"""{subject.doc}\n"""' if "\n" in subject.doc else f'"""{subject.doc}"""'
    parts.append(f"{subject.head}\n{indented(body) if subject.doc else '    ...'}")
    told = "\n\n\n".join(filter(None, parts))
    asks = [f"```python\n{told}\n```"]
    if subject.instruction:
        asks.append(subject.instruction)
    allowed = subject.policy.modules
    if allowed is not None:
        names = ", ".join(sorted(allowed)) or "no modules"
        asks.append(f"You may import only {names}.")
    last = "as simple as can be. Import only what it uses."
    asks.append(f"Write the function {subject.name}, {last}")
    return (Message("system", _SYSTEM), Message("user", "\n".join(asks)))


def correction(source: str, failures: Sequence[Failure]) -> tuple[Message, Message]:
    """What is said after a reply that failed: the reply, and what happened."""
    told = f"That is wrong:\n{_listed(failures)}\nWrite the whole function again, corrected."
    return Message("assistant", f"```python\n{source.strip()}\n```"), Message("user", told)


def warned(messages: Sequence[Message], failures: Sequence[Failure]) -> tuple[Message, ...]:
    """What is asked first, with what went wrong in an earlier try."""
    *before, last = messages
    told = f"{last.content}\nAn earlier try was wrong, take another way:\n{_listed(failures)}"
    return (*before, Message(last.role, told))


def _listed(failures: Sequence[Failure]) -> str:
    return "\n".join(f"- {failure.message}" for failure in failures[:_MOST_FAILURES])
