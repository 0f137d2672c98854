"""Schemas of types: what validation refuses, a grammar must not let a model write."""

import copy
import datetime as dt
import enum
import itertools
import json
from collections import Counter, OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import jsonschema
import pytest
import typing_extensions
from pydantic import (
    UUID1,
    UUID4,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    FutureDate,
    HttpUrl,
    Json,
    NaiveDatetime,
    PastDate,
    PastDatetime,
    StringConstraints,
    TypeAdapter,
)

from structured import OutputSchema, ValidationFailed
from structured.json_schema import closed, mapped, pointed, resolved, subschemas

from .strategies import ENGINE, refused_at


def takes(type_: Any, value: object) -> bool:
    """Whether the grammar of a type lets a value through, given as JSON data."""
    text = json.dumps(value, ensure_ascii=False)
    return not refused_at(OutputSchema.of(type_).constraint, text)


def validates(type_: Any, value: object) -> bool:
    try:
        OutputSchema.of(type_).validate_json(json.dumps(value))
    except ValidationFailed:
        return False
    return True


def left_to_the_validator(type_: Any) -> list[tuple[str, str]]:
    relaxed = ENGINE.check(OutputSchema.of(type_).constraint)
    return [(relaxation.path, relaxation.reason) for relaxation in relaxed]


# --- spellings ------------------------------------------------------------------------------

SPELLINGS = [
    (dt.date, ["2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "2023-02-28"]),
    (dt.datetime, ["2024-02-29T23:59:59", "2024-02-29T23:59:59.999999Z"]),
    (dt.datetime, ["2024-01-31T00:00:00+23:59", "0001-01-01T00:00:00-23:59"]),
    (AwareDatetime, ["2024-01-31T00:00:00Z", "2024-01-31T00:00:00-05:30"]),
    (NaiveDatetime, ["2024-01-31T00:00:00", "2024-01-31T00:00:00.5"]),
    (dt.time, ["00:00:00", "23:59:59.000001", "12:00:00Z", "12:00:00-00:01"]),
    (dt.timedelta, ["P1D", "-P1D", "PT0S", "PT0.000001S", "P1Y35DT1H2M3.5S", "P2W", "PT36H"]),
    (UUID, ["00000000-0000-0000-0000-000000000000", "A" * 8 + "-aaaa-aaaa-aaaa-" + "f" * 12]),
    (UUID4, ["4b9e5a0e-3c43-4f0e-9d1c-0d6f0e6b8a11"]),
    (UUID1, ["4b9e5a0e-3c43-1f0e-bd1c-0d6f0e6b8a11"]),
    (Decimal, ["0", "-0", "1.10", "-12.5", "1E+3", "1E-7", "0E-10"]),
    (Annotated[Decimal, Field(ge=0)], ["0", "0.00", "1E+400"]),
    (Annotated[Decimal, Field(max_digits=4, decimal_places=2)], ["0", "99.99", "-1.5"]),
    (Annotated[Decimal, Field(max_digits=2, decimal_places=2)], ["0.5", "-0.55"]),
    (Annotated[Decimal, Field(max_digits=3, decimal_places=0)], ["999", "0", "-1"]),
    (Annotated[Decimal, Field(decimal_places=1)], ["123456789.5"]),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ["a", " a ", "\n."]),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)], ["abc", " a c "]),
    (dict[int, None], [{}, {"0": None, "-12": None}]),
    (dict[bool, None], [{"true": None}, {"false": None, "true": None}]),
    (dict[float, None], [{"1.5": None, "-2": None, "1e-07": None}]),
    (dict[dt.date, None], [{"2024-02-29": None}]),
    (dict[Literal["a", "b c"], None], [{"b c": None, "a": None}]),
    (dict[Annotated[str, Field(pattern="^[a-z]+$")], None], [{"abc": None}]),
    (dict[Annotated[str, Field(max_length=2)], None], [{"é\n": None, "": None}]),
]


@pytest.mark.parametrize(("type_", "values"), SPELLINGS)
def test_what_pydantic_writes_can_be_written(type_: Any, values: list[Any]):
    assert [value for value in values if not takes(type_, value)] == []
    assert [value for value in values if not validates(type_, value)] == []


REFUSED = [
    (dt.date, ["2023-02-29", "1900-02-29", "2024-02-30", "2024-04-31", "0000-01-01", "24-01-01"]),
    (dt.date, ["2024-13-01", "2024-00-01", "2024-01-00", "0000-02-29"]),
    (dt.datetime, ["2024-01-01T00:00:60Z", "2024-01-01T24:00:00", "2023-02-29T00:00:00"]),
    (dt.datetime, ["2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+00:60"]),
    (AwareDatetime, ["2024-01-31T00:00:00"]),
    (NaiveDatetime, ["2024-01-31T00:00:00Z"]),
    (dt.time, ["23:59:60Z", "24:00:00", "12:60:00"]),
    (dt.timedelta, ["P", "PT", "-P", "P9999999999D", "PT9999999999999S", "P-1D"]),
    (UUID, ["00000000-0000-0000-0000-00000000000", "g" * 8 + "-aaaa-aaaa-aaaa-" + "f" * 12]),
    (UUID4, ["4b9e5a0e-3c43-1f0e-9d1c-0d6f0e6b8a11"]),
    (Decimal, ["", ".", "1.2.3", "NaN", "Infinity", "1E99999999999999999999999"]),
    (Annotated[Decimal, Field(ge=0)], ["-1"]),
    (Annotated[Decimal, Field(max_digits=4, decimal_places=2)], ["100", "1.234"]),
    (Annotated[Decimal, Field(max_digits=2, decimal_places=2)], ["0", "1", "1.5", "0.555"]),
    (Annotated[Decimal, Field(max_digits=3, decimal_places=0)], ["1000", "1.5"]),
    (Annotated[Decimal, Field(decimal_places=1)], ["1.55"]),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ["", " ", "\n\t"]),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)], [" a ", "ab", "ab  "]),
    (dict[int, None], [{"a": None}, {"": None}, {"1.5": None}]),
    (dict[float, None], [{"a": None}]),
    (dict[bool, None], [{"maybe": None}]),
    (dict[dt.date, None], [{"2023-02-29": None}]),
    (dict[Literal["a", "b c"], None], [{"c": None}]),
    (dict[Annotated[str, Field(pattern="^[a-z]+$")], None], [{"A": None}]),
    (dict[Annotated[str, Field(max_length=2)], None], [{"abc": None}]),
    (OrderedDict[int, None], [{"a": None}]),
    (Counter[int], [{"a": 1}]),
]


@pytest.mark.parametrize(("type_", "values"), REFUSED)
def test_what_pydantic_refuses_cannot_be_written(type_: Any, values: list[Any]):
    assert [value for value in values if takes(type_, value)] == []
    assert [value for value in values if validates(type_, value)] == []


def test_every_day_of_four_centuries_boundaries_is_told_from_the_days_that_there_are_not():
    for year, month, day in itertools.product(
        (1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 2100, 9999),
        range(14),
        (0, 1, 28, 29, 30, 31, 32),
    ):
        try:
            dt.date(year, month, day)
            there_is = True
        except ValueError:
            there_is = False
        assert takes(dt.date, f"{year:04}-{month:02}-{day:02}") == there_is


@pytest.mark.parametrize("digits", [None, 1, 2, 4])
@pytest.mark.parametrize("places", [None, 0, 1, 3])
def test_no_decimal_gets_through_that_has_too_many_digits(digits: int | None, places: int | None):
    type_: Any = Annotated[Decimal, Field(max_digits=digits, decimal_places=places)]
    texts = [
        whole + fraction
        for whole in ("0", "7", "-12", "123", "4567", "12345")
        for fraction in ("", ".0", ".5", ".25", ".125", ".0625")
    ]
    let_through = [text for text in texts if takes(type_, text)]
    assert let_through or places == digits
    wrong = [text for text in let_through if not validates(type_, text)]
    assert not wrong or any("digits" in reason for _, reason in left_to_the_validator(type_))
    if places is not None or digits is None:
        assert not wrong


# --- what only the validator can say --------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        (Annotated[dt.date, Field(ge=dt.date(2020, 1, 1))], "x-rules: >= 2020-01-01"),
        (
            Annotated[dt.datetime, Field(lt=dt.datetime(2020, 1, 1))],
            "x-rules: < 2020-01-01 00:00",
        ),
        (Annotated[dt.time, Field(gt=dt.time(12))], "x-rules: > 12:00:00"),
        (Annotated[dt.timedelta, Field(le=dt.timedelta(1))], "x-rules: <= 1 day, 0:00:00"),
        (PastDate, "x-rules: in the past"),
        (FutureDate, "x-rules: in the future"),
        (PastDatetime, "x-rules: in the past"),
        (Annotated[Decimal, Field(gt=0)], "x-rules: > 0"),
        (Annotated[Decimal, Field(multiple_of=Decimal("0.5"))], "x-rules: a multiple of 0.5"),
        (Annotated[Decimal, Field(max_digits=3)], "x-rules: at most 3 digits"),
        (FiniteFloat, "x-rules: a finite number"),
        (HttpUrl, "x-rules: a valid URL"),
        (Json, "x-rules: JSON text"),
        (complex, "x-rules: a complex number, such as 1+2j"),
        (dict[Annotated[int, Field(ge=0)], int], "x-rules: keys: minimum 0"),
        (dict[None, int], "x-rules: keys as the type writes them"),
        (
            Annotated[str, StringConstraints(strip_whitespace=True, pattern="^a")],
            "x-rules: no white space around the text",
        ),
        (set[int], "uniqueItems: a grammar does not"),
        (Annotated[dict[str, int], Field(min_length=2)], "minProperties: a key written twice"),
    ],
)
def test_rules_that_no_grammar_states_are_reported_where_they_stand(type_: Any, reason: str):
    class Holder(BaseModel):
        value: type_

    assert any(reason in found for _, found in left_to_the_validator(type_))
    paths = {path for path, found in left_to_the_validator(Holder) if reason in found}
    assert paths
    assert all(path.startswith("$.properties.value") for path in paths)


@pytest.mark.parametrize(
    "type_",
    [
        *(int, float, bool, str, None, dt.date, dt.datetime, dt.time, dt.timedelta, UUID, UUID4),
        *(Decimal, Annotated[Decimal, Field(ge=0, max_digits=5, decimal_places=2)]),
        *(dict[int, str], dict[dt.date, int], dict[UUID, int], dict[Decimal, int]),
        *(list[int], tuple[int, str], tuple[int, ...], Literal["a", 1], int | str | None),
        Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)],
    ],
)
def test_nothing_is_left_to_the_validator_of_ordinary_types(type_: Any):
    assert left_to_the_validator(type_) == []


def test_a_class_says_by_its_configuration_what_its_fields_do_not():
    class Strict(BaseModel):
        model_config = ConfigDict(str_strip_whitespace=True, allow_inf_nan=False)
        name: Annotated[str, Field(min_length=1)]
        share: float

    class Outer(BaseModel):
        inner: Strict
        name: Annotated[str, Field(min_length=1)]
        share: float

    @dataclass
    class Plain:
        __pydantic_config__ = ConfigDict(allow_inf_nan=False)
        share: float

    assert not takes(Strict, {"name": " ", "share": 1})
    assert takes(Strict, {"name": "a", "share": 1})
    assert [path for path, _ in left_to_the_validator(Strict)] == ["$.properties.share"]
    assert takes(Outer, {"inner": {"name": "a", "share": 1}, "name": " ", "share": 1})
    assert [path for path, _ in left_to_the_validator(Outer)] == [
        "$['$defs'].Strict.properties.share"
    ]
    assert [path for path, _ in left_to_the_validator(Plain)] == ["$.properties.share"]


def test_every_schema_is_a_valid_one_of_the_current_draft():
    for type_, _ in SPELLINGS + REFUSED:
        schema = OutputSchema.of(type_).json_schema
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_schema_itself_says_what_the_grammar_enforces():
    for type_, values in SPELLINGS:
        # Formats are for readers: RFC 3339's would forbid a time without a zone.
        check = jsonschema.Draft202012Validator(OutputSchema.of(type_).json_schema)
        assert [value for value in values if not check.is_valid(value)] == []
    for type_, values in REFUSED:
        check = jsonschema.Draft202012Validator(OutputSchema.of(type_).json_schema)
        assert [value for value in values if check.is_valid(value)] == []


# --- what a schema holds --------------------------------------------------------------------


class Inner(BaseModel):
    """What is inside."""

    n: int = 3


class Thing(BaseModel):
    model_config = ConfigDict(title="Thing")
    size: Annotated[float, Field(description="how large")]
    inner: Inner = Inner()
    when: Any = object()


def test_no_titles_that_repeat_a_name_and_no_default_that_json_cannot_carry():
    schema = OutputSchema.of(Thing).json_schema
    assert schema["properties"]["size"] == {"type": "number", "description": "how large"}
    assert schema["properties"]["when"] == {}
    assert schema["required"] == ["size"]
    assert OutputSchema.of(Thing).validate_json('{"size":1}').inner == Inner(n=3)


def test_objects_are_closed_unless_their_class_wants_more_keys():
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        a: int

    Typed = typing_extensions.TypedDict("Typed", {"a": int})  # noqa: UP013

    assert OutputSchema.of(Thing).json_schema["additionalProperties"] is False
    assert OutputSchema.of(Thing).json_schema["$defs"]["Inner"]["additionalProperties"] is False
    assert OutputSchema.of(Typed).json_schema["additionalProperties"] is False
    assert OutputSchema.of(Open).json_schema["additionalProperties"] is True
    assert OutputSchema.of(dict[str, int]).json_schema["additionalProperties"] == {
        "type": "integer"
    }
    assert not takes(Thing, {"size": 1, "colour": "red"})
    assert takes(Open, {"a": 1, "colour": "red"})


def test_enums_give_their_values_back():
    class Mixed(enum.Enum):
        A = "a"
        B = 2
        C = 1.5
        D = None
        E = True

    for member in Mixed:
        assert takes(Mixed, member.value)
        assert OutputSchema.of(Mixed).validate_json(json.dumps(member.value)) is member
    assert not takes(Mixed, "b")


SCHEMA = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"items": [{"const": {"type": "no schema"}}]}},
    "$defs": {"A": {"anyOf": [{"type": "null"}, True]}},
    "default": {"properties": {"x": {"type": "data"}}},
    "not": {"if": {"minimum": 1}},
    "propertyNames": {"maxLength": 3},
}


def test_subschemas_are_found_where_schemas_stand_and_nowhere_else():
    found = dict(subschemas(SCHEMA))
    assert set(found) == {
        (),
        ("properties", "a"),
        ("properties", "b"),
        ("properties", "b", "items", 0),
        ("$defs", "A"),
        ("$defs", "A", "anyOf", 0),
        ("not",),
        ("not", "if"),
        ("propertyNames",),
    }
    for location, node in found.items():
        place: Any = SCHEMA
        for step in location:
            place = place[step]
        assert place is node


def test_mapped_and_closed_leave_the_original_alone():
    before = copy.deepcopy(SCHEMA)
    counted = mapped(SCHEMA, lambda node: {**node, "seen": True})
    assert sum("seen" in node for _, node in subschemas(counted)) == len(dict(subschemas(SCHEMA)))
    assert "seen" not in counted["default"]["properties"]["x"]
    assert closed(SCHEMA)["additionalProperties"] is False
    assert "additionalProperties" not in closed(SCHEMA)["$defs"]["A"]
    assert before == SCHEMA


def test_references_are_followed_inside_the_schema():
    root = {"$defs": {"a/b~c": {"type": "null"}, "loop": {"$ref": "#/$defs/loop"}}}
    assert pointed(root, "#") is root
    assert pointed(root, "#/$defs/a~1b~0c") == {"type": "null"}
    assert pointed(root, "#/$defs/none") is pointed(root, "http://x") is pointed(root, "#a") is None
    assert resolved(root, {"$ref": "#/$defs/a~1b~0c"}) == {"type": "null"}
    assert resolved(root, {"$ref": "#/$defs/loop"}) is None
    assert resolved(root, {"$ref": 3}) is None
    assert resolved(root, True) is True


def test_a_rule_is_a_keyword_that_other_validators_ignore():
    schema = OutputSchema.of(PastDate).json_schema
    assert schema["x-rules"] == ["in the past"]
    again = OutputSchema.from_json_schema(schema)
    assert again.validate_json('"2999-01-01"') == "2999-01-01"
    assert TypeAdapter(PastDate).json_schema()["format"] == schema["format"] == "date"
