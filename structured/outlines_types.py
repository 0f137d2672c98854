"""The type language of outlines, taken wherever a type is taken. outlines itself is not imported.

A term of ``outlines.types`` (1.3) is recognised by its class. Those that stand for a regular
language become one :class:`~structured.text.Regex`; where a JSON Schema or a grammar is a part of
others, the whole becomes a Lark grammar.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from structured.errors import SchemaError, shorten
from structured.json_schema import JsonSchema
from structured.language import lark_string
from structured.output import OutputSchema
from structured.patterns import portable
from structured.text import Lark, Regex, TextSchema, TextType

_MODULE = "outlines.types.dsl"
_WHOLE_NUMBER = "[+-]?(0|[1-9][0-9]*)"
_DATE = r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([0-1][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
_TYPES = {
    "int": _WHOLE_NUMBER,
    "float": rf"{_WHOLE_NUMBER}(\.[0-9]+)?([eE][+-]?[0-9]+)?",
    "bool": "True|False",
    "str": '"[^"]*"',
    "date": _DATE,
    "time": _TIME,
    "datetime": rf"{_DATE}\s{_TIME}",
}
"""What outlines takes these types for, where they are one of several choices."""


def is_term(type_: object) -> bool:
    """Whether something is a term of outlines."""
    return any(cls.__module__ == _MODULE for cls in type(type_).__mro__)


def contract_of_term(term: Any) -> OutputSchema[Any]:
    """The contract of a term: of a JSON value for ``JsonSchema``, else of a text.

    JSON is written with one space behind each comma and colon, whatever the term's
    ``whitespace_pattern``, and read with any.

    Raises:
        SchemaError: A term that holds something else than terms.
        ConstraintError: No engine can decode under it.
    """
    if type(term).__name__ == "JsonSchema":
        return OutputSchema.from_json_schema(term.schema)
    return TextSchema(text_type(term))


def text_type(term: Any) -> TextType:
    """The texts that a term stands for.

    Look-arounds in patterns (``outlines.types.isbn`` has some) are checked afterwards.

    Raises:
        SchemaError: A term that holds something else than terms.
    """
    if type(term).__name__ == "CFG":
        return Lark(term.definition, name="CFG")
    writer = _Writer()
    pattern = writer.pattern(term)
    if not writer.has_grammars:
        return Regex(pattern, relax=True, name=type(term).__name__)
    rules = _Rules()
    return Lark(f"start: {rules.expression(term)}\n" + "\n".join(rules.rules))


def schema_in_class(term: Any) -> JsonSchema:
    """The JSON Schema of a term that is the type of a field.

    outlines' own says the pattern without its ends, so that any text around it would do.

    Raises:
        SchemaError: A grammar or a JSON Schema, for which outlines has no validator.
    """
    if type(term).__name__ in ("CFG", "JsonSchema"):
        raise SchemaError(
            f"outlines cannot validate a {type(term).__name__} inside another type",
            hint="for a grammar write Annotated[str, Lark(…)], for a schema the type itself",
        )
    return text_type(term).json_schema


def _counts(term: Any) -> str:
    match type(term).__name__:
        case "KleeneStar":
            return "*"
        case "KleenePlus":
            return "+"
        case "Optional":
            return "?"
        case "QuantifyExact":
            return f"{{{term.count}}}"
        case "QuantifyMinimum":
            return f"{{{term.min_count},}}"
        case "QuantifyMaximum":
            return f"{{0,{term.max_count}}}"
        case "QuantifyBetween":
            return f"{{{term.min_count},{term.max_count}}}"
    raise SchemaError(f"expected a term of outlines, got {shorten(term)}")


def _parts(term: Any) -> list[Any]:
    """The terms of a choice between terms."""
    return list(term.items if type(term).__name__ == "Choice" else term.terms)


def _of_value(value: Any) -> str:
    """The pattern of a choice that is no term: a constant, or one of the types outlines knows."""
    if isinstance(value, type) and value.__name__ in _TYPES:
        return _TYPES[value.__name__]
    if isinstance(value, (str, int, float)):
        return re.escape(str(value))
    raise SchemaError(
        f"expected a term of outlines or a constant, got {shorten(value)}",
        hint="of a union of types make one type: int | Person",
    )


@dataclass
class _Writer:
    """Terms as one pattern."""

    has_grammars: bool = False

    def pattern(self, term: Any) -> str:
        if not is_term(term):
            return f"(?:{_of_value(term)})"
        match type(term).__name__:
            case "String":
                return re.escape(str(term.value))
            case "Regex":
                return f"(?:{term.pattern})"
            case "Choice" | "Alternatives":
                return f"(?:{'|'.join(self.pattern(part) for part in _parts(term))})"
            case "Sequence":
                return "".join(self.pattern(part) for part in term.terms)
            case "CFG" | "JsonSchema":
                self.has_grammars = True
                return ""
        return f"(?:{self.pattern(term.term)}){_counts(term)}"


@dataclass
class _Rules:
    """Terms as rules of a Lark grammar."""

    rules: list[str] = field(default_factory=list)

    def expression(self, term: Any) -> str:
        if not is_term(term):
            return self._named(f"/{_slashed(_of_value(term))}/", terminal=True)
        match type(term).__name__:
            case "String":
                return lark_string(term.value)
            case "Regex":
                return self._named(f"/{_slashed(term.pattern)}/", terminal=True)
            case "Choice" | "Alternatives":
                return f"({' | '.join(self.expression(part) for part in _parts(term))})"
            case "Sequence":
                return f"({' '.join(self.expression(part) for part in term.terms)})"
            case "JsonSchema":
                options = {
                    "whitespace_flexible": False,
                    "item_separator": ", ",
                    "key_separator": ": ",
                }
                schema = json.loads(term.schema) | {"x-guidance": options}
                return self._named(f"%json {json.dumps(schema)}")
            case "CFG":
                raise SchemaError(
                    "a grammar can only stand alone",
                    hint="write what is around it into the grammar",
                )
        return f"({self.expression(term.term)}){_counts(term)}"

    def _named(self, body: str, *, terminal: bool = False) -> str:
        name = f"{'PART' if terminal else 'part'}_{len(self.rules)}"
        self.rules.append(f"{name}: {body}")
        return name


def _slashed(pattern: str) -> str:
    return re.sub(r"\\.|/", lambda found: r"\/" if found[0] == "/" else found[0], _rust(pattern))


def _rust(pattern: str) -> str:
    return portable(pattern).rust
