"""Schemas as short texts for models."""

import contextlib
import datetime as dt
import enum
import json
import time
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PastDate

from structured import ConstraintError, JsonConstraint, OutputSchema, SchemaError, ValidationFailed
from structured.describe import describe
from structured.engines.lark import to_lark

from .strategies import CASES, Case


class Colour(enum.Enum):
    RED = "red"
    TWO = 2


class Node(BaseModel):
    value: int
    children: list["Node"] = []


class Left(BaseModel):
    right: "Right | None" = None


class Right(BaseModel):
    left: Left | None = None


class Plain(BaseModel):
    name: str
    age: int | None = None


class Told(BaseModel):
    name: Annotated[str, Field(description="the full\n   name", min_length=1)]
    nested: Plain
    price: Annotated[Decimal, Field(gt=0)]
    born: PastDate
    code: Annotated[str, Field(pattern="^[A-Z]+$")]


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (None, "null"),
        (Any, "any"),
        (bytes, "binary"),
        (dt.date, "date"),
        (dt.datetime, "date-time"),
        (dt.timedelta, "duration"),
        (Decimal, "decimal"),
        # Literals of the same values are one type, in the order in which it was first seen.
        (Literal["some text", 1, True, None], '"some text" | 1 | true | null'),
        (Literal["a"], '"a"'),
        (Colour, '"red" | 2'),
        (int | str | None, "integer | string | null"),
        (list[int], "integer[]"),
        (list[int | str], "(integer | string)[]"),
        (list[Plain], '{"name": string, "age"?: integer | null}[]'),
        (tuple[int, str], "[integer, string]"),
        (tuple[int, ...], "integer[]"),
        (tuple[()], "[]"),
        (set[int], "integer[]"),
        (list, "any[]"),
        (dict, "{string: any}"),
        (dict[str, int], "{string: integer}"),
        (dict[dt.date, list[int]], "{date: integer[]}"),
        (dict[Literal["x", "y"], float], '{"x" | "y": number}'),
        (dict[int, str], "{/^-?(?:0|[1-9][0-9]*)$/: string}"),
        (dict[Colour, int], '{"red" | "2": integer}'),
        (Plain, '{"name": string, "age"?: integer | null}'),
        (Node, 'Node = {"value": integer, "children"?: Node[]}'),
        (list[Node], '(Node = {"value": integer, "children"?: Node[]})[]'),
        (Left, 'Left = {"right"?: {"left"?: Left | null} | null}'),
    ],
)
def test_every_kind_of_type_reads_well(type_: Any, expected: str):
    assert describe(OutputSchema.of(type_).json_schema) == expected


def test_comments_say_what_shapes_cannot():
    assert describe(OutputSchema.of(Told).json_schema) == (
        "{\n"
        '  "name": string  // the full name; at least 1 characters\n'
        '  "nested": {"name": string, "age"?: integer | null}\n'
        '  "price": decimal  // > 0\n'
        '  "born": date  // in the past\n'
        '  "code": string  // matches ^[A-Z]+$\n'
        "}"
    )
    assert "//" not in describe(OutputSchema.of(Told).json_schema, descriptions=False)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, "any"),
        (False, "nothing"),
        ({}, "any"),
        ({"enum": []}, "nothing"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"allOf": [{"type": "string"}, {"format": "date"}]}, "string & date"),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, "string"),
        ({"type": "object"}, "{}"),
        ({"patternProperties": {"^a": {"type": "null"}}, "type": "object"}, "{/^a/: null}"),
        ({"items": [{"type": "null"}, True]}, "[null, any]"),
        ({"$ref": "#/$defs/gone"}, "gone"),
        ({"$ref": "https://example.com/thing.json"}, "thing.json"),
        ({"$ref": "#"}, "#"),
        ({"$defs": {"日": {"const": "本"}}, "$ref": "#/$defs/日"}, '"本"'),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, '# = {"a"?: #}'),
        # Not JSON Schema at all:
        ({"properties": [1], "type": "object"}, "{}"),
        ({"properties": {"a": 3}, "required": 5}, '{"a"?: any}'),
        ({"enum": 3}, "any"),
        ({"type": 3}, "3"),
        ({"type": [["a"]]}, "['a']"),
        ({"$ref": 3}, "3"),
        ({"anyOf": "x", "items": 3, "prefixItems": {"a": 1}}, "any[]"),
        (3, "any"),
        (None, "any"),
    ],
)
def test_schemas_of_any_make(schema: Any, expected: str):
    assert describe(schema) == expected


def test_what_an_optional_member_is_by_default():
    class Trip(BaseModel):
        to: str
        unit: Literal["km", "mi"] = "km"
        stops: int = 0
        tags: list[str] = []  # says no more than that it may be left out
        note: str | None = None
        letter: str = "x" * 100  # nor does so long a text

    assert describe(OutputSchema.of(Trip).json_schema) == (
        '{"to": string, "unit"?: "km" | "mi" = "km", "stops"?: integer = 0, '
        '"tags"?: string[], "note"?: string | null, "letter"?: string}'
    )


def test_a_definition_that_is_used_twice_is_shown_twice():
    class Both(BaseModel):
        home: Plain
        work: Plain

    assert describe(OutputSchema.of(Both).json_schema).count('"age"?: integer') == 2


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(CASES)
def test_every_type_is_described(case: Case):
    text = describe(OutputSchema.of(case.type).json_schema)
    assert text
    assert "$defs" not in text


def nested(keyword: str, depth: int) -> Any:
    schema: Any = {"type": "null"}
    kind = {"type": "object"} if keyword == "additionalProperties" else {}
    for _ in range(depth):
        in_list = keyword in ("anyOf", "allOf", "prefixItems")
        schema = {**kind, keyword: [schema] if in_list else schema}
    return schema


@pytest.mark.parametrize(
    "keyword", ["items", "anyOf", "allOf", "prefixItems", "additionalProperties"]
)
def test_depth_has_an_end(keyword: str):
    text = describe(nested(keyword, 2000))
    assert "…" in text
    assert len(text) < 2000
    assert "null" in describe(nested(keyword, 10))


def clique(size: int) -> dict[str, Any]:
    """Definitions that all refer to all others: ``size!`` paths."""
    properties = {f"p{i}": {"$ref": f"#/$defs/D{i}"} for i in range(size)}
    definitions = {f"D{i}": {"type": "object", "properties": properties} for i in range(size)}
    return {"$defs": definitions, "$ref": "#/$defs/D0"}


def doubling(depth: int) -> dict[str, Any]:
    """Each definition uses the next one twice: ``2 ** depth`` parts written out."""
    definitions: dict[str, Any] = {
        f"D{i}": {
            "anyOf": [{"items": {"$ref": f"#/$defs/D{i + 1}"}}, {"$ref": f"#/$defs/D{i + 1}"}]
        }
        for i in range(depth)
    }
    return {"$defs": {**definitions, f"D{depth}": {"type": "null"}}, "$ref": "#/$defs/D0"}


def many_types(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(depth):
        schema = {"type": ["object"] * 5, "properties": {"a": schema, "b": schema}}
    return schema


@pytest.mark.parametrize("schema", [clique(12), doubling(40), many_types(20)])
def test_schemas_that_grow_when_written_out_are_cut_off(schema: dict[str, Any]):
    started = time.perf_counter()
    text = describe(schema)
    assert time.perf_counter() - started < 5
    assert len(text) < 200_000
    assert "…" in text


KEYWORDS = [
    *("type", "enum", "const", "format", "pattern", "properties", "required", "items", "title"),
    *("prefixItems", "additionalProperties", "patternProperties", "propertyNames", "contains"),
    *("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "dependentRequired", "uniqueItems"),
    *("$ref", "$defs", "definitions", "$schema", "$id", "$anchor", "$dynamicRef", "description"),
    *("minimum", "maximum", "exclusiveMinimum", "multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "minProperties", "maxProperties", "default", "examples"),
    *("x-rules", "x-guidance", "a", "b"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.sampled_from(["object", "array", "string", "integer", "#", "#/$defs/a", "#/properties/a"]),
    st.sampled_from(["#a", "http://x", "^a", "(", "date", ""]),
    st.text(max_size=3),
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4)
    ),
    max_leaves=14,
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(KEYWORDS), JUNK, max_size=6))
def test_junk_is_described_and_refused_and_never_a_crash(schema: dict[str, Any]):
    assert isinstance(describe(schema), str)
    with contextlib.suppress(ConstraintError):
        to_lark(JsonConstraint(schema_text=json.dumps(schema)))
    with contextlib.suppress(SchemaError, ValidationFailed):
        OutputSchema.from_json_schema(schema).validate_python({"a": [1]})
