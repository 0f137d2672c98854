"""Small constructors of syntax trees."""

from __future__ import annotations

import ast
from typing import TypeVar

from sandbox.language.names import SENSITIVE

_Node = TypeVar("_Node", bound=ast.AST)


def load(name: str) -> ast.Name:
    """A name that is read."""
    return ast.Name(name, ast.Load())


def assign(name: str, value: ast.expr) -> ast.Assign:
    """``name = value``."""
    return ast.Assign([ast.Name(name, ast.Store())], value)


def call(name: str, *arguments: ast.expr) -> ast.Call:
    """``name(*arguments)``."""
    return ast.Call(load(name), list(arguments), [])


def attribute(value: ast.expr, name: str) -> ast.Call:
    """A guarded read; the quick guard where the name is harmless on every type."""
    careful = name.startswith("_") or name in SENSITIVE
    return call("@attribute" if careful else "@public", value, ast.Constant(name))


def at(node: _Node, place: ast.AST) -> _Node:
    """``node``, standing where ``place`` stands."""
    ast.copy_location(node, place)
    return ast.fix_missing_locations(node)
