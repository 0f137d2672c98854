"""A tool's parameters: texts, defaults, types, kinds, names."""

import copy
import datetime as dt
import enum
import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Union

import jsonschema
import pytest
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict, Unpack

from structured.tool import ToolSchema
from tests.structured.tool_checks import Opaque, properties, refusal, violations

pytestmark = pytest.mark.filterwarnings("error")


# --- docstrings ----------------------------------------------------------------------------


def test_an_annotations_text_comes_before_the_docstrings():
    def tool(a: Annotated[int, "from the type"], b: int, c: int, *rest: int, **more: int):
        """Do it.

        Args:
            a: From the docstring.
            b: From the docstring.
            *rest: The rest.
            **more: More.

        Returns:
            Nothing.
        """

    found = properties(tool)
    assert {name: schema.get("description") for name, schema in found.items()} == {
        "a": "from the type",
        "b": "From the docstring.",
        "c": None,
        "rest": "The rest.",
        "more": "More.",
    }
    schema = ToolSchema.of(tool)
    assert schema.description == "Do it.\n\nReturns:\n    Nothing."


def test_description_and_name_can_be_given():
    def tool(a: int):
        """Do it.

        :param a: The a.
        """

    schema = ToolSchema.of(tool, name="other", description="  Do that.\n  Well.\n")
    assert (schema.name, schema.description) == ("other", "Do that.\nWell.")
    assert schema.parameters["properties"]["a"]["description"] == "The a."


def test_a_text_beside_the_return_type_is_told():
    def tool() -> Annotated[int, "the number of days"]:
        """Count."""
        return 1

    schema = ToolSchema.of(tool)
    assert schema.description == "Count.\n\nReturns: the number of days"
    assert schema.returns is not None
    assert schema.returns.json_schema["type"] == "integer"


def test_a_described_parameter_of_a_model_type_keeps_both():
    class Place(BaseModel):
        """A place on earth."""

        city: str

    def tool(place: Annotated[Place, "where to go"]): ...

    schema = ToolSchema.of(tool).parameters
    assert schema["properties"]["place"] == {
        "$ref": "#/$defs/Place",
        "description": "where to go",
    }
    assert schema["$defs"]["Place"]["description"] == "A place on earth."
    assert schema["$defs"]["Place"]["additionalProperties"] is False


# --- defaults ------------------------------------------------------------------------------


def test_defaults_are_shown_and_applied():
    class Level(enum.Enum):
        LOW = "low"

    def tool(
        a: int = 1,
        b: str | None = None,
        c: dt.date = dt.date(2024, 1, 1),
        d: Level = Level.LOW,
        e: Annotated[int, {"default": 5}] = 5,
        f: int = Field(6, ge=0, description="six"),
        g: list[int] = Field(default_factory=list),  # noqa: B008
        *,
        h: Annotated[int, Field(default=8)],
        i: Annotated[dt.date, {"default": "2024-02-02"}],
    ):
        return a, b, c, d, e, f, g, h, i

    schema = ToolSchema.of(tool)
    day, other = dt.date(2024, 1, 1), dt.date(2024, 2, 2)
    assert schema.parameters["required"] == []
    assert schema.call({}) == (1, None, day, Level.LOW, 5, 6, [], 8, other)
    assert schema.call({"a": "7", "g": [1]}) == (7, None, day, Level.LOW, 5, 6, [1], 8, other)
    assert {
        name: found["default"]
        for name, found in schema.parameters["properties"].items()
        if "default" in found
    } == {
        "a": 1,
        "b": None,
        "c": "2024-01-01",
        "d": "low",
        "e": 5,
        "f": 6,
        "h": 8,
        "i": "2024-02-02",
    }
    assert schema.parameters["properties"]["f"]["description"] == "six"
    assert violations(schema, {"f": -1}) == {"$.f": "greater_than_equal"}


def test_a_default_that_a_model_could_not_write_is_applied_but_not_shown():
    sentinel = object()

    def tool(unit: Literal["day", "week"] = "", flag: Any = sentinel, n: int = None):  # noqa: RUF013
        return unit, flag, n

    schema = ToolSchema.of(tool)
    assert schema.parameters["required"] == []
    assert all("default" not in found for found in schema.parameters["properties"].values())
    assert schema.call({}) == ("", sentinel, None)
    assert violations(schema, {"unit": "", "n": None}) == {
        "$.unit": "literal_error",
        "$.n": "int_type",
    }


@pytest.mark.parametrize("fits", [True, False])
def test_mutable_defaults_are_not_shared_between_calls(fits):
    type_ = list[int] if fits else list[str]

    def tool(into: type_ = [0]):  # noqa: B006
        into.append(1)
        return into

    schema = ToolSchema.of(tool)
    assert schema.call({}) == [0, 1]
    assert schema.call({}) == [0, 1]


def test_two_different_defaults_are_refused():
    def tool(a: Annotated[int, {"default": 1}] = 2): ...

    assert "two defaults, 2 and 1" in str(refusal(tool))


# --- types ---------------------------------------------------------------------------------


class Address(BaseModel):
    model_config = ConfigDict(strict=True)
    city: str
    since: dt.date


@dataclass
class Span:
    days: int = 1


class Row(TypedDict):
    id: int
    note: NotRequired[str]


class Point(NamedTuple):
    x: int
    y: int


class Mode(enum.IntEnum):
    ON = 1
    OFF = 2


def test_types_that_pydantic_takes_reach_the_function_as_values():
    def tool(
        address: Address,
        span: Span,
        row: Row,
        point: Point,
        mode: Mode,
        when: dt.datetime,
        price: Decimal,
        tags: set[str],
        pair: tuple[int, str],
        either: Union[int, str],  # noqa: UP007
        table: dict[str, list[float]],
        kind: Literal["a", 1],
        exact: Literal[Mode.ON],
        anything: Any,
    ) -> dict[str, Any]:
        return dict(locals())

    schema = ToolSchema.of(tool)
    arguments = {
        "address": {"city": "Wuhan", "since": "2020-01-01"},
        "span": {"days": "2"},
        "row": {"id": 1},
        "point": [1, 2],
        "mode": 2,
        "when": "2024-01-01T12:00:00",
        "price": "1.10",
        "tags": ["a", "a"],
        "pair": [1, "x"],
        "either": "x",
        "table": {"a": [1, 2.5]},
        "kind": 1,
        "exact": 1,
        "anything": {"deep": [None]},
    }
    jsonschema.Draft202012Validator(schema.parameters).validate(
        {**arguments, "span": {"days": 2}, "tags": ["a"]}
    )
    before = copy.deepcopy(arguments)
    expected = {
        "address": Address(city="Wuhan", since=dt.date(2020, 1, 1)),
        "span": Span(2),
        "row": {"id": 1},
        "point": Point(1, 2),
        "mode": Mode.OFF,
        "when": dt.datetime(2024, 1, 1, 12),
        "price": Decimal("1.10"),
        "tags": {"a"},
        "pair": (1, "x"),
        "either": "x",
        "table": {"a": [1.0, 2.5]},
        "kind": 1,
        "exact": Mode.ON,
        "anything": {"deep": [None]},
    }
    assert schema.call(json.dumps(arguments)) == expected
    assert schema.call(arguments) == expected, "JSON that somebody has parsed is JSON still"
    assert arguments == before
    assert type(schema.call(arguments)["point"]) is Point


def test_python_values_are_taken_as_they_are():
    def tool(address: Address, day: dt.date):
        return address, day

    address, day = Address(city="Wuhan", since=dt.date(2020, 1, 1)), dt.date(2024, 1, 1)
    assert ToolSchema.of(tool).call({"address": address, "day": day}) == (address, day)


def test_a_python_value_is_not_taken_for_the_json_it_could_be():
    def tool(name: str): ...

    schema = ToolSchema.of(tool)
    assert violations(schema, {"name": dt.date(2024, 1, 1)}) == {"$.name": "string_type"}


def test_two_classes_of_one_name_and_a_recursive_one():
    class Node(BaseModel):
        children: list["Node"] = []

    def make():
        class Node(BaseModel):
            a: int

        return Node

    Node.model_rebuild()
    other = make()

    def Node_arguments(x: Node, y: other): ...

    schema = ToolSchema.of(Node_arguments)
    jsonschema.Draft202012Validator(schema.parameters).validate(
        {"x": {"children": [{"children": []}]}, "y": {"a": 1}}
    )
    assert len(schema.parameters["$defs"]) == 2
    assert violations(schema, {"x": {"children": [{"children": 1}]}, "y": {}}) == {
        "$.x.children[0].children": "list_type",
        "$.y.a": "missing",
    }


def test_titles_are_only_those_somebody_wrote():
    def tool(some_name: int, other: Annotated[int, Field(title="Other!")]): ...

    parameters = ToolSchema.of(tool).parameters
    assert "title" not in parameters
    assert parameters["properties"] == {
        "some_name": {"type": "integer"},
        "other": {"type": "integer", "title": "Other!"},
    }


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [(Callable[[int], int], "Callable"), (Opaque, "Opaque"), (list[Opaque], "list[Opaque]")],
)
def test_a_type_without_a_schema_is_refused(annotation, shown):
    def tool(ok: int, bad: annotation = None): ...

    error = refusal(tool)
    assert (error.tool, error.parameter) == ("tool", "bad")
    assert shown in error.message
    assert "cannot be described to a model" in error.message
    assert error.hint


def test_unpack_is_for_keyword_arguments():
    def tool(*items: Unpack[tuple[int, str]]): ...  # noqa: UP044

    def starred(*items: *tuple[int, str]): ...

    for function in (tool, starred):
        assert "Unpack is read for `**kwargs`" in str(refusal(function))


def test_what_is_no_type_at_all_is_refused():
    def tool(bad: 5): ...

    assert refusal(tool).parameter == "bad"


# --- kinds of parameters -------------------------------------------------------------------


def test_every_kind_of_parameter_at_once():
    def tool(a: int, b: int = 2, /, c: int = 3, *rest: int, d: int, e: int = 5, **more: float):
        return a, b, c, rest, d, e, more

    schema = ToolSchema.of(tool)
    assert schema.parameters["required"] == ["a", "d"]
    assert schema.parameters["properties"]["rest"] == {
        "type": "array",
        "items": {"type": "integer"},
    }
    assert schema.parameters["properties"]["more"] == {
        "type": "object",
        "additionalProperties": {"type": "number"},
    }
    assert schema.call({"a": 1, "d": 4}) == (1, 2, 3, (), 4, 5, {})
    assert schema.call({"a": 1, "d": 4, "rest": ["6", 7], "more": {"x": 1, "a": 2}}) == (
        *(1, 2, 3, (6, 7), 4, 5),
        {"x": 1.0, "a": 2.0},
    ), "a positional-only name is free for **more"
    assert violations(schema, {"a": 1, "d": 4, "more": {"c": 1, "e": 1}}) == {
        "$.more.c": "taken_name",
        "$.more.e": "taken_name",
    }
    assert violations(schema, {"a": 1, "d": 4, "rest": ["x"], "more": {"y": "x"}}) == {
        "$.rest[0]": "int_parsing",
        "$.more.y": "float_parsing",
    }


def test_the_text_beside_a_starred_type_is_about_the_whole():
    def tool(
        *days: Annotated[str, "the days", {"enum": ["sat", "sun"]}],
        **more: Annotated[int, "more", {"minimum": 0}],
    ): ...

    assert properties(tool) == {
        "days": {
            "type": "array",
            "items": {"type": "string", "enum": ["sat", "sun"]},
            "description": "the days",
        },
        "more": {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0},
            "description": "more",
        },
    }


def test_keys_that_the_call_itself_uses_are_violations():
    class Shop:
        def buy(self, **items: int):
            return items

    assert ToolSchema.of(Shop().buy).call({"items": {"apple": 1}}) == {"apple": 1}
    assert violations(ToolSchema.of(Shop().buy), {"items": {"self": 1}}) == {
        "$.items.self": "taken_name"
    }

    def tool(first: int, **items: int):
        return first, items

    bound = ToolSchema.of(functools.partial(tool, 1))
    assert violations(bound, {"items": {"first": 1}}) == {"$.items.first": "taken_name"}


def test_kwargs_unpacked_from_a_typed_dict_are_properties():
    class Base(TypedDict, total=False):
        limit: int

    class More(Base):
        order: Annotated[str, "how to sort", {"enum": ["up", "down"]}]
        page: NotRequired[int]

    def tool(query: str, **options: Unpack[More]):
        """Search.

        Args:
            query: What for.

        Keyword Args:
            limit: How many.
        """
        return query, options

    schema = ToolSchema.of(tool)
    assert schema.parameters["required"] == ["query", "order"]
    assert schema.parameters["properties"]["limit"] == {
        "type": "integer",
        "description": "How many.",
    }
    assert schema.parameters["properties"]["order"]["description"] == "how to sort"
    assert schema.call({"query": "x", "order": "up", "page": "2"}) == (
        "x",
        {"order": "up", "page": 2},
    )
    assert violations(schema, {"query": "x", "order": "left", "z": 1}) == {
        "$.order": "literal_error",
        "$.z": "extra_forbidden",
    }


def test_unpack_of_a_name_that_is_there_already():
    class Options(TypedDict):
        query: int

    def tool(query: str, /, **options: Unpack[Options]): ...

    assert "two parameters have this name" in str(refusal(tool))


UNUSUAL_NAMES = """_x __x__ model_config schema json self_ validate copy fields model_fields dict
args kwargs items keys cls_ 时间 type return_"""


@pytest.mark.parametrize("name", re.findall(r"\w+", UNUSUAL_NAMES))
def test_any_name_will_do(name):
    scope: dict[str, Any] = {}
    exec(f"def tool({name}: int, other: str = 'o'):\n    return {name}, other", scope)
    schema = ToolSchema.of(scope["tool"])
    assert list(schema.parameters["properties"]) == [name, "other"]
    assert schema.call({name: "1"}) == (1, "o")
    assert len(violations(schema, {})) == 1


def test_an_alias_is_the_propertys_name_everywhere():
    def tool(from_: Annotated[str, Field(alias="from", min_length=1), "where from"], to: str = "x"):
        """Go.

        Args:
            from_: Ignored.
        """
        return from_, to

    schema = ToolSchema.of(tool)
    assert schema.parameters["properties"]["from"] == {
        "type": "string",
        "minLength": 1,
        "description": "where from",
    }
    assert schema.parameters["required"] == ["from"]
    assert schema.call({"from": "here"}) == ("here", "x")
    assert violations(schema, {"from": ""}) == {"$.from": "string_too_short"}
    assert violations(schema, {"from_": "here"}) == {
        "$.from": "missing",
        "$.from_": "extra_forbidden",
    }

    def by_default(from_: str = Field("home", alias="from")):
        return from_

    assert ToolSchema.of(by_default).call({}) == "home"
    assert ToolSchema.of(by_default).call({"from": "here"}) == "here"


def test_aliases_that_cannot_work_are_refused():
    def several(a: Annotated[int, Field(validation_alias=AliasChoices("x", "y"))]): ...

    def same(a: Annotated[int, Field(alias="b")], b: int): ...

    assert "give the alias as one string" in str(refusal(several))
    assert "the same alias" in str(refusal(same))


def test_a_parameter_without_a_type_is_refused_with_what_to_write():
    def tool(a: int, count): ...

    error = refusal(tool)
    assert (error.tool, error.parameter) == ("tool", "count")
    assert "write `count: int`" in error.hint

    def default(unit="day"): ...

    assert "write `unit: str`" in refusal(default).hint

    def star(*items): ...

    assert "write `*items: int`" in refusal(star).hint

    def stars(**items): ...

    assert "write `**items: int`" in refusal(stars).hint


def test_validators_beside_a_type_run():
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value

    def tool(x: Annotated[int, AfterValidator(even), "text", {"minimum": 0}]):
        return x

    schema = ToolSchema.of(tool)
    assert schema.call({"x": 2}) == 2
    assert violations(schema, {"x": 1}) == {"$.x": "value_error"}
    assert violations(schema, {"x": -2}) == {"$.x": "greater_than_equal"}
