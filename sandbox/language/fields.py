"""Annotations are dropped; of a field's there remains what dataclasses must tell apart."""

from __future__ import annotations

import ast
import dataclasses
import typing
from typing import Any

ANY = "@any"
_MARKERS = {"ClassVar": "@class_var", "InitVar": "@init_var", "KW_ONLY": "@kw_only"}

NAMES: dict[str, Any] = {
    ANY: typing.Any,
    "@class_var": typing.ClassVar,
    "@init_var": dataclasses.InitVar,
    "@kw_only": dataclasses.KW_ONLY,
}
"""What the guards' names for annotations stand for."""


def inert(annotation: ast.expr) -> str:
    """The guard's name to use for a field's annotation."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        head = annotation.value.partition("[")[0].rpartition(".")[2].strip()
        return _MARKERS.get(head, ANY)
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    if isinstance(annotation, ast.Attribute):
        return _MARKERS.get(annotation.attr, ANY)
    if isinstance(annotation, ast.Name):
        return _MARKERS.get(annotation.id, ANY)
    return ANY
