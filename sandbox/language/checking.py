"""What the policy says of names, and how it says no: the base of the transformer."""

# ruff: noqa: N802 - the names of the methods are those of the nodes

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from RestrictedPython.transformer import RestrictingNodeTransformer

from sandbox.language import nodes
from sandbox.language.names import (
    CLASS_VARIABLES,
    DEFINABLE,
    MODULE_VARIABLES,
    NEVER_DEFINED,
    NO_BUILTIN,
    VALUE_METHODS,
    is_special,
)
from sandbox.language.refusal import Problem

ASYNC = "nothing runs asynchronously here: write an ordinary function, loop or with statement"

_REFUSED: dict[str, tuple[str, str]] = {
    "AsyncFunctionDef": ("async def", ASYNC),
    "Await": ("await", ASYNC),
    "AsyncFor": ("async for", ASYNC),
    "AsyncWith": ("async with", ASYNC),
    "TryStar": ("except*", "write except with the exceptions' classes"),
    "TemplateStr": ("template string", "write an f-string"),
    "Interpolation": ("template string", "write an f-string"),
}


class Checking(RestrictingNodeTransformer):
    """RestrictedPython's transformer, with names checked here and problems kept as data.

    Attributes:
        problems: What is refused.
    """

    def __init__(self, modules: dict[str, str | None], bound: frozenset[str]) -> None:
        """Prepare.

        Args:
            modules: For each module that the source imports, why it is refused, or ``None``.
            bound: Every name that the source binds somewhere.
        """
        super().__init__()
        self.problems: list[Problem] = []
        self._modules = modules
        self._bound = bound
        self._scopes: list[ast.AST] = []
        self._class_names: list[str] = []
        self._tries = 0
        self._comprehensions = 0
        self._temporaries = 0

    def error(self, node: ast.AST, info: str) -> None:
        """Record a refusal of RestrictedPython's own."""
        self.refuse(node, type(node).__name__, info.rstrip("."), "write it another way")

    def refuse(self, node: ast.AST, construct: str, message: str, hint: str) -> None:
        """Record a problem."""
        line = getattr(node, "lineno", None)
        column = getattr(node, "col_offset", None)
        column = None if column is None else column + 1
        self.problems.append(Problem(line, column, construct, message, hint))

    def not_allowed(self, node: ast.AST) -> None:
        """Refuse a kind of node."""
        name = type(node).__name__
        words, hint = _REFUSED.get(name, (name, "write it another way"))
        self.refuse(node, words, f"`{words}` is not available", hint)

    def temporary(self) -> str:
        """A new name for a value in between."""
        self._temporaries += 1
        return f"__@{self._temporaries}__"  # to enum and dataclass it looks like a special name

    def check_name(self, node: Any, name: str | None, allow_magic_methods: bool = False) -> None:
        """Refuse to bind a special name."""
        if name is None or not is_special(name) or "@" in name:
            return
        in_class = bool(self._scopes) and isinstance(self._scopes[-1], ast.ClassDef)
        allowed = (DEFINABLE | CLASS_VARIABLES) if in_class else MODULE_VARIABLES
        if name not in allowed:
            hint = NEVER_DEFINED.get(name, "use a name without the double underscores")
            self.refuse(node, name, f"`{name}` cannot be defined", hint)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Names are free, but for special ones and built-ins that do not exist here."""
        name = node.id
        if "@" in name:
            return node
        if not isinstance(node.ctx, ast.Load):
            self.check_name(node, name)
        elif name == "__name__":
            return nodes.at(ast.Constant("__solution__"), node)
        elif name in NO_BUILTIN and name not in self._bound:
            self.refuse(node, name, f"`{name}` is not available", NO_BUILTIN[name])
        elif name == "super":
            self.refuse(
                node, "super", "`super` can only be called", "write super().method(...) directly"
            )
        elif is_special(name) and not self._is_own(name):
            self.refuse(node, name, f"the name `{name}` is not available", "leave it out")
        return node

    def _is_own(self, name: str) -> bool:
        return name in self._bound and name in DEFINABLE | CLASS_VARIABLES | MODULE_VARIABLES

    def visit_Global(self, node: ast.Global) -> ast.AST:
        """Allow, unless a name is special."""
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        """Allow, unless a name is special."""
        for name in node.names:
            self.check_name(node, name)
        return node

    @contextmanager
    def _scope(self, node: ast.AST) -> Iterator[None]:
        tries, self._tries = self._tries, 0
        self._scopes.append(node)
        yield
        self._scopes.pop()
        self._tries = tries

    def _body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        visited: list[ast.stmt] = []
        for statement in body:
            result = self.visit(statement)
            visited.extend(result if isinstance(result, list) else [result])
        return visited


def instead(name: str) -> str:
    """What to write instead of special attribute ``name``."""
    if name in NEVER_DEFINED:
        return NEVER_DEFINED[name]
    if name in VALUE_METHODS:
        return "use the operator or the built-in function"
    return {
        "__subclasses__": "keep the classes in a list of your own (__init_subclass__ can fill it)",
        "__mro__": "use isinstance or issubclass",
        "__bases__": "use isinstance or issubclass",
        "__base__": "use isinstance or issubclass",
        "__globals__": "pass the values as arguments",
        "__annotations__": "use dataclasses.fields",
        "__dataclass_fields__": "use dataclasses.fields",
    }.get(name, "write it another way")
