"""Kinds of types, one by one: what a model may write for them, and what it must not."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import fractions
import ipaddress
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union
from uuid import UUID

import pytest
import typing_extensions
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    Base64Bytes,
    Base64Str,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    FilePath,
    ImportString,
    IPvAnyAddress,
    Json,
    PlainValidator,
    PrivateAttr,
    RootModel,
    SecretBytes,
    SecretStr,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    WrapValidator,
    computed_field,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from structured import OutputSchema, SchemaError, ValidationFailed

from .strategies import ENGINE, refused_at

T = TypeVar("T")


def is_written(type_: Any, value: Any) -> str:
    """The text of a value, which the grammar lets through and which is read back."""
    schema = OutputSchema.of(type_)
    text = schema.dump_json(value)
    assert refused_at(schema.constraint, text) == "", text
    read = schema.validate_json(text)
    assert read == value, text
    return text


def is_refused(type_: Any, *texts: str) -> None:
    """Neither the grammar nor validation takes a text."""
    schema = OutputSchema.of(type_)
    assert [text for text in texts if refused_at(schema.constraint, text) == ""] == []
    for text in texts:
        with pytest.raises(ValidationFailed):
            schema.validate_json(text)


def is_not_written(type_: Any, *texts: str) -> None:
    """The grammar takes none of the texts; validation may be kinder."""
    schema = OutputSchema.of(type_)
    assert [text for text in texts if refused_at(schema.constraint, text) == ""] == []


def rules(type_: Any) -> set[str]:
    """What the grammar leaves to validation."""
    return {relaxed.reason for relaxed in ENGINE.check(OutputSchema.of(type_).constraint)}


# --- names ------------------------------------------------------------------------------------


class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    both: int = Field(alias="Both")
    apart: int = Field(validation_alias="in", serialization_alias="out")
    several: int = Field(default=0, validation_alias=AliasChoices("new", "old"))


def test_what_comes_in_is_written_under_the_name_that_is_read():
    value = Named(Both=1, **{"in": 2}, new=3)
    assert is_written(Named, value) == '{"Both": 1, "in": 2, "new": 3}'
    assert OutputSchema.of(Named).dump(value) == {"Both": 1, "out": 2, "several": 3}
    is_refused(Named, '{"Both": 1, "out": 2}')
    nested = is_written(dict[str, list[Named]], {"a": [value]})
    assert nested == '{"a": [{"Both": 1, "in": 2, "new": 3}]}'


class Deep(BaseModel):
    x: int = Field(validation_alias=AliasPath("at", "x"))
    y: int = Field(default=7, validation_alias=AliasPath("at", "y"))
    first: str = Field(validation_alias=AliasPath("items", 0))
    third: str = Field(validation_alias=AliasPath("items", 2, "text"))
    plain: bool = Field(validation_alias=AliasChoices(AliasPath("a", "b"), "plain"))


def test_a_path_is_where_the_field_is_read_from():
    value = OutputSchema.of(Deep).validate_json(
        '{"at": {"x": 1}, "items": ["a", 0, {"text": "c"}], "plain": true}'
    )
    assert (value.x, value.y, value.first, value.third, value.plain) == (1, 7, "a", "c", True)
    text = is_written(Deep, value)
    assert text == '{"at": {"x": 1, "y": 7}, "items": ["a", null, {"text": "c"}], "plain": true}'
    schema = OutputSchema.of(Deep).json_schema
    assert list(schema["properties"]) == ["at", "items", "plain"]
    assert schema["required"] == ["at", "items", "plain"]
    assert schema["properties"]["at"]["required"] == ["x"]
    is_refused(Deep, '{"at": {}, "items": ["a", 0, {"text": "c"}], "plain": true}')


def test_two_fields_that_read_the_same_place():
    class Twice(BaseModel):
        raw: dict[str, int] = Field(validation_alias="at")
        x: int = Field(validation_alias=AliasPath("at", "x"))

    assert OutputSchema.of(Twice).validate_json('{"at": {"x": 1}}').x == 1
    assert any("several ways" in rule for rule in rules(Twice))


def test_a_place_from_the_end_of_a_list_is_refused():
    class Last(BaseModel):
        x: int = Field(validation_alias=AliasPath("at", -1))

    with pytest.raises(SchemaError, match="from 0 on"):
        OutputSchema.of(Last)


def test_names_that_a_class_does_not_read():
    class ByName(BaseModel):
        model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)
        a: int = Field(alias="A")

    assert is_written(ByName, ByName(a=1)) == '{"a": 1}'

    class Generated(BaseModel):
        model_config = ConfigDict(alias_generator=str.title)
        a_b: int

    assert is_written(Generated, Generated(A_B=1)) == '{"A_B": 1}'


# --- what a class shows and hides -------------------------------------------------------------


class Hiding(BaseModel):
    shown: int
    hidden: list[Decimal] = Field(exclude=True)
    secret: SecretStr
    bytes_: SecretBytes = Field(default=SecretBytes(b""), alias="bytes")
    _private: int = PrivateAttr(default=1)

    @computed_field
    @property
    def double(self) -> int:
        return self.shown * 2


def test_a_model_writes_what_a_class_hides_and_not_what_it_computes():
    value = Hiding(shown=1, hidden=[Decimal("1.5")], secret="pass", bytes=b"key")
    text = is_written(Hiding, value)
    assert text == '{"shown": 1, "hidden": ["1.5"], "secret": "pass", "bytes": "key"}'
    assert "double" not in OutputSchema.of(Hiding).json_schema["properties"]
    assert "_private" not in OutputSchema.of(Hiding).json_schema["properties"]
    shown = OutputSchema.of(Hiding).dump(value)
    assert shown == {"shown": 1, "secret": "**********", "bytes": "**********", "double": 2}


def test_json_inside_a_string():
    class Holder(BaseModel):
        data: Json[list[int]]

    assert is_written(Holder, Holder(data="[1, 2]")) == '{"data": "[1,2]"}'
    assert rules(Holder) == {"x-rules: JSON text"}


def test_bytes_are_written_as_their_class_reads_them():
    class Base64(BaseModel):
        model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")
        data: Annotated[bytes, Field(min_length=1, max_length=4)]

    class Hexadecimal(BaseModel):
        model_config = ConfigDict(val_json_bytes="hex", ser_json_bytes="base64")
        data: Annotated[bytes, Field(min_length=1, max_length=2)]

    for data in (b"\xff", b"\xff\x00", b"abc", b"\xfb\xff\xbe\xad"):
        is_written(Base64, Base64(data=data))
    is_refused(
        Base64, '{"data": ""}', '{"data": "a"}', '{"data": "aa"}', '{"data": "aaaaaaaaaaaa"}'
    )
    assert is_written(Hexadecimal, Hexadecimal(data=b"\xff\x01")) == '{"data": "ff01"}'
    is_refused(Hexadecimal, '{"data": "f"}', '{"data": "fg"}', '{"data": "ffffff"}', '{"data": ""}')
    assert is_written(bytes, "é".encode()) == '"é"'
    short = Annotated[bytes, Field(min_length=2, max_length=3)]
    is_written(short, "é".encode())
    assert rules(short) == {"x-rules: at least 2 bytes; at most 3 bytes"}
    is_written(Base64Bytes, b"\x00\xff")
    is_written(Base64Str, "ab")
    is_refused(Base64Bytes, '"a"', '"aa"')


def test_durations_as_numbers_are_still_written_as_text():
    class Seconds(BaseModel):
        model_config = ConfigDict(ser_json_timedelta="float")
        wait: dt.timedelta

    assert is_written(Seconds, Seconds(wait=dt.timedelta(seconds=1.5))) == '{"wait": "PT1.5S"}'


# --- classes ----------------------------------------------------------------------------------


class Box(BaseModel, Generic[T]):
    content: T
    more: list[T] = []


def test_generic_classes():
    assert is_written(Box[dt.date], Box[dt.date](content=dt.date(2024, 2, 29)))
    inner = Box[Box[int]](content=Box[int](content=1), more=[Box[int](content=2, more=[3])])
    is_written(Box[Box[int]], inner)
    is_refused(Box[int], '{"content": "a"}', '{"content": 1, "more": ["a"]}')
    assert OutputSchema.of(Box[int]).name == "Box[int]"


class Ids(RootModel[list[Annotated[int, Field(ge=1)]]]):
    pass


def test_a_root_model_is_its_root():
    assert is_written(Ids, Ids([1, 2])) == "[1, 2]"
    assert is_written(dict[str, Ids], {"a": Ids([3])}) == '{"a": [3]}'
    is_refused(Ids, "[0]", '{"root": [1]}')


class Husband(BaseModel):
    wife: Wife | None = None


class Wife(BaseModel):
    husband: Husband | None = None
    friends: list[Wife] = []


def test_classes_that_need_each_other():
    value = Husband(wife=Wife(husband=Husband(), friends=[Wife(), Wife(husband=Husband())]))
    is_written(Husband, value)
    is_refused(Husband, '{"wife": {"husband": {"wife": 3}}}')


class Nameless(BaseModel):
    secret: int = Field(exclude=True)
    shown: int = Field(alias="")


def test_a_name_may_be_empty():
    value = Nameless.model_validate({"secret": 1, "": 2})
    assert is_written(Nameless, value) == '{"secret": 1, "": 2}'


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]
    a: int


def test_keys_that_a_class_keeps():
    assert is_written(Open, Open(a=1, b=2)) == '{"a": 1, "b": 2}'
    is_refused(Open, '{"a": 1, "b": "x"}')


@dataclasses.dataclass
class Data:
    a: int
    b: list[str] = dataclasses.field(default_factory=list)
    made: int = dataclasses.field(default=1, init=False)
    given: dataclasses.InitVar[int] = 3


class Point(NamedTuple):
    x: int
    label: str = "here"


class Partly(typing_extensions.TypedDict, total=False):
    a: typing_extensions.Required[int]
    b: str


def test_other_kinds_of_classes():
    assert is_written(Data, Data(1, ["x"])) == '{"a": 1, "b": ["x"]}'
    assert "made" not in OutputSchema.of(Data).json_schema["properties"]
    is_not_written(Data, '{"a": 1, "made": 2}', '{"a": 1, "given": "x"}')
    assert is_written(Point, Point(1, "a")) == '[1, "a"]'
    assert OutputSchema.of(Point).validate_json("[1]") == Point(1)
    for value in (Partly(a=1), Partly(a=1, b="x")):
        is_written(Partly, value)
    is_refused(Partly, "{}", '{"b": "x"}')


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog", "hound"]
    tricks: list[str] = []


def _kind(value: Any) -> str:
    found = value.get("kind") if isinstance(value, dict) else value.kind
    return "cat" if found == "cat" else "dog"


@pytest.mark.parametrize(
    "type_",
    [
        Annotated[Cat | Dog, Field(discriminator="kind")],
        Annotated[
            Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")],
            Discriminator(_kind),
        ],
    ],
)
def test_unions_that_are_told_apart(type_: Any):
    is_written(type_, Cat(lives=9))
    is_written(list[type_], [Dog(kind="hound", tricks=["sit"]), Cat(lives=1)])
    is_refused(type_, '{"kind": "cow"}', '{"kind": "cat", "lives": "x"}')
    is_not_written(type_, '{"kind": "dog", "lives": 1}')


def test_what_tells_classes_apart_must_be_written_even_where_it_has_a_default():
    union = Annotated[Cat | Dog, Field(discriminator="kind")]
    is_refused(union, '{"lives": 1}')
    is_refused(list[union], '[{"lives": 1}]')
    assert OutputSchema.of(union).json_schema["$defs"]["Cat"]["required"] == ["kind", "lives"]
    assert OutputSchema.of(Cat).json_schema["required"] == ["lives"]


def test_what_a_function_tells_apart_is_left_to_it():
    told = Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(_kind)]
    assert "x-rules: told apart by _kind" in rules(told)


# --- enumerations and literals ----------------------------------------------------------------


class Size(enum.IntEnum):
    S = 1
    L = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2
    RUN = 4


class Many(enum.IntFlag):
    A, B, C, D, E, F, H = 1, 2, 4, 8, 16, 32, 128


def test_enumerations():
    is_written(Size, Size.L)
    is_written(dict[Size, int], {Size.S: 1})
    is_written(dict[Literal["a", "b"], int], {"a": 1})
    is_refused(Size, "3", '"S"')
    for rights in (Rights(0), Rights.READ, Rights.READ | Rights.RUN):
        is_written(Rights, rights)
    is_refused(Rights, "8")
    is_not_written(Rights, "-1")
    is_written(Many, Many.A | Many.H)
    assert rules(Many) == {"x-rules: flags that there are"}


def test_literals_tell_a_boolean_from_a_number():
    for value in (1, True, "a", None):
        is_written(Literal[1, True, "a", None], value)
    is_not_written(Literal[1], "true", '"1"')
    is_not_written(Literal[True], "1")
    assert OutputSchema.of(Literal[1, True]).validate_json("true") is True


# --- containers and scalars -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (tuple[()], ()),
        (set[Literal["a", "b"]], {"a", "b"}),
        (frozenset[tuple[int, int]], frozenset({(1, 2)})),
        (collections.deque[int], collections.deque([1, 2])),
        (Annotated[collections.deque[int], Field(max_length=2)], collections.deque([1], 2)),
        (collections.OrderedDict[str, int], collections.OrderedDict(b=1, a=2)),
        (collections.Counter[str], collections.Counter("aab")),
        (collections.defaultdict[str, list[int]], {"a": [1]}),
        (Optional[int], None),  # noqa: UP045
        (Union[int, str, None], "a"),  # noqa: UP007
        (dict[UUID, dt.datetime], {UUID(int=1): dt.datetime(2024, 1, 1)}),
        (dict[Path, Decimal], {Path("a/b"): Decimal("1.50")}),
        (Path, Path("a/b c")),
        (complex, 1 + 2j),
        (fractions.Fraction, fractions.Fraction(3, 4)),
        (re.Pattern[str], re.compile("a+")),
        (ipaddress.IPv4Address, ipaddress.IPv4Address("127.0.0.1")),
        (ipaddress.IPv6Address, ipaddress.IPv6Address("::1")),
        (ipaddress.IPv4Network, ipaddress.IPv4Network("10.0.0.0/8")),
        (IPvAnyAddress, ipaddress.IPv6Address("::1")),
        (ByteSize, ByteSize(1024)),
        (Annotated[int, Field(gt=3, lt=9, multiple_of=2)], 8),
        (Annotated[Decimal, Field(ge=0, le=10, decimal_places=1)], Decimal("9.5")),
        (typing_extensions.TypeAliasType("Alias", list[int]), [1]),
    ],
)
def test_a_value_is_written_and_read_back(type_: Any, value: Any):
    is_written(type_, value)

    class Holder(BaseModel):
        field: type_

    is_written(Holder, Holder(field=value))


def test_addresses_need_a_package():
    pytest.importorskip("email_validator")
    from pydantic import EmailStr, NameEmail

    is_written(EmailStr, "a.b@example.com")
    is_refused(EmailStr, '"a"', '"a@"')
    assert "x-rules: a valid e-mail address" in rules(EmailStr)
    assert rules(NameEmail) == {"x-rules: an e-mail address, perhaps with a name"}


# --- what only validation knows ---------------------------------------------------------------


def even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


def split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("type_", "rule"),
    [
        (Annotated[int, AfterValidator(even)], "checked by even"),
        (Annotated[int, BeforeValidator(even)], "checked by even"),
        (Annotated[int, WrapValidator(lambda v, handler: handler(v))], "checked by a validator"),
        (Annotated[Any, PlainValidator(even)], "checked by even"),
        (Annotated[list[int], BeforeValidator(split, json_schema_input_type=str)], "by split"),
        (ByteSize, "a size such as 10 MB"),
        (FilePath, "a file that exists"),
        (ImportString, "something that Python can import"),
        (ipaddress.IPv4Network, "a valid IPv4 network"),
        (IPvAnyAddress, "a valid IP address"),
        (Base64Str, "an encoded text"),
        (fractions.Fraction, "a finite fraction"),
        (collections.abc.Hashable, "Hashable"),
        (Annotated[int, WithJsonSchema({"type": "string"})], "whose schema its author wrote"),
    ],
)
def test_what_only_a_validator_knows_is_listed(type_: Any, rule: str):
    class Holder(BaseModel):
        value: type_

    assert any(rule in found for found in rules(type_))
    paths = {
        relaxed.path
        for relaxed in ENGINE.check(OutputSchema.of(Holder).constraint)
        if rule in relaxed.reason
    }
    assert paths
    assert all(path.startswith("$.properties.value") for path in paths)


class Range(BaseModel):
    low: int
    high: int

    @field_validator("low", "high")
    @classmethod
    def small(cls, value: int, info: ValidationInfo) -> int:
        if value > (info.context or {}).get("most", 100):
            raise ValueError("too large")
        return value

    @model_validator(mode="after")
    def ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError("low > high")
        return self


def test_the_validators_of_a_class_are_listed_where_they_stand():
    class Two(BaseModel):
        a: Range
        b: list[Range]

    found = {
        (relaxed.path, relaxed.reason) for relaxed in ENGINE.check(OutputSchema.of(Two).constraint)
    }
    assert found == {
        ("$['$defs'].Range", "x-rules: checked by ordered"),
        ("$['$defs'].Range.properties.low", "x-rules: checked by small"),
        ("$['$defs'].Range.properties.high", "x-rules: checked by small"),
    }
    outermost = {relaxed.path for relaxed in ENGINE.check(OutputSchema.of(Range).constraint)}
    assert outermost == {"$", "$.properties.low", "$.properties.high"}


def test_validators_see_a_context():
    schema = OutputSchema.of(Range)
    assert schema.validate_json('{"low": 1, "high": 9}').high == 9
    for read in (schema.validate_json, schema.validate_partial):
        with pytest.raises(ValidationFailed, match="too large"):
            read('{"low": 1, "high": 9}', context={"most": 5})
    with pytest.raises(ValidationFailed, match="too large"):
        schema.validate_python({"low": 1, "high": 9}, context={"most": 5})


@pytest.mark.parametrize(
    "type_",
    [type[int], typing_extensions.Never, Annotated[int, SkipJsonSchema()]],
)
def test_what_json_cannot_say_is_refused(type_: Any):
    with pytest.raises(SchemaError):
        OutputSchema.of(type_)


def test_a_serialiser_of_a_class_is_left_alone():
    from pydantic import model_serializer

    class Odd(BaseModel):
        a: int

        @model_serializer
        def _text(self) -> str:
            return f"<{self.a}>"

    assert OutputSchema.of(Odd).as_input(Odd(a=1)) == "<1>"


def test_schemas_of_all_of_these_are_valid():
    import jsonschema

    for type_ in (Named, Deep, Hiding, Box[int], Ids, Husband, Open, Data, Point, Partly, Range):
        jsonschema.Draft202012Validator.check_schema(OutputSchema.of(type_).json_schema)
        json.dumps(OutputSchema.of(type_).json_schema)
