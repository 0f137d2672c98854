"""The language policy on the syntax tree: what is refused, and which steps go through a guard.

RestrictedPython's transformer gives the frame (a node that it does not know is refused); what it
rejects of ordinary code is rewritten here instead. Guards stand under names that begin with ``@``,
which no source can spell, so code may use any name of its own without reaching one.
"""

# ruff: noqa: N802 - the names of the methods are those of the nodes

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from RestrictedPython import RestrictingNodeTransformer

from sandbox.language import fields, nodes, patterns
from sandbox.language.names import (
    CLASS_VARIABLES,
    DEFINABLE,
    MODULE_VARIABLES,
    NEVER_DEFINED,
    NO_BUILTIN,
    OWNED,
    READABLE,
    VALUE_METHODS,
    is_special,
    mangled,
)
from sandbox.language.refusal import Problem

_Node = TypeVar("_Node", bound=ast.AST)
_ASYNC = "nothing runs asynchronously here: write an ordinary function, loop or with statement"
_PLAIN_STORE = frozenset({"__name__", "__qualname__", "__doc__"})
_MOST_NESTED_COMPREHENSIONS = 8  # about 20 crash the compiler of some Python versions


class Transformer(RestrictingNodeTransformer):
    """Rewrites one module in place and collects its problems.

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

    # What is said.

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

    # Names.

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

    # Attributes and items.

    def _attribute_name(self, node: ast.Attribute) -> str:
        name = mangled(node.attr, self._class_names[-1] if self._class_names else None)
        if is_special(name):
            if isinstance(node.ctx, ast.Load):
                allowed = name in READABLE or name in DEFINABLE
            else:
                allowed = name in _PLAIN_STORE
            if not allowed:
                self.refuse(node, name, f"the attribute `{name}` is not available", _instead(name))
        return name

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """``a.b`` is read, written and deleted through guards."""
        name = self._attribute_name(node)
        node = self.node_contents_visit(node)
        if isinstance(node.ctx, ast.Load):
            return nodes.at(nodes.attribute(node.value, name), node)
        guard = "@write_special" if is_special(name) else "@write"
        node.value = nodes.at(nodes.call(guard, node.value), node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """``a[b]`` is written and deleted through a guard."""
        node = self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = nodes.at(nodes.call("@write_item", node.value), node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """``o.x += v`` and ``d[k] += v`` in steps; the object and key are computed once."""
        if isinstance(node.target, ast.Name):
            node = self.node_contents_visit(node)
            if isinstance(node.op, ast.Mod) and not isinstance(node.value, ast.Constant):
                name = ast.Name(node.target.id, ast.Load())
                value = nodes.call("@imod", name, node.value)
                return nodes.at(ast.Assign([node.target], value), node)
            return node
        target = node.target
        whole, value = self.temporary(), self.temporary()
        steps: list[ast.stmt] = [nodes.assign(whole, target.value)]
        if isinstance(target, ast.Attribute):
            load: ast.expr = ast.Attribute(nodes.load(whole), target.attr, ast.Load())
            store: ast.expr = ast.Attribute(nodes.load(whole), target.attr, ast.Store())
        else:
            key = self.temporary()
            steps.append(nodes.assign(key, _as_expression(target.slice)))
            load = ast.Subscript(nodes.load(whole), nodes.load(key), ast.Load())
            store = ast.Subscript(nodes.load(whole), nodes.load(key), ast.Store())
        steps.append(nodes.assign(value, load))
        steps.append(ast.AugAssign(ast.Name(value, ast.Store()), node.op, node.value))
        steps.append(ast.Assign([store], nodes.load(value)))
        visited: list[ast.AST] = []
        for step in steps:
            result = self.visit(nodes.at(step, node))
            visited.extend(result if isinstance(result, list) else [result])
        return visited

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Allow; the targets are guarded one by one."""
        return self.node_contents_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """An assignment; in classes the field stays, with an inert type."""
        in_class = bool(self._scopes) and isinstance(self._scopes[-1], ast.ClassDef)
        inert = fields.inert(node.annotation)
        node.annotation = nodes.at(ast.Constant(None), node)
        if in_class and isinstance(node.target, ast.Name):
            node = self.node_contents_visit(node)
            node.annotation = nodes.at(ast.Name(inert, ast.Load()), node)
            return node
        if node.value is not None:
            return self.visit(nodes.at(ast.Assign([node.target], node.value), node))
        if isinstance(node.target, ast.Name) and self._scopes:
            return self.node_contents_visit(node)
        return nodes.at(ast.Pass(), node)

    # Expressions.

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Allow; ``super()`` becomes a guarded one."""
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node)
        return self.node_contents_visit(node)

    def _super(self, node: ast.Call) -> ast.AST:
        if node.keywords or len(node.args) not in (0, 2):
            self.refuse(
                node, "super", "`super` takes no argument here", "write super().method(...)"
            )
            return node
        if node.args:
            owner_and_value = [self.visit(argument) for argument in node.args]
            return nodes.at(nodes.call("@super", *owner_and_value), node)
        function = next(
            (s for s in reversed(self._scopes) if not isinstance(s, ast.ClassDef)), None
        )
        first = _first_parameter(function)
        if first is None or not self._class_names:
            self.refuse(
                node, "super", "super() stands outside a method", "call it in a method of a class"
            )
            return node
        owner = ast.Name("__class__", ast.Load())
        return nodes.at(nodes.call("@super", owner, nodes.load(first)), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Allow; ``text % values`` goes through a guard (a number on the right is just a number)."""
        node = self.node_contents_visit(node)
        if (
            isinstance(node.op, ast.Mod)
            and not isinstance(node.right, ast.Constant)
            and not (
                isinstance(node.left, ast.Constant) and not isinstance(node.left.value, str | bytes)
            )
        ):
            return nodes.at(nodes.call("@mod", node.left, node.right), node)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        """Allow; the text of a value is made by a guard."""
        node = self.node_contents_visit(node)
        spec = node.format_spec or ast.Constant("")
        shown = nodes.call("@format", node.value, ast.Constant(node.conversion), spec)
        return nodes.at(ast.FormattedValue(nodes.at(shown, node), -1, None), node)

    def _comprehension(self, node: _Node) -> _Node:
        self._comprehensions += 1
        if self._comprehensions > _MOST_NESTED_COMPREHENSIONS:
            self.refuse(
                node,
                "nested comprehension",
                f"comprehensions stand more than {_MOST_NESTED_COMPREHENSIONS} deep",
                "write loops",
            )
        else:
            node = self.node_contents_visit(node)
        self._comprehensions -= 1
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        """Allow, up to a depth."""
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        """Allow, up to a depth."""
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        """Allow, up to a depth."""
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """Allow, up to a depth."""
        return self._comprehension(node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        """Allow, unless it is asynchronous."""
        if node.is_async:
            self.refuse(node.target, "async for", "`async for` is not available", _ASYNC)
        return self.node_contents_visit(node)

    # Statements.

    def visit_For(self, node: ast.For) -> ast.AST:
        """Allow."""
        return self.node_contents_visit(node)

    def visit_With(self, node: ast.With) -> ast.AST:
        """Allow."""
        return self.node_contents_visit(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Allow; an import inside may fail when it runs."""
        self._tries += bool(node.handlers)
        node = self.node_contents_visit(node)
        self._tries -= bool(node.handlers)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        """Becomes an if statement, whose reads of attributes are guarded."""
        for part in ast.walk(node):
            for name in patterns.names_in(part):
                self.check_name(node, name)
            for name in patterns.attributes_in(part):
                if is_special(name):
                    self.refuse(
                        part, name, f"the attribute `{name}` is not available", _instead(name)
                    )
        return self._visit_all(patterns.desugar(node, self.temporary), node)

    def _visit_all(self, statements: list[ast.stmt], node: ast.AST) -> Any:
        visited: list[ast.AST] = []
        for statement in statements:
            result = self.visit(nodes.at(statement, node))
            visited.extend(result if isinstance(result, list) else [result])
        return visited

    def visit_Import(self, node: ast.Import) -> Any:
        """Assignments of façades."""
        steps: list[ast.stmt] = []
        for alias in node.names:
            self._check_module(node, alias.name)
            name = alias.asname or alias.name.partition(".")[0]
            self.check_name(node, name)
            whole = ast.Constant(bool(alias.asname))
            value = nodes.call("@import", ast.Constant(alias.name), whole)
            steps.append(nodes.at(nodes.assign(name, value), node))
        return steps

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        """Assignments of names out of façades."""
        if node.level or node.module is None:
            self.refuse(
                node, "relative import", "there is no package to import from",
                "import a module by its full name",
            )  # fmt: skip
            return node
        if node.module == "__future__":
            return nodes.at(ast.Pass(), node)
        self._check_module(node, node.module)
        steps: list[ast.stmt] = []
        for alias in node.names:
            if alias.name == "*":
                self.refuse(
                    node, "import *", "`import *` is not available",
                    f"name what you need: from {node.module} import name",
                )  # fmt: skip
                continue
            name = alias.asname or alias.name
            self.check_name(node, name)
            value = nodes.call("@import_from", ast.Constant(node.module), ast.Constant(alias.name))
            steps.append(nodes.at(nodes.assign(name, value), node))
        return steps

    def _check_module(self, node: ast.AST, name: str) -> None:
        reason = self._modules.get(name)
        if reason is not None and not self._tries:
            self.refuse(node, f"import {name}", f"module `{name}` is not available", reason)

    # Functions and classes.

    @contextmanager
    def _scope(self, node: ast.AST) -> Iterator[None]:
        tries, self._tries = self._tries, 0
        self._scopes.append(node)
        yield
        self._scopes.pop()
        self._tries = tries

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Allow, without annotations."""
        self.check_name(node, node.name)
        node.returns = None
        _drop_type_parameters(node)
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        with self._scope(node):
            self._parameters(node.args)
            node.body = self._body(node.body)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Allow."""
        self._defaults(node.args)
        with self._scope(node):
            self._parameters(node.args)
            node.body = self.visit(node.body)
        return node

    def _defaults(self, args: ast.arguments) -> None:
        args.defaults = [self.visit(default) for default in args.defaults]
        args.kw_defaults = [d if d is None else self.visit(d) for d in args.kw_defaults]

    def _parameters(self, args: ast.arguments) -> None:
        both = [args.vararg, args.kwarg]
        for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, *(a for a in both if a)]:
            arg.annotation = None
            self.check_name(arg, arg.arg)

    def _body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        visited: list[ast.stmt] = []
        for statement in body:
            result = self.visit(statement)
            visited.extend(result if isinstance(result, list) else [result])
        return visited

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Allow; the class is marked as the code's own."""
        self.check_name(node, node.name)
        _drop_type_parameters(node)
        for keyword in node.keywords:
            if keyword.arg == "metaclass" and not _is_abstract(keyword.value):
                self.refuse(
                    node, "metaclass", "metaclasses are not available",
                    "use a class decorator or __init_subclass__; for abstract methods inherit "
                    "from abc.ABC",
                )  # fmt: skip
        node.keywords = [k for k in node.keywords if k.arg != "metaclass"]
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.bases = [self.visit(base) for base in node.bases]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        self._class_names.append(node.name)
        with self._scope(node):
            body = self._body(node.body)
        self._class_names.pop()
        mark = nodes.at(nodes.assign(OWNED, ast.Constant(True)), node)
        ast.fix_missing_locations(mark)
        body.insert(1 if _is_text(body[0]) else 0, mark)
        node.body = body
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Allow."""
        node.body = self._body(node.body)
        return node

    def visit_Expression(self, node: ast.Expression) -> ast.AST:
        """Allow."""
        return self.node_contents_visit(node)

    def visit_TypeAlias(self, node: Any) -> ast.AST:
        """``type X = …`` binds an inert type."""
        self.check_name(node, node.name.id)
        value = ast.Name(fields.ANY, ast.Load())
        return nodes.at(ast.Assign([ast.Name(node.name.id, ast.Store())], value), node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Refuse."""
        self.not_allowed(node)
        return node

    def visit_TemplateStr(self, node: ast.AST) -> ast.AST:
        """Refuse."""
        self.not_allowed(node)
        return node


_REFUSED: dict[str, tuple[str, str]] = {
    "AsyncFunctionDef": ("async def", _ASYNC),
    "Await": ("await", _ASYNC),
    "AsyncFor": ("async for", _ASYNC),
    "AsyncWith": ("async with", _ASYNC),
    "TryStar": ("except*", "write except with the exceptions' classes"),
    "TemplateStr": ("template string", "write an f-string"),
    "Interpolation": ("template string", "write an f-string"),
}


def _instead(name: str) -> str:
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


def _is_abstract(metaclass: ast.expr) -> bool:
    """Whether it is ``abc.ABCMeta``, which every class here obeys of its own accord."""
    name = metaclass.attr if isinstance(metaclass, ast.Attribute) else None
    return (metaclass.id if isinstance(metaclass, ast.Name) else name) == "ABCMeta"


def _as_expression(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Slice):
        parts = [part or ast.Constant(None) for part in (node.lower, node.upper, node.step)]
        return nodes.call("@slice", *parts)
    if isinstance(node, ast.Tuple):
        return ast.Tuple([_as_expression(item) for item in node.elts], ast.Load())
    return node


def _first_parameter(function: ast.AST | None) -> str | None:
    if not isinstance(function, ast.FunctionDef | ast.Lambda):
        return None
    args = [*function.args.posonlyargs, *function.args.args]
    if args:
        return args[0].arg
    return None


def _drop_type_parameters(node: Any) -> None:
    if getattr(node, "type_params", None):
        node.type_params = []


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
