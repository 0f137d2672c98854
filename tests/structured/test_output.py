"""``OutputSchema``: contracts of types and of JSON Schemas."""

import datetime as dt
import json
import math
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union

import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    computed_field,
    field_validator,
)

from structured import OutputSchema, SchemaError, ValidationFailed, Violation

from .strategies import refused_at


class Line(BaseModel):
    """One line of an order."""

    item: str
    count: Annotated[int, Field(gt=0)] = 1


class Order(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    number: Annotated[int, Field(alias="orderNumber")]
    lines: list[Line] = []
    due: dt.date | None = None


def broken(schema: OutputSchema[Any], text: str) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        schema.validate_json(text)
    assert caught.value.contract == schema.name
    assert caught.value.text == text
    return {violation.path: violation.kind for violation in caught.value.violations}


# --- of -------------------------------------------------------------------------------------


def test_the_contract_of_a_type_is_made_once():
    assert OutputSchema.of(Order) is OutputSchema.of(Order)
    assert OutputSchema.of(list[Line]) is OutputSchema.of(list[Line])
    assert OutputSchema.of(Order).constraint is OutputSchema.of(Order).constraint
    assert OutputSchema.of(list[Line]) is not OutputSchema.of(list[Order])


def test_types_that_are_equal_and_not_the_same_keep_their_own_contracts():
    assert OutputSchema.of(Literal[1]).json_schema["const"] is not True
    assert OutputSchema.of(Literal[True]).json_schema["const"] is True
    assert OutputSchema.of(Annotated[int, Field(ge=1)]).json_schema["minimum"] == 1
    assert OutputSchema.of(Annotated[int, Field(ge=2)]).json_schema["minimum"] == 2


def test_a_type_with_unhashable_metadata_has_a_contract():
    type_ = Annotated[int, {"any": ["thing"]}]
    with pytest.raises(TypeError):
        hash(type_)
    assert OutputSchema.of(type_).validate_json("3") == 3


def test_name_and_description():
    assert OutputSchema.of(Line).name == "Line"
    assert OutputSchema.of(Line).description == "One line of an order."
    assert OutputSchema.of(int).description == ""
    assert repr(OutputSchema.of(Line)) == "OutputSchema[Line]"


@dataclass
class Pair:
    a: int


class Triple(NamedTuple):
    a: int


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


def test_a_type_is_named_as_a_person_would_write_it():
    class Local(BaseModel):
        a: int

    names = {
        int: "int",
        None: "None",
        Local: "Local",
        Pair: "Pair",
        Triple: "Triple",
        list[Line]: "list[Line]",
        list[list[Line]]: "list[list[Line]]",
        dict[str, list[Line]]: "dict[str, list[Line]]",
        Optional[int]: "int | None",  # noqa: UP045
        int | None: "int | None",
        Union[Line, list[Pair]]: "Line | list[Pair]",  # noqa: UP007
        Literal["a", "b"]: "Literal['a', 'b']",
        Annotated[int, Field(ge=1)]: "int",
        Annotated[list[Line], "about"]: "list[Line]",
        Box[int]: "Box[int]",
        Any: "Any",
    }
    assert {type_: OutputSchema.of(type_).name for type_ in names} == names


class Opaque:
    """A class that pydantic does not know."""


def numbers() -> Iterator[int]:
    yield 1


class Dangling(BaseModel):
    other: "Nowhere"  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(
    "type_",
    [
        Callable[[], int],
        Callable,
        Opaque,
        list[Opaque],
        type,
        range,
        slice,
        Iterator[int],
        Generator[int, None, None],
        Dangling,
        Annotated[str, Field(pattern="(")],
        5,
        ...,
        numbers,
        random,
    ],
)
def test_a_type_without_a_schema_is_refused_by_name(type_: Any):
    with pytest.raises(SchemaError) as caught:
        OutputSchema.of(type_)
    assert str(caught.value)
    assert caught.value.__cause__ is None


def test_text_is_no_type():
    with pytest.raises(SchemaError, match="from_json_schema"):
        OutputSchema.of('{"type": "object"}')


# --- validation -----------------------------------------------------------------------------


def test_a_value_is_read():
    lines = '[{"item": "tea"}, {"item": "cup", "count": 2}]'
    text = f'{{"orderNumber": 7, "lines": {lines}, "due": "2024-02-29"}}'
    order = OutputSchema.of(Order).validate_json(text)
    assert order == Order(
        number=7, lines=[Line(item="tea"), Line(item="cup", count=2)], due=dt.date(2024, 2, 29)
    )
    assert OutputSchema.of(Order).validate_json(text.encode()) == order
    assert OutputSchema.of(Order).validate_python(json.loads(text)) == order
    assert OutputSchema.of(Order).validate_python(order) is order


def test_violations_say_where_what_and_how():
    text = '{"lines": [{"item": "tea"}, {"item": 3, "count": 0}], "due": "tomorrow"}'
    assert broken(OutputSchema.of(Order), text) == {
        "$.orderNumber": "missing",
        "$.lines[1].item": "string_type",
        "$.lines[1].count": "greater_than",
        "$.due": "date_from_datetime_parsing",
    }
    with pytest.raises(ValidationFailed) as caught:
        OutputSchema.of(Order).validate_json(text)
    count = next(v for v in caught.value.violations if v.path == "$.lines[1].count")
    assert count == Violation(count.path, "Input should be greater than 0", "0", "greater_than")
    assert "$.orderNumber: Field required, got nothing" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "nothing", '{"a": 1}}', "[1,]", "'a'", "\x00"])
def test_what_is_not_json_is_said_to_be_none(text: str):
    assert broken(OutputSchema.of(Order), text) == {"$": "json_invalid"}
    assert broken(OutputSchema.from_json_schema({"type": "object"}), text) == {"$": "json_invalid"}


def test_bytes_that_are_not_utf8():
    with pytest.raises(ValidationFailed) as caught:
        OutputSchema.of(str).validate_json(b'"\xff"')
    assert caught.value.text == '"�"'
    assert caught.value.violations[0].kind == "json_invalid"


def test_json_that_is_nested_too_deeply_is_refused_and_not_a_crash():
    deep = "[" * 5000 + "]" * 5000
    recursive = {"type": "array", "items": {"$ref": "#"}}
    for schema in (OutputSchema.of(Any), OutputSchema.from_json_schema(recursive)):
        assert list(broken(schema, deep)) == ["$"]
    shallow = "[" * 100 + "]" * 100
    assert OutputSchema.from_json_schema(recursive).validate_json(shallow) == json.loads(shallow)


def test_a_validator_of_the_class_has_its_say():
    class Even(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def _even(cls, value: int) -> int:
            if value % 2:
                raise ValueError("must be even")
            return value

    assert broken(OutputSchema.of(Even), '{"n": 3}') == {"$.n": "value_error"}
    assert OutputSchema.of(Even).validate_json('{"n": 4}').n == 4


# --- partial --------------------------------------------------------------------------------


def test_the_beginning_of_a_text_is_worth_what_is_complete_in_it():
    schema = OutputSchema.of(list[Line])
    text = schema.dump_json([Line(item="tea", count=2), Line(item="cup", count=11)])
    seen: list[list[Line]] = []
    for end in range(1, len(text) + 1):
        try:
            value = schema.validate_partial(text[:end])
        except ValidationFailed:
            continue
        if not seen or value != seen[-1]:
            seen.append(value)
    assert seen[0] == []
    assert [Line(item="tea", count=2)] in seen
    assert seen[-1] == schema.validate_json(text)
    assert schema.validate_partial(text.encode()) == seen[-1]


def test_a_partial_text_that_already_breaks_the_contract_is_refused():
    with pytest.raises(ValidationFailed) as caught:
        OutputSchema.of(Order).validate_partial('{"orderNumber": "x", "lines": [')
    assert [violation.path for violation in caught.value.violations] == ["$.orderNumber"]
    with pytest.raises(ValidationFailed, match="orderNumber"):
        OutputSchema.of(Order).validate_partial('{"lines": [')


def test_an_unfinished_text_shows_as_far_as_it_has_come():
    Typed = OutputSchema.of(dict[str, str])
    assert Typed.validate_partial('{"a": "hel') == {"a": "hel"}


# --- aliases and computed fields ------------------------------------------------------------


def test_aliases_are_asked_for_and_written():
    schema = OutputSchema.of(Order)
    assert list(schema.json_schema["properties"]) == ["orderNumber", "lines", "due"]
    assert schema.dump_json(Order(number=7)) == '{"orderNumber": 7, "lines": [], "due": null}'
    assert schema.validate_json(schema.dump_json(Order(number=7))) == Order(number=7)


def test_of_several_names_the_first_is_asked_for():
    class Renamed(BaseModel):
        a: int = Field(validation_alias=AliasChoices("new", "old"))

    schema = OutputSchema.of(Renamed)
    assert list(schema.json_schema["properties"]) == ["new"]
    assert schema.validate_json('{"old": 1}').a == schema.validate_json('{"new": 1}').a == 1


def test_what_a_class_computes_is_never_asked_for():
    class Square(BaseModel):
        side: int

        @computed_field
        @property
        def area(self) -> int:
            return self.side**2

    schema = OutputSchema.of(Square)
    assert list(schema.json_schema["properties"]) == ["side"]
    assert refused_at(schema.constraint, '{"side": 3}') == ""
    assert refused_at(schema.constraint, '{"side": 3, "area": 9}')
    assert schema.dump(Square(side=3)) == {"side": 3, "area": 9}
    assert schema.validate_json(schema.dump_json(Square(side=3))) == Square(side=3)


# --- dump -----------------------------------------------------------------------------------


def test_what_is_dumped_is_json_and_compact():
    schema = OutputSchema.of(dict[str, Any])
    text = schema.dump_json({"日": ["\x7f\n", 1.5, None], "d": dt.date(2024, 1, 2)})
    assert text == '{"日": ["\\u007f\\n", 1.5, null], "d": "2024-01-02"}'
    assert refused_at(schema.constraint, text) == ""


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (float, math.inf),
        (float, math.nan),
        (Any, Opaque()),
        (bytes, b"\xff"),
        (Any, {"a": Opaque()}),
    ],
)
def test_what_json_cannot_carry_is_not_dumped(type_: Any, value: Any):
    with pytest.raises(SchemaError, match="cannot write"):
        OutputSchema.of(type_).dump_json(value)


def test_a_value_that_holds_itself_is_not_dumped():
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(SchemaError):
        OutputSchema.of(Any).dump_json(endless)


# --- from_json_schema -----------------------------------------------------------------------


POINT = {
    "title": "Point",
    "description": "A place.",
    "type": "object",
    "properties": {"x": {"type": "integer", "minimum": 0}, "tags": {"items": {"maxLength": 2}}},
    "required": ["x"],
    "additionalProperties": False,
}


def test_a_schema_given_as_a_dict_or_as_text():
    for schema in (
        OutputSchema.from_json_schema(POINT),
        OutputSchema.from_json_schema(json.dumps(POINT)),
    ):
        assert (schema.name, schema.description) == ("Point", "A place.")
        assert schema.json_schema == POINT
        assert schema.validate_json('{"x": 1}') == {"x": 1}
        assert broken(schema, '{"x": -1, "tags": ["abc"], "y": 2}') == {
            "$.x": "minimum",
            "$.tags[0]": "maxLength",
            "$.y": "additionalProperties",
        }
        assert refused_at(schema.constraint, '{"x": 12}') == ""
    assert OutputSchema.from_json_schema(POINT, name="p").name == "p"
    assert OutputSchema.from_json_schema({}).name == "value"


def test_values_are_not_coerced_by_a_json_schema():
    schema = OutputSchema.from_json_schema({"type": "integer"})
    assert broken(schema, '"1"') == {"$": "type"}
    assert broken(schema, "true") == {"$": "type"}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("", "JSON text"),
        ("{", "JSON text"),
        ("[]", "object"),
        ("true", "object"),
        (None, "object"),
        ([], "object"),
        ({"type": "intger"}, 'type: "intger" is not valid'),
        ({"properties": {"a": {"minimum": "1"}}}, "at $.properties.a: minimum: "),
        ({"required": "a"}, "at $: required: "),
        ({"pattern": "("}, "regular expression"),
        ({"$ref": "#/$defs/none"}, "'#/$defs/none' leads nowhere"),
        ({"properties": {"a": {"items": {"$ref": "other.json"}}}}, "leads nowhere"),
        ({"$ref": "https://example.com/schema.json"}, "nothing is fetched"),
        ({"$schema": 3}, "$schema"),
        ({"$schema": []}, "$schema"),
        ('{"a":' * 3000 + "1" + "}" * 3000, ""),
        ('{"not":' * 400 + "{}" + "}" * 400, "nested too deeply"),
    ],
)
def test_what_is_no_json_schema_is_refused(schema: Any, said: str):
    with pytest.raises(SchemaError) as caught:
        OutputSchema.from_json_schema(schema)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("draft", "schema", "valid", "invalid"),
    [
        ("http://json-schema.org/draft-04/schema#", {"minimum": 1, "exclusiveMinimum": True}, 2, 1),
        ("http://json-schema.org/draft-04/schema#", {"items": [{"type": "null"}]}, [None, 1], [1]),
        ("http://json-schema.org/draft-07/schema#", {"exclusiveMinimum": 1}, 2, 1),
        ("http://json-schema.org/draft-07/schema#", {"items": [{"type": "null"}]}, [None, 1], [1]),
        (
            "http://json-schema.org/draft-07/schema#",
            {"definitions": {"n": {"type": "null"}}, "items": {"$ref": "#/definitions/n"}},
            [None],
            [1],
        ),
        (
            "https://json-schema.org/draft/2020-12/schema",
            {"prefixItems": [{"type": "null"}], "items": False},
            [None],
            [None, 1],
        ),
        (None, {"prefixItems": [{"type": "null"}]}, [None], [1]),
        (None, {"$defs": {"n": {"$anchor": "here", "const": 1}}, "$ref": "#here"}, 1, 2),
    ],
)
def test_a_schema_is_read_in_its_draft(draft: str | None, schema: Any, valid: Any, invalid: Any):
    named = {"$schema": draft, **schema} if draft else schema
    contract = OutputSchema.from_json_schema(named)
    assert contract.validate_python(valid) == valid
    with pytest.raises(ValidationFailed):
        contract.validate_python(invalid)


def test_a_schema_of_the_wrong_draft_is_refused():
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#", "exclusiveMinimum": True}
    with pytest.raises(SchemaError, match="exclusiveMinimum"):
        OutputSchema.from_json_schema(draft_7)


def test_validators_see_the_context():
    from pydantic import AfterValidator, ValidationInfo

    def known(name: str, info: ValidationInfo) -> str:
        if name not in info.context:
            raise ValueError(f"nobody is called {name}")
        return name

    schema = OutputSchema.of(Annotated[str, AfterValidator(known)])
    assert schema.validate_json('"Bob"', context={"Bob"}) == "Bob"
    assert schema.validate_python("Bob", context={"Bob"}) == "Bob"
    assert schema.validate_partial('"Bob', context={"Bob"}) == "Bob"
    for validate in (schema.validate_json, schema.validate_partial):
        with pytest.raises(ValidationFailed, match="nobody is called Bob"):
            validate('"Bob"', context={"Alice"})
