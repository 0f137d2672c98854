"""Hypothesis strategies for *types*, each with a strategy for its values."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import inspect
import ipaddress
import typing
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union
from uuid import UUID

import typing_extensions
from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AfterValidator,
    AliasChoices,
    AliasPath,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyAddress,
    Json,
    NaiveDatetime,
    RootModel,
    SecretStr,
    TypeAdapter,
    computed_field,
    create_model,
)

from structured import Choices, Constraint, Regex, Vocabulary
from structured import Text as Lines
from structured.engines.llguidance_engine import LLGuidanceEngine

ENGINE = LLGuidanceEngine()
BYTES = Vocabulary.of_bytes()


def refused_at(constraint: Constraint, text: str) -> str:
    """The part of ``text`` from where the grammar refuses it, ``""`` when it takes it all."""
    matcher = ENGINE.compile(constraint, BYTES).matcher()
    encoded = text.encode()
    accepted = matcher.accept(list(encoded))
    if accepted < len(encoded):
        return encoded[accepted:].decode(errors="replace")
    return "" if matcher.accepting else "(the end)"


@dataclass(frozen=True)
class Case:
    """A type, its values, and what it looks like in JSON."""

    type: Any
    values: st.SearchStrategy[Any] = dataclasses.field(repr=False)
    kind: str = dataclasses.field()
    """null, boolean, number, string, array or object: unions are made of different ones."""
    hashable: bool = True


# --- leaves ---------------------------------------------------------------------------------

TEXT = st.text(max_size=12)
ZONES = st.integers(-1439, 1439).map(lambda m: dt.timezone(dt.timedelta(minutes=m)))
LONGEST = dt.timedelta(days=36_000_000)  # just below 100,000 years


def _eighths(low: int, high: int) -> st.SearchStrategy[float]:
    """Floats that JSON spells without an exponent: bounded numbers have none in the grammar."""
    return st.integers(low * 8, high * 8).map(lambda n: n / 8)


@st.composite
def _bounded_ints(draw: st.DrawFn) -> Case:
    low = draw(st.integers(-(10**6), 10**6))
    high = low + draw(st.integers(2, 10**6))
    bounds = draw(
        st.sampled_from(
            [{"ge": low, "le": high}, {"gt": low - 1, "lt": high + 1}, {"ge": low}, {"le": high}]
        )
    )
    return Case(Annotated[int, Field(**bounds)], st.integers(low, high), "number")


@st.composite
def _multiples(draw: st.DrawFn) -> Case:
    step = draw(st.integers(1, 120))
    values = st.integers(-1000, 1000).map(lambda n: n * step)
    return Case(Annotated[int, Field(multiple_of=step)], values, "number")


@st.composite
def _bounded_floats(draw: st.DrawFn) -> Case:
    low = draw(st.integers(-1000, 1000))
    high = low + draw(st.integers(1, 1000))
    bounds = draw(st.sampled_from([{"ge": low, "le": high}, {"ge": low}, {"le": high}]))
    return Case(Annotated[float, Field(**bounds)], _eighths(low, high), "number")


@st.composite
def _bounded_texts(draw: st.DrawFn) -> Case:
    low = draw(st.integers(0, 4))
    high = low + draw(st.integers(0, 6))
    bounds = draw(st.sampled_from([{"min_length": low, "max_length": high}, {"max_length": high}]))
    texts = st.text(min_size=low, max_size=high)
    return Case(Annotated[str, Field(**bounds)], texts, "string")


@st.composite
def _patterned_texts(draw: st.DrawFn) -> Case:
    pattern = draw(
        st.sampled_from(
            [
                r"^[a-z]{2,4}$",
                r"^[0-9]{3}-[0-9]{4}$",
                r"^(?:é|日)+$",
                r"^[^\x00-\x20]+$",
                r"x",
                r"^a|b$",
            ]
        )
    )
    values = st.from_regex(pattern).filter(_writable(pattern))
    return Case(Annotated[str, Field(pattern=pattern)], values, "string")


def _writable(pattern: str) -> Callable[[str], bool]:
    adapter = TypeAdapter(Annotated[str, Field(pattern=pattern)])

    def check(text: str) -> bool:  # Python's ``$`` also matches before a last newline
        try:
            adapter.validate_python(text)
        except ValueError:
            return False
        return True

    return check


@st.composite
def _literals(draw: st.DrawFn) -> Case:
    options = st.one_of(TEXT, st.integers(-5, 5), st.booleans(), st.none())
    values = draw(st.lists(options, min_size=1, max_size=4, unique_by=lambda v: (type(v), v)))
    return Case(Literal[tuple(values)], st.sampled_from(values), "any")


@st.composite
def enums(draw: st.DrawFn, values: st.SearchStrategy[Any] | None = None) -> Case:
    if values is None:
        values = draw(st.sampled_from([TEXT, st.integers(-5, 5)]))
    drawn = draw(st.lists(values, min_size=1, max_size=4, unique=True))
    base = enum.StrEnum if isinstance(drawn[0], str) and draw(st.booleans()) else enum.Enum
    type_ = base("Choice", {f"M{i}": value for i, value in enumerate(drawn)})
    return Case(type_, st.sampled_from(list(type_)), "any")


@st.composite
def _fixed_decimals(draw: st.DrawFn) -> Case:
    digits, places = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    digits = max(digits, places)
    lowest = draw(st.sampled_from([None, 0, -5]))
    limit = 10**digits - 1
    whole = st.integers(max(lowest * 10**places, -limit) if lowest is not None else -limit, limit)
    values = whole.map(lambda n: Decimal(n).scaleb(-places))
    bounds = {} if lowest is None else {"ge": lowest}
    type_ = Annotated[Decimal, Field(max_digits=digits, decimal_places=places, **bounds)]
    return Case(type_, values, "string")


def _floating_decimals() -> st.SearchStrategy[Decimal]:
    return st.builds(
        lambda n, exponent: Decimal(n).scaleb(exponent), st.integers(), st.integers(-30, 30)
    )


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value


def _networks() -> st.SearchStrategy[ipaddress.IPv4Network]:
    sizes = st.integers(0, 32)
    return st.builds(
        lambda address, size: ipaddress.IPv4Network((address, size), strict=False),
        st.ip_addresses(v=4),
        sizes,
    )


@st.composite
def _flags(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 8))
    type_ = enum.Flag("Flags", {f"F{i}": 1 << i for i in range(count)})
    return Case(type_, st.integers(0, 2**count - 1).map(type_), "number")


@st.composite
def _coded_bytes(draw: st.DrawFn) -> Case:
    """Bytes in a class, which says how they are written."""
    config = {
        "val_json_bytes": draw(st.sampled_from(["base64", "hex"])),
        "ser_json_bytes": draw(st.sampled_from(["base64", "hex"])),
    }
    low = draw(st.integers(0, 3))
    high = draw(st.sampled_from([None, 5]))
    field = Field(min_length=low, max_length=high)
    type_ = create_model("Bytes", __config__=ConfigDict(**config), data=(bytes, field))
    values = st.binary(min_size=low, max_size=high or 9).map(lambda data: type_(data=data))
    return Case(type_, values, "object", hashable=False)


_LEAVES = [
    Case(bool, st.booleans(), "boolean"),
    Case(int, st.integers(), "number"),
    Case(float, st.floats(allow_nan=False, allow_infinity=False), "number"),
    Case(str, TEXT, "string"),
    Case(None, st.none(), "null"),
    Case(dt.date, st.dates(), "string"),
    Case(dt.datetime, st.datetimes(timezones=st.one_of(st.none(), ZONES)), "string"),
    Case(AwareDatetime, st.datetimes(timezones=ZONES), "string"),
    Case(NaiveDatetime, st.datetimes(), "string"),
    Case(dt.time, st.times(timezones=st.one_of(st.none(), ZONES)), "string"),
    Case(dt.timedelta, st.timedeltas(-LONGEST, LONGEST), "string"),
    Case(UUID, st.uuids(), "string"),
    Case(UUID4, st.uuids(version=4), "string"),
    Case(Decimal, _floating_decimals(), "string"),
    Case(bytes, TEXT.map(str.encode), "string"),
    Case(Path, st.text("ab./ é", max_size=8).map(Path), "string"),
    Case(ipaddress.IPv4Address, st.ip_addresses(v=4), "string"),
    Case(ipaddress.IPv6Address, st.ip_addresses(v=6), "string"),
    Case(ipaddress.IPv4Network, _networks(), "string"),
    Case(IPvAnyAddress, st.ip_addresses(), "string"),
    Case(Base64Bytes, st.binary(max_size=7), "string"),
    Case(SecretStr, TEXT.map(SecretStr), "string"),
    Case(Json[list[int]], st.lists(st.integers(), max_size=3), "string", hashable=False),
    Case(Annotated[str, Lines(one_line=True, max_chars=5)], st.text("ab é", max_size=5), "string"),
    Case(Annotated[str, Regex("[a-c]+|é")], st.from_regex("[a-c]+|é", fullmatch=True), "string"),
    Case(Annotated[str, Choices("a", 'b"')], st.sampled_from(["a", 'b"']), "string"),
    Case(Annotated[int, AfterValidator(_even)], st.integers().map(lambda n: n * 2), "number"),
]
LEAVES: st.SearchStrategy[Case] = st.one_of(
    st.sampled_from(_LEAVES),
    _bounded_ints(),
    _multiples(),
    _bounded_floats(),
    _bounded_texts(),
    _patterned_texts(),
    _literals(),
    enums(),
    _flags(),
    _coded_bytes(),
    _fixed_decimals(),
)


class _Digit(enum.IntEnum):
    ONE = 1
    TWO = 2


KEYS: st.SearchStrategy[Case] = st.one_of(
    st.sampled_from([case for case in _LEAVES if case.type in (str, int, bool, dt.date, UUID)]),
    st.sampled_from([case for case in _LEAVES if case.type in (Decimal, dt.datetime, dt.time)]),
    _patterned_texts(),
    enums(st.text("ab c.|é", max_size=5)),
    st.just(Case(_Digit, st.sampled_from(list(_Digit)), "number")),
    st.just(Case(Path, st.text("ab./é", max_size=5).map(Path), "string")),
)


# --- containers and classes -----------------------------------------------------------------


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T
    more: list[T] = []


class Tree(BaseModel):
    label: str
    left: Tree | None = None
    others: list[Tree] = []


TREES = st.recursive(
    st.builds(Tree, label=TEXT),
    lambda inner: st.builds(
        Tree, label=TEXT, left=st.none() | inner, others=st.lists(inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def _lists(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    case = draw(inner)
    low, high = draw(st.sampled_from([(0, 3), (1, 2), (2, 2), (0, 0)]))
    values = st.lists(case.values, min_size=low, max_size=high)
    type_: Any = list[case.type]
    if draw(st.booleans()):
        type_ = Annotated[type_, Field(min_length=low, max_length=high)]
    return Case(type_, values, "array", hashable=False)


@st.composite
def _tuples(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    cases = draw(st.lists(inner, max_size=3))
    hashable = all(case.hashable for case in cases)
    if len(cases) == 1:
        values = st.lists(cases[0].values, max_size=3).map(tuple)
        return Case(tuple[cases[0].type, ...], values, "array", hashable)
    types = tuple(case.type for case in cases)
    return Case(
        tuple[types] if types else tuple[()],
        st.tuples(*(case.values for case in cases)),
        "array",
        hashable,
    )


@st.composite
def _sets(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    case = draw(inner.filter(lambda case: case.hashable))
    frozen = draw(st.booleans())
    low = draw(st.sampled_from([0, 0, 2]))
    bounds = {"min_length": low} if low else {}
    type_ = frozenset[case.type] if frozen else set[case.type]
    values = (st.frozensets if frozen else st.sets)(case.values, max_size=3)
    values = values.filter(lambda value: len(value) >= low)
    return Case(Annotated[type_, Field(**bounds)] if bounds else type_, values, "array", frozen)


@st.composite
def _deques(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    case = draw(inner)
    values = st.lists(case.values, max_size=3).map(deque)
    return Case(deque[case.type], values, "array", hashable=False)


@st.composite
def _boxes(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    """A generic class of a type."""
    case = draw(inner)
    type_ = Box[case.type]
    values = st.builds(
        lambda first, more: _instance(type_, {"content": first, "more": more}),
        case.values,
        st.lists(case.values, max_size=2),
    )
    return Case(type_, values, "object", hashable=False)


@st.composite
def _roots(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    """A class that is one value."""
    case = draw(inner)
    root: Any = RootModel[case.type]
    type_ = type("Root", (root,), {"__module__": __name__})
    values = case.values.map(lambda value: _instance(type_, {"root": value}))
    return Case(type_, values, case.kind, hashable=False)


@st.composite
def _tagged(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    """Classes that are told apart by one of their fields."""
    cases = draw(st.lists(inner, min_size=2, max_size=3))
    types = [
        create_model(f"Tagged{i}", kind=(Literal[f"k{i}"], f"k{i}"), value=(case.type, ...))
        for i, case in enumerate(cases)
    ]
    values = [
        case.values.map(functools.partial(_tagged_as, type_, f"k{i}"))
        for i, (type_, case) in enumerate(zip(types, cases, strict=True))
    ]
    union = Union[tuple(types)]  # noqa: UP007
    return Case(Annotated[union, Field(discriminator="kind")], st.one_of(values), "object", False)


def _tagged_as(type_: Any, kind: str, value: Any) -> Any:
    return _instance(type_, {"kind": kind, "value": value})


@st.composite
def _dicts(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    key, value = draw(KEYS), draw(inner)
    values = st.dictionaries(key.values, value.values, max_size=3)
    return Case(dict[key.type, value.type], values, "object", hashable=False)


@st.composite
def _optionals(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    case = draw(inner.filter(lambda case: case.kind not in ("null", "any")))
    return Case(Optional[case.type], st.none() | case.values, "any", case.hashable)  # noqa: UP045


@st.composite
def _unions(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    told_apart = inner.filter(lambda case: case.kind != "any")
    cases = draw(st.lists(told_apart, min_size=2, max_size=3, unique_by=lambda case: case.kind))
    return Case(
        Union[tuple(case.type for case in cases)],  # noqa: UP007
        st.one_of([case.values for case in cases]),
        "any",
        all(case.hashable for case in cases),
    )


@dataclass(frozen=True)
class Member:
    """A field of a class that is made up."""

    name: str
    key: str
    """Its name in JSON."""
    case: Case
    optional: bool
    default: Any


@st.composite
def _members(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> list[Member]:
    members = []
    keys = draw(
        st.lists(
            st.text(max_size=6).filter(lambda key: "\x7f" not in key and key[:5] != "field"),
            min_size=4,
            max_size=4,
            unique=True,
        )
    )
    for i in range(draw(st.integers(0, 4))):
        case = draw(inner)
        optional = draw(st.booleans())
        default = draw(case.values) if optional else None
        name = f"field{i}"
        key = keys[i] if draw(st.booleans()) else name
        members.append(Member(name, key, case, optional, default))
    # A dataclass and a NamedTuple want fields with defaults last.
    return sorted(members, key=lambda member: member.optional)


@st.composite
def _models(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    members = draw(_members(inner))
    fields: dict[str, Any] = {}
    for member in draw(st.permutations(members)):
        renamed = {} if member.key == member.name else draw(_renamed(member))
        default = {"default": member.default} if member.optional else {}
        hidden = {"exclude": True} if draw(st.integers(0, 5)) == 0 else {}
        fields[member.name] = (member.case.type, Field(**renamed, **default, **hidden))
    frozen = draw(st.booleans())
    config = ConfigDict(frozen=frozen, validate_by_name=draw(st.booleans()))
    base = create_model("Base", __config__=config, **fields)
    type_ = type("Model", (_Computing, base), {"__module__": __name__})
    values = _keyword_values(members).map(functools.partial(_instance, type_))
    hashable = frozen and all(member.case.hashable for member in members)
    return Case(type_, values, "object", hashable)


def _renamed(member: Member) -> st.SearchStrategy[dict[str, Any]]:
    """Other names for a field, in all the ways that there are."""
    key = member.key
    path = AliasPath(f"deep {key}", "inner")
    return st.sampled_from(
        [
            {"alias": key},
            {"validation_alias": key, "serialization_alias": f"out {key}"},
            {"validation_alias": AliasChoices(key, member.name)},
            {"validation_alias": AliasChoices(path, key)},
            {"validation_alias": path},
            {"validation_alias": AliasPath(f"list {key}", 1)},
        ]
    )


class _Computing(BaseModel):
    """What a class computes is never asked for."""

    @computed_field
    @property
    def computed(self) -> int:
        return 7


def _instance(type_: Any, values: dict[str, Any]) -> Any:
    """An object of the very values, which validation under other names could not be given."""
    made = type_.__new__(type_)
    for name, value in [
        ("__dict__", values),
        ("__pydantic_fields_set__", set(values)),
        ("__pydantic_extra__", None),
        ("__pydantic_private__", None),
    ]:
        object.__setattr__(made, name, value)
    return made


def _keyword_values(members: list[Member]) -> st.SearchStrategy[dict[str, Any]]:
    # Not fixed_dictionaries, which changes the order: a grammar knows one order of keys only.
    names = [member.name for member in members]
    return st.tuples(*(member.case.values for member in members)).map(
        lambda values: dict(zip(names, values, strict=True))
    )


@st.composite
def _dataclasses(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    members = draw(_members(inner))
    fields = [
        (member.name, member.case.type, dataclasses.field(default_factory=_returning(member)))
        if member.optional
        else (member.name, member.case.type)
        for member in members
    ]
    type_ = dataclasses.make_dataclass("Data", fields)
    return Case(type_, _keyword_values(members).map(lambda v: type_(**v)), "object", False)


def _returning(member: Member) -> Callable[[], Any]:
    return lambda: member.default


@st.composite
def _typed_dicts(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    members = draw(_members(inner))
    make: Any = typing_extensions.TypedDict
    type_ = make(
        "Typed",
        {
            m.name: typing_extensions.NotRequired[m.case.type] if m.optional else m.case.type
            for m in members
        },
    )
    left_out = st.sets(st.sampled_from([m.name for m in members if m.optional] or [""]))
    values = st.builds(
        lambda found, out: {name: value for name, value in found.items() if name not in out},
        _keyword_values(members),
        left_out,
    )
    return Case(type_, values, "object", hashable=False)


@st.composite
def _named_tuples(draw: st.DrawFn, inner: st.SearchStrategy[Case]) -> Case:
    members = draw(_members(inner))
    type_: Any = NamedTuple("Named", [(m.name, m.case.type) for m in members])
    values = _keyword_values(members).map(lambda found: type_(**found))
    return Case(type_, values, "array", all(m.case.hashable for m in members))


def _larger(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    return st.one_of(
        _lists(inner),
        _tuples(inner),
        _sets(inner),
        _deques(inner),
        _boxes(inner),
        _roots(inner),
        _tagged(inner),
        _dicts(inner),
        _optionals(inner),
        _unions(inner),
        _models(inner),
        _dataclasses(inner),
        _typed_dicts(inner),
        _named_tuples(inner),
        st.just(Case(Tree, TREES, "object", hashable=False)),
    )


CASES: st.SearchStrategy[Case] = st.recursive(LEAVES, _larger, max_leaves=5)
"""Types, nested a few levels deep."""


# --- functions ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A function that returns its arguments by name, and the types of its parameters."""

    function: Callable[..., dict[str, Any]]
    types: dict[str, Any]
    """Of each property of the arguments object."""
    signature: inspect.Signature


@st.composite
def calls(draw: st.DrawFn) -> Call:
    kinds = draw(st.lists(st.sampled_from(_PLAIN_KINDS), max_size=3)) + draw(
        st.lists(st.sampled_from(_STAR_KINDS), max_size=2, unique=True)
    )
    parameters, types = [], {}
    with_default = False
    for i, kind in enumerate(sorted(kinds)):
        name, case = f"p{i}", draw(CASES)
        types[name] = case.type
        default: Any = inspect.Parameter.empty
        if kind in _STAR_KINDS:
            types[name] = (
                list[case.type]
                if kind == inspect.Parameter.VAR_POSITIONAL
                else dict[str, case.type]
            )
        elif draw(st.booleans()) or (with_default and kind != inspect.Parameter.KEYWORD_ONLY):
            default = draw(case.values)
            with_default = True
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=case.type))
    signature = inspect.Signature(parameters)

    def function(*args: Any, **kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    typing.cast(Any, function).__signature__ = signature
    return Call(function, types, signature)


_PLAIN_KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)
_STAR_KINDS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
