"""The docstring's examples, run against a candidate.

They are the application's own code, trusted as the module that holds them is, and run on the
host; only the function itself is answered by the sandbox. So everything that a doctest may do
works: variables, imports, exceptions, values of the application's own classes.
"""

from __future__ import annotations

import ast
import doctest
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any

from byzer_agents.implementing.errors import Failure
from byzer_agents.implementing.explaining import explain
from byzer_agents.implementing.subject import Subject
from structured.errors import shorten

_CHECKER = doctest.OutputChecker()


def failed_examples(subject: Subject, source: str, function: Callable[..., Any]) -> list[Failure]:
    """The examples that a candidate does not meet.

    Args:
        subject: The function.
        source: The candidate, for showing the line that failed.
        function: What the examples call under the function's name.
    """
    printed: list[str] = []

    def show(*values: object, sep: str = " ", end: str = "\n", **_: Any) -> None:
        printed.append((sep or " ").join(map(str, values)) + end)

    written = inspect.unwrap(subject.function)
    names = {**written.__globals__, subject.name: function, "print": show}
    names |= {cls.__name__: cls for cls in subject.types}
    failures = []
    for example in subject.examples:
        printed.clear()
        got = _outcome(subject, source, example, names, printed)
        if got is not None:
            failures.append(Failure("examples", got))
    return failures


def _outcome(
    subject: Subject,
    source: str,
    example: doctest.Example,
    names: dict[str, Any],
    printed: list[str],
) -> str | None:
    """What is wrong with one example; ``None`` if nothing is."""
    text = example.source.strip().removeprefix("await ")
    options = sum(flag for flag, on in example.options.items() if on)
    if options & doctest.SKIP:
        return None
    try:
        _execute(text, names, printed)
    except Exception as error:  # noqa: BLE001 - an example may raise anything; compared
        raised = f"{type(error).__name__}: {error}".rstrip(": ") + "\n"
        if example.exc_msg is not None and _CHECKER.check_output(
            example.exc_msg, raised, options | doctest.ELLIPSIS
        ):
            return None
        wanted = _wanted(example)
        return f"{text} {explain(error, source, subject)}; expected {wanted}"
    got = "".join(printed)
    if example.exc_msg is None and _CHECKER.check_output(example.want, got, options):
        return None
    return f"{text} gave {shorten_text(got.strip() or 'nothing')}, expected {_wanted(example)}"


def _wanted(example: doctest.Example) -> str:
    if example.exc_msg is not None:
        return f"the exception {example.exc_msg.strip()}"
    return example.want.strip() or "no value"


def _execute(text: str, names: dict[str, Any], printed: list[str]) -> None:
    """Run an example; the value of an expression is shown as the interpreter would."""
    tree = ast.parse(text)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    _run(compile(tree, "<example>", "exec"), names)
    if isinstance(last, ast.Expr):
        value = _value(compile(ast.Expression(last.value), "<example>", "eval"), names)
        if value is not None:
            printed.append(f"{value!r}\n")


def _run(code: CodeType, names: dict[str, Any]) -> None:
    exec(code, names)  # noqa: S102 - the application's own docstring, not the model's source


def _value(code: CodeType, names: dict[str, Any]) -> Any:
    return eval(code, names)  # noqa: S307 - likewise


def shorten_text(text: str, limit: int = 200) -> str:
    """A text cut to a length that a prompt can bear."""
    return text if len(text) <= limit else shorten(text, limit)
