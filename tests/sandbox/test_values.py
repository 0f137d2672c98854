"""Values ↔ tagged JSON, and what the host believes of it."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import enum
import itertools
import json
import math
import re
import uuid
import zoneinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, TypeAdapter

from sandbox import values
from sandbox.modules.zones import ZoneInfo
from sandbox.values import NotData, Packed, TooLarge, decode, encode, plain


def cross(value: Any, **options: Any) -> Any:
    return json.loads(json.dumps(encode(value, **options), allow_nan=False))


UTC = datetime.UTC
_count = itertools.count()


def number(value: Any) -> str:
    """An id for a parameter; many of them have no text of their own."""
    return value if type(value) is str and value.isalnum() else str(next(_count))


SAME: list[Any] = [
    *(None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**4300 - 1),
    *(0.0, -0.0, 1.5, 5e-324, 1.7976931348623157e308, "", "é", "😀", "\x00", '"\\', "$"),
    *(b"", b"\x00\xff", (), (1,), ((),), [], [[]], set(), {1, "a"}, frozenset(), frozenset({1})),
    *({}, {"a": {}}, {1: 2}, {None: 1}, {True: "x"}, {(1, 2): [3]}, {"$": 1}, {"$": "int", "v": 1}),
    *({"$a": 1}, {frozenset({1}): 1}, {1.5: 1}, 3 + 4j, complex(-0.0, math.inf)),
    datetime.datetime.min,
    datetime.datetime.max,
    datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
    datetime.datetime(2024, 1, 1, tzinfo=UTC),
    datetime.datetime(
        2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=7))
    ),
    datetime.date.min,
    datetime.date(2024, 2, 29),
    datetime.time(1, 2, 3, 4),
    datetime.time(23, 59, tzinfo=UTC),
    *(datetime.timedelta.min, datetime.timedelta.max, datetime.timedelta(microseconds=-1)),
    *(Decimal("-1.50"), Decimal("0E-7"), Decimal("1E+999999"), Decimal("Infinity")),
    *(Fraction(-1, 3), Fraction(5), uuid.UUID(int=2**128 - 1)),
]


@pytest.mark.parametrize("value", SAME, ids=number)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    back = decode(cross(value))
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_floats_that_json_has_not() -> None:
    assert math.isnan(decode(cross(math.nan)))
    assert decode(cross([math.inf, -math.inf])) == [math.inf, -math.inf]
    assert plain(cross([math.inf, -math.inf, math.nan])) == ["Infinity", "-Infinity", "NaN"]
    assert TypeAdapter(float).validate_json(json.dumps(plain(cross(-math.inf)))) == -math.inf
    assert decode(cross(Decimal("NaN"))).is_nan()


def test_zones_keep_their_name_and_the_second_of_two_equal_times() -> None:
    paris = ZoneInfo("Europe/Paris")
    for fold in (0, 1):
        moment = datetime.datetime(2024, 10, 27, 2, 30, tzinfo=paris, fold=fold)
        back = decode(cross(moment))
        assert (back.tzinfo, back.fold, back.utcoffset()) == (paris, fold, moment.utcoffset())
    assert plain(cross(moment)) == "2024-10-27T02:30:00+01:00"
    host = datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))
    assert decode(cross(host)).tzinfo is paris
    bare = datetime.datetime(2024, 10, 27, 2, 30, fold=1)
    assert decode(cross(bare)).fold == 1


def test_other_zones_become_their_offset() -> None:
    class Mine(datetime.tzinfo):
        def utcoffset(self, moment: Any) -> datetime.timedelta:
            return datetime.timedelta(hours=2)

    class Broken(datetime.tzinfo):
        def utcoffset(self, moment: Any) -> datetime.timedelta:
            raise ZeroDivisionError

    assert plain(cross(datetime.datetime(2024, 1, 1, tzinfo=Mine()))) == "2024-01-01T00:00:00+02:00"
    with pytest.raises(NotData, match=r"zone that fails \(ZeroDivisionError\)"):
        encode(datetime.datetime(2024, 1, 1, tzinfo=Broken()))


def test_flags_of_patterns_are_numbers() -> None:
    assert decode(cross(re.I | re.M)) == int(re.I | re.M)


def test_collections_become_plain_ones() -> None:
    assert decode(cross(collections.Counter("aab"))) == {"a": 2, "b": 1}
    ordered = collections.OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    assert list(decode(cross(ordered))) == ["b", "a"]
    assert decode(cross(collections.deque([1, 2]))) == [1, 2]
    assert decode(cross([range(3), {"a": 1}.keys(), {"a": 1}.items()])) == [
        [0, 1, 2],
        ["a"],
        [("a", 1)],
    ]
    assert decode(cross(bytearray(b"a"))) == b"a"


class Sub(dict):  # type: ignore[type-arg]
    pass


class Text(str):
    def encode(self, *args: Any) -> Any:
        raise AssertionError("the value's own method was called")


class Number(int):
    def __repr__(self) -> str:
        raise AssertionError("the value's own method was called")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 0, "a function is not data; call it"),
        ((x for x in ()), "a generator is not data; return list"),
        (map(str, []), "a map is not data; return list"),
        (iter([]), "a list_iterator is not data; return list"),
        (object(), "a object is not data"),
        (int, "a type is not data"),
        (Sub(), "a Sub is not data"),
        (Text("a"), "a Text is not data"),
        (Number(5), "a Number is not data"),
        (NotImplemented, "is not data"),
        (ValueError("x"), "is not data"),
        ("\ud800", "lone surrogate, at character 0"),
        ("ab\udfff", "lone surrogate, at character 2"),
        (10**4300, "an integer of more than 4300 digits"),
        (-(10**4300), "an integer of more than 4300 digits"),
        (Fraction(1, 10**4300), "a Fraction of more than 4300 digits"),
        (Decimal("1E+1000000"), "exponent of more than 6 digits"),
        (Decimal(10**4000).__class__("1" * 30_000), "a Decimal of 30000 characters"),
    ],
    ids=number,
)
def test_what_is_no_data_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(NotData, match=message) as caught:
        encode({"rows": [0, {"x": value}]})
    assert caught.value.path == "$.rows[1].x"
    with pytest.raises(NotData, match=message):
        encode({(value,) if not isinstance(value, Sub) else 1: value})


def test_cycles_and_depth() -> None:
    items: list[Any] = [1]
    items.append({"again": items})
    with pytest.raises(NotData, match=r"\$\[1\].again: a list that contains itself"):
        encode(items)
    twice: list[Any] = []
    assert encode([twice, twice]) == [[], []]
    deep: Any = 1
    for _ in range(5):
        deep = [deep]
    assert decode(cross(deep, depth=5)) == deep
    with pytest.raises(NotData, match="nested deeper than 4"):
        encode(deep, depth=4)
    for _ in range(100_000):
        deep = (deep,)
    with pytest.raises(NotData, match="nested deeper than 64"):
        encode(deep)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1001,
        "é" * 501,
        ["x" * 10] * 100,
        list(range(600)),
        {str(n): n for n in range(200)},
        {n: n for n in range(200)},
        b"x" * 800,
        [[]] * 501,
        [None] * 300,
        range(10**12),
        {"k" * 1001: 1},
        2**4000,
        [math.nan] * 100,
        [datetime.datetime(2024, 1, 1)] * 30,
    ],
    ids=number,
)
def test_size_is_bounded(value: Any) -> None:
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        encode(value, size=1000)


@pytest.mark.parametrize("value", SAME, ids=number)
def test_size_is_at_least_what_is_counted(value: Any) -> None:
    """Whoever allows the size of the JSON, and some room for tags, gets the value."""
    length = len(json.dumps(encode(value)))
    assert encode(value, size=length * 2 + 100) == encode(value)


def test_records_cross_by_name() -> None:
    class Color(enum.Enum):
        RED = "r"

    class Point(NamedTuple):
        x: int
        y: int

    @dataclasses.dataclass
    class Row:
        name: str
        at: Any = None

    def unpack(value: Any) -> Packed | None:
        if isinstance(value, Color):
            return Packed("enum", "Color", {value.name: value.value})
        if isinstance(value, Point):
            return Packed("named", "Point", value._asdict())
        if isinstance(value, Row):
            return Packed("record", "Row", {"name": value.name, "at": value.at})
        return None

    value = {"rows": [Row("a", Point(1, 2)), Row("b", Color.RED)]}
    data = cross(value, unpack=unpack)
    assert decode(data, {"Row": Row, "Point": Point, "Color": Color}) == value
    assert plain(data) == {"rows": [{"name": "a", "at": [1, 2]}, {"name": "b", "at": "r"}]}
    with pytest.raises(NotData, match=r"unknown class '(Row|Point)'"):
        decode(data)
    row = Row("c")
    row.at = row
    with pytest.raises(NotData, match="Row that contains itself"):
        encode(row, unpack=unpack)
    with pytest.raises(NotData, match="a object is not data"):
        encode(object(), unpack=unpack)


# On the host.


class Model(BaseModel):
    when: datetime.datetime
    day: datetime.date
    clock: datetime.time
    span: datetime.timedelta
    price: Decimal
    part: Fraction
    key: uuid.UUID
    raw: bytes
    tags: set[str]
    pair: tuple[int, str]
    counts: dict[int, float]
    big: int
    z: complex


def test_pydantic_reads_what_plain_gives() -> None:
    given = {
        "when": datetime.datetime(2024, 1, 2, 3, tzinfo=UTC),
        "day": datetime.date(2024, 1, 2),
        "clock": datetime.time(1, 2),
        "span": datetime.timedelta(days=-2, microseconds=5),
        "price": Decimal("1.50"),
        "part": Fraction(1, 3),
        "key": uuid.UUID(int=7),
        "raw": "é".encode(),
        "tags": {"a", "b"},
        "pair": (1, "x"),
        "counts": {1: 2.5, -3: math.inf},
        "big": 10**4000,
        "z": 1 - 2j,
    }
    read = TypeAdapter(Model).validate_json(json.dumps(plain(cross(given))))
    assert {name: getattr(read, name) for name in given} == given


@pytest.mark.parametrize(
    "span",
    [
        datetime.timedelta(microseconds=-1),
        datetime.timedelta(days=-1, seconds=5),
        datetime.timedelta(days=400, seconds=86399, microseconds=999999),
        datetime.timedelta(0),
        datetime.timedelta(days=-999_999_999),
        datetime.timedelta(days=999_999_999),
    ],
    ids=str,
)
def test_pydantic_reads_spans(span: datetime.timedelta) -> None:
    text = json.dumps(plain(cross(span)))
    assert TypeAdapter(datetime.timedelta).validate_json(text) == span


def test_offsets_with_seconds_are_told_in_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(minutes=9, seconds=21))
    moment = datetime.datetime(1890, 1, 1, tzinfo=zone)
    text = plain(cross(moment))
    assert text == "1889-12-31T23:50:39+00:00"
    assert TypeAdapter(datetime.datetime).validate_python(text) == moment


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: "a", "1": "b"}, "two keys that are both '1'"),
        ({True: 1, "true": 2}, "two keys that are both 'true'"),
        ({None: 1, "null": 2}, "two keys that are both 'null'"),
        ({1.5: 1, "1.5": 2}, "two keys that are both '1.5'"),
        ({(1, 2): 3}, "return a list of pairs"),
        ({frozenset(): 3}, "return a list of pairs"),
        (b"\xff", "bytes that are not UTF-8"),
    ],
    ids=str,
)
def test_what_json_has_no_place_for(value: Any, message: str) -> None:
    with pytest.raises(NotData, match=message):
        plain(cross(value))


HOSTILE: list[Any] = [
    {"$": "nosuch", "v": 1},
    {"$": 5, "v": 1},
    {"$": ["tuple"], "v": []},
    {"$": {}, "v": 1},
    {"$": None, "v": 1},
    {"$": "tuple"},
    {"v": 1, "$": "tuple", "x": 1},
    {"$": "tuple", "v": "abc"},
    {"$": "tuple", "v": {"a": 1}},
    {"$": "set", "v": None},
    {"$": "dict", "v": {}},
    {"$": "dict", "v": [[1]]},
    {"$": "dict", "v": [[1, 2, 3]]},
    {"$": "dict", "v": ["ab"]},
    {"$": "dict", "v": [[[1], 2]]},
    {"$": "dict", "v": [[{}, 2]]},
    {"$": "int", "v": "0x" + "f" * 4000},
    {"$": "int", "v": "12"},
    {"$": "int", "v": 12},
    {"$": "int", "v": "0x_1"},
    {"$": "int", "v": " 0x1"},
    {"$": "int", "v": "0x1\n"},
    {"$": "int", "v": "0x" + "f" * 3600},
    {"$": "float", "v": 1.5},
    {"$": "float", "v": "NaN"},
    {"$": "float", "v": ["nan"]},
    {"$": "complex", "v": [1]},
    {"$": "complex", "v": [1, 2, 3]},
    {"$": "complex", "v": ["x", 1]},
    {"$": "complex", "v": [[], 1]},
    {"$": "complex", "v": [10**400, 1]},
    {"$": "bytes", "v": "a"},
    {"$": "bytes", "v": "é"},
    {"$": "bytes", "v": 5},
    {"$": "decimal", "v": "1e5"},
    {"$": "decimal", "v": "1E+1000000000"},
    {"$": "decimal", "v": "٣"},
    {"$": "decimal", "v": 1},
    {"$": "decimal", "v": "1\n"},
    {"$": "decimal", "v": "1" * 20_001},
    {"$": "fraction", "v": "1/2/3"},
    {"$": "fraction", "v": "1" * 4301 + "/1"},
    {"$": "uuid", "v": "00000000-0000-0000-0000-00000000000g"},
    {"$": "uuid", "v": "urn:uuid:00000000-0000-0000-0000-000000000000"},
    {"$": "datetime", "v": "yesterday"},
    {"$": "datetime", "v": ["2024-01-01", {"a": 1}, 0]},
    {"$": "datetime", "v": ["2024-01-01", None, "0"]},
    {"$": "datetime", "v": ["2024-01-01"]},
    {"$": "datetime", "v": "2024-01-01" + "0" * 100},
    {"$": "datetime", "v": "0001-01-01T00:00:00+00:00:01"},
    {"$": "date", "v": "2024-13-01"},
    {"$": "date", "v": 5},
    {"$": "time", "v": "25:00"},
    {"$": "timedelta", "v": [1, 2]},
    {"$": "timedelta", "v": [10**30, 0, 0]},
    {"$": "timedelta", "v": ["1", 0, 0]},
    {"$": "timedelta", "v": [1.5, 0, 0]},
    {"$": "timedelta", "v": [True, 0, 0]},
    {"$": "record", "v": {}},
    {"$": "record", "t": "X", "v": []},
    {"$": "record", "t": "X", "v": {"$": "tuple", "v": []}},
    {"$": "named", "t": "X", "v": [1]},
    {"$": "enum", "t": "X", "v": 1},
    "\ud800",
    {"\ud800": 1},
    {"a": ["\udfff"]},
    10**4300,
    math.nan,
    math.inf,
    object(),
    (1, 2),
    b"x",
    Text("a"),
    Sub(),
]


@pytest.mark.parametrize("data", HOSTILE, ids=number)
def test_forged_data_is_refused(data: Any) -> None:
    with pytest.raises(NotData):
        plain({"a": [data]})


@pytest.mark.parametrize("data", HOSTILE[:62], ids=number)
def test_forged_data_does_not_crash_the_child(data: Any) -> None:
    with contextlib.suppress(NotData):
        assert type(decode([data])) is list


def test_depth_and_number_of_items_are_bounded_on_the_host() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    with pytest.raises(NotData, match="too deep"):
        plain(deep)
    tagged: Any = 1
    for _ in range(500):
        tagged = {"$": "tuple", "v": [tagged]}
    with pytest.raises(NotData, match="too deep"):
        plain(tagged)
    with pytest.raises(NotData, match="more values"):
        plain([0] * 100, items=100)
    assert plain([0] * 99, items=100) == [0] * 99


def test_errors_say_where() -> None:
    with pytest.raises(NotData) as caught:
        plain({"rows": [1, {"x": {"$": "date", "v": "x"}}]})
    assert (caught.value.path, caught.value.message) == ("$.rows[1].x", "a date that is none")
    assert isinstance(caught.value, ValueError)
    assert values.INT_DIGITS == 4300
