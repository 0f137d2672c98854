"""What is to be implemented: a function's signature, docstring and types, read once."""

from __future__ import annotations

import doctest
import hashlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from byzer_agents.implementing.types import class_text, value_classes
from sandbox import Limits, Policy
from structured import OutputSchema, ToolDefinitionError, ToolSchema, output_schema
from structured.output import type_name
from structured.scopes import Scope, UnresolvedAnnotation

_Kind = inspect.Parameter
_FORMAT = 1
"""Of the key: a change of what a kept source must be makes all of them stale."""
_RAISES = re.compile(r"^\s*(?::raises?\s+(\w+)|(\w*(?:Error|Exception|Iteration)))\s*:", re.M)
_SPREAD = "run_with"
_STARS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}


@dataclass(frozen=True)
class Subject:
    """A function as the model, the checks and the sandbox see it.

    Args:
        function: The function, as it was written.
        response_class: What it gives instead of what its annotation says.
        policy: Modules and tools that the implementation may use.
        limits: Of one run.
        instruction: Said to the model besides the docstring.
        owner: The class that it is a method of.
        hints: Annotations that were resolved early, by parameter (``return`` for the result).
    """

    function: Callable[..., Any]
    response_class: Any = None
    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    instruction: str = ""
    owner: type | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its own name."""
        return self.function.__name__

    @property
    def place(self) -> str:
        """Module and qualified name: ``app.dates:Calendar.range_of``."""
        return f"{_module_name(self.function.__module__)}:{self.function.__qualname__}"

    @property
    def doc(self) -> str:
        """Its docstring, without indentation."""
        return inspect.getdoc(self.function) or ""

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function. (What the model writes never is.)"""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def examples(self) -> tuple[doctest.Example, ...]:
        """The docstring's doctests.

        Raises:
            ToolDefinitionError: They cannot be read.
        """
        try:
            return tuple(doctest.DocTestParser().get_examples(self.doc))
        except ValueError as error:
            raise ToolDefinitionError(
                f"the examples of {self.name} cannot be read: {error}", tool=self.name
            ) from None

    @cached_property
    def raises(self) -> frozenset[str]:
        """Names of the exceptions that the docstring declares, in its text or its examples."""
        named = {one or two for one, two in _RAISES.findall(self.doc)}
        shown = {(e.exc_msg or "").partition(":")[0].strip() for e in self.examples}
        return frozenset(named | shown) - {"", "Example", "Examples"}

    @cached_property
    def takes_self(self) -> bool:
        """Whether it is a method, whose first parameter is its object."""
        return self.owner is not None and bool(self._written)

    @cached_property
    def passes_self(self) -> bool:
        """Whether the object goes into the sandbox: its class must be one of values."""
        return self.takes_self and bool(value_classes([self.owner]))

    @cached_property
    def _written(self) -> tuple[inspect.Parameter, ...]:
        return tuple(inspect.signature(self.function).parameters.values())

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """What the implementation is given, with resolved annotations."""
        scope = Scope(self.function, self.owner)
        written = list(self._written)
        if self.takes_self:
            first, *written = written
            if self.passes_self:
                written.insert(0, first.replace(annotation=self.owner))
        return tuple(
            p.replace(annotation=self._resolved(scope, p.name, p.annotation)) for p in written
        )

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.Signature(self.parameters)

    @cached_property
    def returned(self) -> Any:
        """The type of its value (``Any`` for a JSON Schema): what comes out of the sandbox."""
        wanted = self.response_class
        if wanted is None:
            annotation = inspect.signature(self.function).return_annotation
            wanted = self._resolved(Scope(self.function, self.owner), "return", annotation)
        return Any if isinstance(wanted, (str, dict)) else wanted

    def _resolved(self, scope: Scope, name: str, annotation: Any) -> Any:
        if annotation is inspect.Parameter.empty:
            return Any
        if name in self.hints:
            return self.hints[name]
        try:
            return scope.resolve(annotation)
        except UnresolvedAnnotation as error:
            raise ToolDefinitionError(
                f"{self.name}: the annotation of {name} cannot be read: {error}",
                tool=self.name,
                parameter=name,
                hint=error.hint,
            ) from None

    @cached_property
    def result(self) -> OutputSchema[Any]:
        """The contract of its value."""
        wanted = self.response_class
        return output_schema(wanted if isinstance(wanted, (str, dict)) else self.returned)

    @cached_property
    def arguments(self) -> ToolSchema[Any] | None:
        """The contract of its arguments; ``None`` where a parameter has no type that says it."""
        try:
            return ToolSchema.of(self.function, skip_first=self.takes_self)
        except ToolDefinitionError:
            return None

    @cached_property
    def types(self) -> tuple[type, ...]:
        """The classes of values that it deals with, besides those that the policy names."""
        annotations = [p.annotation for p in self.parameters]
        return value_classes([*annotations, self.returned, *self.policy.types])

    @cached_property
    def sandbox_policy(self) -> Policy:
        """The policy with the types that the annotations name."""
        policy = self.policy
        return Policy(policy.modules, policy.tools, self.types, policy.max_tool_calls)

    @cached_property
    def head(self) -> str:
        """The line that the implementation begins with, ``def …:``."""
        parts: list[str] = []
        previous: Any = None
        for p in self.parameters:
            if previous is _Kind.POSITIONAL_ONLY and p.kind is not previous:
                parts.append("/")
            bare_star = previous not in (_Kind.KEYWORD_ONLY, _Kind.VAR_POSITIONAL)
            if p.kind is _Kind.KEYWORD_ONLY and bare_star:
                parts.append("*")
            text = f"{_STARS.get(p.kind.name, '')}{p.name}"
            if p.annotation is not Any:
                text += f": {type_name(p.annotation)}"
            if p.default is not _Kind.empty:
                text += f" = {_default(p.default)}"
            parts.append(text)
            previous = p.kind
        if previous is _Kind.POSITIONAL_ONLY:
            parts.append("/")
        returned = "" if self.returned is Any else f" -> {type_name(self.returned)}"
        return f"def {self.name}({', '.join(parts)}){returned}:"

    @cached_property
    def types_text(self) -> str:
        """The classes, as a model reads them."""
        return "\n\n".join(class_text(cls) for cls in self.types)

    @cached_property
    def tools_text(self) -> str:
        """The tools, as a model reads them."""
        lines = []
        for name, tool in self.policy.tools.items():
            about = (inspect.getdoc(tool) or "").partition("\n")[0]
            comment = f"  # {about}" if about else ""
            lines.append(f"def {name}{inspect.signature(tool)}: ...{comment}")
        return "\n".join(lines)

    @cached_property
    def key(self) -> str:
        """Hash of all that an implementation depends on: signature, docstring, types, policy."""
        modules = self.policy.modules
        said = {
            "format": _FORMAT,
            "head": self.head,
            "doc": self.doc,
            "instruction": self.instruction,
            "types": self.types_text,
            "result": self.result.json_schema,
            "tools": self.tools_text,
            "modules": None if modules is None else sorted(modules),
        }
        text = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of one call by name, defaults filled in.

        Args:
            args: Without the object of a method that does not pass it.
            kwargs: By name.

        Raises:
            TypeError: They do not fit the signature.
        """
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def job(self, source: str, bound: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
        """Code, entry and arguments for the sandbox."""
        simple = (_Kind.POSITIONAL_OR_KEYWORD, _Kind.KEYWORD_ONLY)
        if all(p.kind in simple for p in self.parameters):
            return source, self.name, dict(bound)
        given: list[Any] = []
        named: dict[str, Any] = {}
        for p in self.parameters:
            value = bound[p.name]
            if p.kind is _Kind.VAR_POSITIONAL:
                given += value
            elif p.kind is _Kind.VAR_KEYWORD:
                named |= value
            elif p.kind is _Kind.KEYWORD_ONLY:
                named[p.name] = value
            else:
                given.append(value)
        driver = f"\n\ndef {_SPREAD}(given, named):\n    return {self.name}(*given, **named)\n"
        return source + driver, _SPREAD, {"given": given, "named": named}


def _module_name(name: str) -> str:
    """A module's name; of a script that is being run, the one under which it can be imported."""
    if name != "__main__":
        return name
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return str(spec.name) if spec is not None else Path(file).stem if file else name


def early_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations that can be resolved while the function is being made.

    Those that name something local can be resolved only then; those that name the class around
    the function, or something further down, only later.
    """
    scope = Scope(function)
    signature = inspect.signature(function)
    written = {p.name: p.annotation for p in signature.parameters.values()}
    found = {}
    for name, annotation in (written | {"return": signature.return_annotation}).items():
        if annotation is not inspect.Parameter.empty:
            with suppress(UnresolvedAnnotation):
                found[name] = scope.resolve(annotation)
    return found


def _default(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    plain = (type(None), bool, int, float, str, list, tuple, dict)
    return repr(value) if type(value) in plain else "None"


def indented(text: str) -> str:
    """A text as the body of a function."""
    return textwrap.indent(text, "    ")
