"""From source to a running program: parse, check, compile, and the world that it runs in."""

from __future__ import annotations

import abc
import ast
import importlib
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.language import builtin, fields
from sandbox.language.access import Access
from sandbox.language.classes import Classes
from sandbox.language.kinds import Package, Super
from sandbox.language.matching import Matching
from sandbox.language.names import is_special
from sandbox.language.refusal import DeniedImport, DeniedUse, NotAllowed, Problem
from sandbox.language.safe import ABC
from sandbox.language.text import Prints, in_text, percent, percent_in_place
from sandbox.language.transformer import Transformer
from sandbox.modules import AVAILABLE, Guards, Loader, Module, why_not

FILENAME = "<solution>"
MODULE_NAME = "__solution__"
_MOST_NESTED = 180

OWN_MODULES: Mapping[str, Module] = types.MappingProxyType(
    {
        "abc": Module(
            "abc",
            {
                "ABC": ABC,
                "ABCMeta": ABC,
                "abstractmethod": abc.abstractmethod,
                "abstractproperty": abc.abstractproperty,
            },
        )
    }
)
"""Modules that are part of the language: what they do is done by the class statement."""


def check(source: str, modules: Iterable[str]) -> ast.Module:
    """Parse ``source`` and rewrite it for the guards.

    Args:
        source: Python.
        modules: Names of the modules that it may import.

    Raises:
        SyntaxError: It is not Python.
        NotAllowed: It uses what the policy does not allow.
        RecursionError, MemoryError: It is nested too deeply for the interpreter.
    """
    try:
        tree = ast.parse(source, FILENAME)
    except ValueError as error:  # null characters
        raise SyntaxError(str(error)) from None
    _check_depth(tree)
    transformer = Transformer(_refused_modules(tree, frozenset(modules)), _bound_names(tree))
    transformer.visit(tree)
    if transformer.problems:
        raise NotAllowed(list(dict.fromkeys(transformer.problems)))
    return ast.fix_missing_locations(tree)


def compiled(source: str, modules: Iterable[str]) -> types.CodeType:
    """Byte code of ``source``; raises as :func:`check` does."""
    code: types.CodeType = compile(check(source, modules), FILENAME, "exec", 0, True, 0)
    return code


def _check_depth(tree: ast.AST) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(_MOST_NESTED):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    line = getattr(level[0], "lineno", None)
    message = f"expressions or blocks stand more than {_MOST_NESTED} deep"
    raise NotAllowed([Problem(line, None, "nesting", message, "use variables and functions")])


def _bound_names(tree: ast.AST) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
    return frozenset(names)


def _refused_modules(tree: ast.AST, allowed: frozenset[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for node in ast.walk(tree):
        wanted: list[str] = []
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            wanted = [node.module]
        for name in wanted:
            found[name] = None if is_allowed(name, allowed) else why_refused(name)
    return found


def is_allowed(name: str, allowed: frozenset[str]) -> bool:
    """Whether module ``name`` may be imported: it, its package, or a module in it is allowed."""
    if name in OWN_MODULES:
        return True
    if name not in AVAILABLE:
        return False
    near = name in allowed or name.partition(".")[0] in allowed
    return near or any(other.startswith(name + ".") for other in allowed)


def why_refused(name: str) -> str:
    """What to do without module ``name``."""
    return why_not(name).partition(": ")[2] or "use the modules that are offered"


@dataclass(frozen=True, slots=True)
class Program:
    """Source that has been checked and compiled, and the names that it runs in.

    Attributes:
        space: Its global names.
        access: Its guards on attributes.
        prints: What it printed.
    """

    code: types.CodeType
    space: dict[str, Any]
    access: Access
    prints: Prints

    def run(self) -> None:
        """Run the module's body; whatever it raises comes out."""
        exec(self.code, self.space)  # noqa: S102 - what this package is for


def program(
    source: str,
    *,
    modules: Iterable[str],
    seed: int,
    prints: Prints,
    names: Mapping[str, Any] | None = None,
) -> Program:
    """Compile ``source`` and make its world.

    Args:
        source: Python.
        modules: Names of the modules that it may import.
        seed: Of its ``random``.
        prints: Takes what it prints.
        names: Further built-in names: records and tools.

    Raises:
        SyntaxError, NotAllowed, RecursionError, MemoryError: As :func:`check` says.
    """
    allowed = frozenset(modules)
    code = compiled(source, allowed)
    space: dict[str, Any] = {"__name__": MODULE_NAME}
    access = Access(space)
    classes = Classes(access)
    access.type_of = classes.type_of
    matching = Matching(access)
    builtins = builtin.table(access, prints)
    builtins.update(classes.stand_ins())
    builtins.update(fields.NAMES)
    builtins.update(_importing(access, allowed, seed))
    builtins.update(
        {
            "__build_class__": classes.build,
            "__import__": _import_for_the_interpreter,
            "@public": access.public_reader(),
            "@attribute": access.attribute,
            "@write": access.writable,
            "@write_special": access.writable_special,
            "@write_item": access.writable_item,
            "@super": lambda owner, value: Super(access.real(owner), value),
            "@mod": percent,
            "@imod": percent_in_place,
            "@in_text": in_text,
            "@slice": slice,
            "@match_sequence": matching.sequence,
            "@match_mapping": matching.mapping,
            "@match_class": matching.cls,
        }
    )
    builtins.update(names or {})
    builtins["eval"] = _evaluating(space)
    space["__builtins__"] = builtins
    return Program(code, space, access, prints)


def _evaluating(space: dict[str, Any]) -> Callable[..., Any]:
    def evaluate(source: str, names: Any = None, more: Any = None, /) -> Any:
        """``eval`` of one expression, under the same policy and in the module's names."""
        if not isinstance(source, str):
            raise DeniedUse("eval takes the text of an expression", "eval")
        tree = ast.parse(str.__str__(source).strip(), "<expression>", "eval")
        _check_depth(tree)
        transformer = Transformer({}, frozenset())
        transformer.visit(tree)
        if transformer.problems:
            first = transformer.problems[0]
            raise DeniedUse(f"in eval: {first.message}", first.construct, first.hint)
        code = compile(ast.fix_missing_locations(tree), "<expression>", "eval", 0, True, 0)
        # Names that no source can spell stay the guards'.
        inner: dict[str, Any] = {}
        for given in (names, more):
            if type(given) is dict:
                inner.update(
                    (key, value)
                    for key, value in given.items()
                    if type(key) is str and key.isidentifier() and not is_special(key)
                )
        return eval(code, space, inner)  # noqa: S307 - the guards' own names are out of its reach

    evaluate.__name__ = evaluate.__qualname__ = "eval"
    return evaluate


_FOR_THE_INTERPRETER = frozenset(
    {"_pylong", "_strptime", "_warnings", "collections", "datetime", "decimal", "encodings", "io"}
    | {"numbers", "re", "time", "unicodedata", "warnings", "zoneinfo"}
)


def _import_for_the_interpreter(name: str, *ignored: Any) -> Any:
    """What C code of the standard library calls (``strptime``); no source can name it."""
    if name in _FOR_THE_INTERPRETER:
        return importlib.import_module(name)
    raise DeniedImport(f"module {name!r} is not available", f"import {name}")


def _importing(access: Access, allowed: frozenset[str], seed: int) -> dict[str, Callable[..., Any]]:
    guards = Guards(getattr=access.attribute, is_own=access.is_own)
    loader = Loader(guards, seed=seed, allowed=allowed)

    def load(name: str) -> Module:
        module = OWN_MODULES.get(name) or loader.load(name)
        if module is None:
            raise DeniedImport(
                f"module {name!r} is not available", f"import {name}", why_refused(name)
            )
        return module

    def whole(name: str, renamed: bool) -> Any:
        module = load(name)
        top, _, rest = name.partition(".")
        if renamed or not rest:
            return module
        package = loader.load(top)
        return package if package is not None else Package({rest: module})

    def member(name: str, wanted: str) -> Any:
        module = load(name)
        try:
            return access.attribute(module, wanted)
        except AttributeError:
            if f"{name}.{wanted}" in AVAILABLE:
                return load(f"{name}.{wanted}")
            construct = f"from {name} import {wanted}"
            message = f"cannot import name {wanted!r} from {name!r}"
            raise DeniedImport(message, construct, why_not(name, wanted)) from None

    return {"@import": whole, "@import_from": member}
