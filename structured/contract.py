"""One door for all that says what a model must return."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from structured.json_schema import JsonSchema
from structured.outlines_types import contract_of_term, is_term
from structured.output import OutputSchema
from structured.text import TextSchema, TextType

T = TypeVar("T")


@overload
def output_schema(type_: OutputSchema[T]) -> OutputSchema[T]: ...
@overload
def output_schema(type_: TextType) -> OutputSchema[str]: ...
@overload
def output_schema(type_: type[T]) -> OutputSchema[T]: ...
@overload
def output_schema(type_: Any) -> OutputSchema[Any]: ...


def output_schema(type_: Any) -> OutputSchema[Any]:
    """The contract of whatever is given.

    Args:
        type_: One of these:

            * a type, as :meth:`OutputSchema.of` takes it;
            * a JSON Schema, as a dict or as its JSON text;
            * a text: :class:`~structured.text.Regex`, :class:`~structured.text.Lark`,
              :class:`~structured.text.Choices`, :class:`~structured.text.Text`;
            * a term of ``outlines.types``, such as ``outlines.types.email``;
            * a contract, which is returned as it is.

    Raises:
        SchemaError: No contract can be made of it.
        ConstraintError: No engine can decode under it (a regular expression that looks back, a
            Lark grammar with a mistake).
    """
    if isinstance(type_, OutputSchema):
        return type_
    if isinstance(type_, TextType):
        return TextSchema(type_)
    if is_term(type_):
        return contract_of_term(type_)
    if isinstance(type_, (str, dict)):
        schema: JsonSchema | str = type_
        return OutputSchema.from_json_schema(schema)
    return OutputSchema.of(type_)
