"""What stands beside a type, and types that are only text."""

import datetime as dt
import enum
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Optional

import pytest
from annotated_types import Ge, MinLen
from pydantic import BaseModel, Field
from typing_extensions import Doc, TypeAliasType

from structured.errors import ValidationFailed
from structured.tool import ToolSchema
from tests.structured import tools_in_text as in_text
from tests.structured.tool_checks import properties, refusal, violations

pytestmark = pytest.mark.filterwarnings("error")


# --- texts and keywords in Annotated -------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Annotated[str, "text"], {"type": "string", "description": "text"}),
        (Annotated[str, {"enum": ["a", "b"]}], {"type": "string", "enum": ["a", "b"]}),
        (
            Annotated[str, {"enum": ["a"]}, "text"],
            {"type": "string", "enum": ["a"], "description": "text"},
        ),
        (
            Annotated[str, "one", {"enum": ("a",), "description": "two"}, "three"],
            {"type": "string", "enum": ["a"], "description": "one\ntwo\nthree"},
        ),
        (Annotated[str, "\n    a\n      b\n    "], {"type": "string", "description": "a\n  b"}),
        (Annotated[str, Doc("text")], {"type": "string", "description": "text"}),
        (Annotated[str, Field(description="text")], {"type": "string", "description": "text"}),
        (
            Annotated[str, "one", Field(description="two", min_length=1)],
            {"type": "string", "minLength": 1, "description": "one\ntwo"},
        ),
        (
            Annotated[str | None, "text", {"enum": ["a", "b"]}],
            {
                "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}],
                "description": "text",
            },
        ),
        (
            Annotated[Optional[str], {"enum": ["a", None]}],  # noqa: UP045
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
        ),
        (
            Annotated[str, "text"] | None,
            {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "text"},
        ),
        (
            list[Annotated[str, "a day", {"enum": ["sat", "sun"]}]],
            {
                "type": "array",
                "items": {"type": "string", "enum": ["sat", "sun"], "description": "a day"},
            },
        ),
        (
            dict[str, Annotated[int, "x"] | list[Annotated[str, "y"]] | None],
            {
                "type": "object",
                "additionalProperties": {
                    "anyOf": [
                        {"type": "integer", "description": "x"},
                        {"type": "array", "items": {"type": "string", "description": "y"}},
                        {"type": "null"},
                    ]
                },
            },
        ),
        (
            list[Annotated[list[Annotated[str, "y"]], Field(max_length=2)]],
            {
                "type": "array",
                "items": {
                    "type": "array",
                    "items": {"type": "string", "description": "y"},
                    "maxItems": 2,
                },
            },
        ),
        (
            list[Annotated[int, Ge(1)]],
            {"type": "array", "items": {"type": "integer", "minimum": 1}},
        ),
        (Annotated[str, {"const": "a"}], {"type": "string", "enum": ["a"]}),
        (
            Annotated[int, {"minimum": 1, "maximum": 9, "multipleOf": 2}],
            {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2},
        ),
        (
            Annotated[float, {"exclusiveMinimum": 0, "exclusiveMaximum": 1}],
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        ),
        (
            Annotated[str, {"minLength": 1, "maxLength": 3, "pattern": "^a"}],
            {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"},
        ),
        (
            Annotated[list[int], {"minItems": 1, "maxItems": 3}],
            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
        ),
        (
            Annotated[int | None, {"minimum": 1}],
            {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        ),
        (Annotated[int, Ge(1)], {"type": "integer", "minimum": 1}),
        (
            Annotated[str, MinLen(1), "text"],
            {"type": "string", "minLength": 1, "description": "text"},
        ),
        (
            Annotated[str, {"title": "T", "examples": ["x"], "format": "city", "x-order": 1}],
            {"type": "string", "title": "T", "examples": ["x"], "format": "city", "x-order": 1},
        ),
        (Annotated[str, {"type": "string"}], {"type": "string"}),
        (
            Annotated[dt.date, {"enum": ["2024-01-01", dt.date(2024, 1, 2)]}],
            {"type": "string", "enum": ["2024-01-01", "2024-01-02"]},
        ),
        (Annotated[int | str, {"enum": [1, "a"]}], {"enum": [1, "a"]}),
        (Annotated[Any, {"enum": [1, "a", None]}], {"enum": [1, "a", None]}),
        (
            TypeAliasType("Unit", Annotated[str, "text", {"enum": ["a"]}]),
            {"type": "string", "enum": ["a"], "description": "text"},
        ),
    ],
)
def test_what_stands_beside_a_type_is_in_the_schema(annotation, expected):
    def tool(x: annotation): ...

    assert properties(tool) == {"x": expected}


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (Annotated[str, {"enum": ["a", "b"]}], ["a", "b"], ["c", "", None, 1]),
        (Annotated[str | None, {"enum": ["a"]}], ["a", None], ["b"]),
        (Annotated[int, {"enum": [1, 2]}], [1, "2"], [3, "x"]),
        (Annotated[Any, {"enum": [1, "a"]}], [1, "a"], [True, "1"]),
        (Annotated[list[str], {"enum": [["a"], []]}], [["a"], []], [["b"], "a"]),
        (Annotated[int, {"minimum": 1, "exclusiveMaximum": 3}], [1, 2], [0, 3]),
        (Annotated[Decimal, {"minimum": 1}], ["1.5", 1], ["0.5"]),
        (Annotated[int | None, {"minimum": 1}], [1, None], [0]),
        (Annotated[str, {"pattern": "^a+$", "maxLength": 2}], ["a", "aa"], ["b", "aaa"]),
        (Annotated[list[int], {"minItems": 1}], [[1]], [[]]),
        (Annotated[dict[str, int], {"maxProperties": 1}], [{}, {"a": 1}], [{"a": 1, "b": 2}]),
        (list[Annotated[str, {"enum": ["a"]}]], [[], ["a"]], [["b"]]),
        (Annotated[int, Field(ge=1)], [1], [0]),
        (Annotated[int, Ge(1), {"maximum": 2}], [1, 2], [0, 3]),
    ],
)
def test_what_the_schema_says_is_enforced(annotation, good, bad):
    def tool(x: annotation):
        return x

    schema = ToolSchema.of(tool)
    for value in good:
        schema.validate({"x": value})
        schema.validate(json.dumps({"x": value}))
    for value in bad:
        for arguments in ({"x": value}, json.dumps({"x": value})):
            with pytest.raises(ValidationFailed):
                schema.validate(arguments)


def test_enum_values_reach_the_function_as_values_of_the_type():
    class Color(enum.Enum):
        RED = "red"
        BLUE = "blue"
        GREEN = "green"

    def tool(
        day: Annotated[dt.date, {"enum": ["2024-01-01"]}],
        color: Annotated[Color, {"enum": ["red", Color.BLUE]}],
    ):
        return day, color

    schema = ToolSchema.of(tool)
    assert schema.call({"day": "2024-01-01", "color": "blue"}) == (dt.date(2024, 1, 1), Color.BLUE)
    assert schema.parameters["properties"]["color"] == {"enum": ["red", "blue"]}
    assert set(violations(schema, {"day": "2024-01-02", "color": "green"})) == {"$.day", "$.color"}


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (Annotated[int, {"enum": ["a"]}], "'a' in the keyword 'enum' is not a value of int"),
        (Annotated[int, {"enum": ["1"]}], "not a value of int"),
        (Annotated[str, {"enum": ["a", 1]}], "1 in the keyword 'enum' is not a value of str"),
        (Annotated[str, {"enum": ["a", None]}], "None in the keyword 'enum'"),
        (Annotated[str, {"enum": []}], "lists no value"),
        (Annotated[str, {"enum": "abc"}], "takes a list of values, got 'abc'"),
        (Annotated[list[str], {"enum": ["a", "b"]}], "write list[Literal[…]]"),
        (Annotated[str, {"enum": ["abc"], "maxLength": 2}], "is not a value of str"),
        (Annotated[str, {"minimum": 1}], "'minimum' is about values of type integer or number"),
        (Annotated[int, {"minLength": 1}], "'minLength' is about values of type string"),
        (Annotated[str, {"minItems": 1}], "'minItems' is about values of type array"),
        (Annotated[int | str, {"minimum": 1}], "beside a union, write it at the member"),
        (Annotated[Any, {"minimum": 1}], "'minimum' is about"),
        (Annotated[int, {"minimum": "x"}], "minimum"),
        (Annotated[str, {"pattern": "("}], "regex"),
        (Annotated[str, {"type": "int"}], "'int' in the keyword 'type' is not what str says"),
        (Annotated[dict, {"properties": {}}], "'properties' cannot be enforced beside a type"),
        (Annotated[list, {"uniqueItems": True}], "'uniqueItems' cannot be enforced"),
        (Annotated[int, {"minimum": 1}, {"minimum": 2}], "'minimum' is given twice, as 1 and as 2"),
        (Annotated[int, {"default": "x"}], "'x' in the keyword 'default' is not a value of int"),
        (list[Annotated[int, {"default": 1}]], "has no meaning"),
        (Annotated[str, {"examples": "x"}], "takes a list"),
        (Annotated[Callable[[], int], {"type": "object"}], "Callable[[], int] has no JSON Schema"),
        (Annotated[str, {1: 2}], "1 is not a JSON Schema keyword"),
        (Annotated[str, {"x-of": object()}], "in the keyword 'x-of' is not JSON"),
    ],
)
def test_keywords_that_do_not_fit_are_refused(annotation, says):
    def tool(ok: int, x: annotation): ...

    error = refusal(tool)
    assert (error.tool, error.parameter) == ("tool", "x")
    assert "tool 'tool', parameter 'x'" in str(error)
    assert says in str(error)


# --- annotations that are text, and local names --------------------------------------------


def test_annotations_as_text():
    schema = ToolSchema.of(in_text.visit)
    assert schema.call({"place": {"city": "Wuhan"}, "span": {"days": 2}}) == ["Wuhan", "Wuhan"]
    assert properties(in_text.convert) == {
        "count": {"type": "integer", "minimum": 1, "description": "how many"},
        "unit": {
            "type": "string",
            "enum": ["day", "week"],
            "description": "which",
            "default": "day",
        },
    }
    assert ToolSchema.of(in_text.convert).call({"count": 2}) == {"day": 2}


def test_an_unpacked_typed_dict_as_text():
    schema = ToolSchema.of(in_text.search)
    assert schema.parameters["required"] == ["query", "limit"]
    assert schema.call({"query": "x", "limit": 1}) == ["x", {"limit": 1}]


def test_a_name_local_to_the_function_around_hides_the_modules():
    schema = in_text.tool_of_a_local_class()
    assert schema.call({"to": {"street": "Main"}}) == "Main"


def test_a_name_of_an_outer_function():
    assert in_text.tool_of_a_class_two_levels_up().call({"pair": [{"a": 3}]}) == 3


def test_a_name_in_the_closure_needs_no_frame():
    schema = ToolSchema.of(in_text.function_that_closes_over_its_type())
    assert schema.call({"pair": {"a": 3}}) == 3


def test_a_name_of_the_class_around_a_bound_method():
    assert ToolSchema.of(in_text.Counter(1).add).call({"step": {"by": 2}}) == 3


def test_a_decorator_in_a_class_body_in_a_function():
    schema = in_text.tool_made_by_a_decorator_in_a_class()
    assert schema.call({"item": {"price": 3}, "count": 2}) == 6


def test_a_name_that_cannot_be_found_is_named():
    error = refusal(in_text.function_whose_scope_is_gone())
    assert (error.tool, error.parameter) == ("first", "pair")
    assert "'Lost' is not defined" in error.message

    error = refusal(in_text.only_for_checkers)
    assert "'Decimal' is not defined" in error.message
    assert "TYPE_CHECKING" in error.hint
    assert refusal(in_text.result_only_for_checkers).parameter == "return"


def test_a_local_variable_of_an_unrelated_caller_is_not_taken():
    def call_with(function):
        Lost = int  # noqa: F841
        return refusal(function)

    assert "'Lost' is not defined" in str(call_with(in_text.function_whose_scope_is_gone()))


def test_a_typed_dict_whose_names_cannot_be_found():
    error = refusal(in_text.options_only_for_checkers)
    assert error.parameter == "options"
    assert "name 'Decimal' is not defined (in Prices)" in error.message


def test_a_type_that_the_enclosing_function_has_not_made_yet():
    def tool(x: "Later"):
        return Later

    error = refusal(tool)
    Later = int
    assert "'Later' is not defined" in error.message
    assert ToolSchema.of(tool).call({"x": "1"}) is Later


def test_text_inside_real_annotations():
    class Local(BaseModel):
        a: int

    def tool(x: "Local", y: list["Local"], z: "int | None" = None):
        return x.a + y[0].a

    assert ToolSchema.of(tool).call({"x": {"a": 1}, "y": [{"a": 2}]}) == 3


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python can make that union")
def test_a_union_that_python_cannot_make_yet():
    assert "write the union inside: Annotated[T | None, …]" in refusal(in_text.none_outside).hint


def test_text_that_is_no_type():
    def tool(count: "how many"): ...  # noqa: F722

    assert "how many is not a type" in refusal(tool).message
