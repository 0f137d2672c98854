"""Expressions: attributes, items, text and ``super`` go through guards."""

# ruff: noqa: N802 - the names of the methods are those of the nodes

from __future__ import annotations

import ast
from typing import TypeVar

from sandbox.language import nodes
from sandbox.language.checking import ASYNC, Checking, instead
from sandbox.language.names import DEFINABLE, READABLE, is_special, mangled

_Node = TypeVar("_Node", bound=ast.AST)
_PLAIN_STORE = frozenset({"__name__", "__qualname__", "__doc__"})
_MOST_NESTED_COMPREHENSIONS = 8  # about 20 crash the compiler of some Python versions


class Expressions(Checking):
    """The transformer's share of expressions."""

    def _attribute_name(self, node: ast.Attribute) -> str:
        name = mangled(node.attr, self._class_names[-1] if self._class_names else None)
        if is_special(name):
            if isinstance(node.ctx, ast.Load):
                allowed = name in READABLE or name in DEFINABLE
            else:
                allowed = name in _PLAIN_STORE
            if not allowed:
                self.refuse(node, name, f"the attribute `{name}` is not available", instead(name))
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
        """Allow; ``text % values`` goes through a guard, unless a number is on the right."""
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
        if not isinstance(node.value, ast.Constant):
            node.value = nodes.at(nodes.call("@in_text", node.value), node.value)
        return node

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
            self.refuse(node.target, "async for", "`async for` is not available", ASYNC)
        return self.node_contents_visit(node)

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


def _first_parameter(function: ast.AST | None) -> str | None:
    if not isinstance(function, ast.FunctionDef | ast.Lambda):
        return None
    args = [*function.args.posonlyargs, *function.args.args]
    if args:
        return args[0].arg
    return None
