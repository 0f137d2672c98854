"""The language policy on the syntax tree: what is refused, and which steps go through a guard.

RestrictedPython's transformer gives the frame (a node that it does not know is refused); what it
rejects of ordinary code is rewritten here instead. Guards stand under names that begin with ``@``,
which no source can spell, so code may use any name of its own without reaching one.
"""

# ruff: noqa: N802 - the names of the methods are those of the nodes

from __future__ import annotations

import ast
from typing import Any

from sandbox.language import fields, nodes, patterns
from sandbox.language.checking import instead
from sandbox.language.expressions import Expressions
from sandbox.language.names import OWNED, is_special


class Transformer(Expressions):
    """Rewrites one module in place and collects its problems."""

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """``o.x += v`` and ``d[k] += v`` in steps; the object and key are computed once."""
        if isinstance(node.target, ast.Name):
            name = node.target.id
            node = self.node_contents_visit(node)
            if isinstance(node.op, ast.Mod) and not isinstance(node.value, ast.Constant):
                old = nodes.load(name)
                new = nodes.call("@imod", old, node.value)
                return nodes.at(ast.Assign([node.target], new), node)
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

    def visit_Match(self, node: ast.Match) -> Any:
        """Becomes an if statement, whose reads of attributes are guarded."""
        for part in ast.walk(node):
            for name in patterns.names_in(part):
                self.check_name(node, name)
            for name in patterns.attributes_in(part):
                if is_special(name):
                    self.refuse(
                        part, name, f"the attribute `{name}` is not available", instead(name)
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


def _drop_type_parameters(node: Any) -> None:
    if getattr(node, "type_params", None):
        node.type_params = []


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
