"""Hypothesis strategies for *types*, each with a strategy for its values."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from uuid import UUID

import typing_extensions
from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    TypeAdapter,
    create_model,
)

from structured import Constraint, Vocabulary
from structured.llguidance_engine import LLGuidanceEngine

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
    _fixed_decimals(),
)
KEYS: st.SearchStrategy[Case] = st.one_of(
    st.sampled_from([case for case in _LEAVES if case.type in (str, int, bool, dt.date, UUID)]),
    st.sampled_from([case for case in _LEAVES if case.type in (Decimal, dt.datetime, dt.time)]),
    _patterned_texts(),
    enums(st.text("ab c.|é", max_size=5)),
)


# --- containers and classes -----------------------------------------------------------------


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
        alias = {} if member.key == member.name else {"alias": member.key}
        default = {"default": member.default} if member.optional else {}
        fields[member.name] = (member.case.type, Field(**alias, **default))
    frozen = draw(st.booleans())
    type_ = create_model("Model", __config__=ConfigDict(frozen=frozen), **fields)
    values = _keyword_values(members).map(
        lambda found: type_(**{member.key: found[member.name] for member in members})
    )
    hashable = frozen and all(member.case.hashable for member in members)
    return Case(type_, values, "object", hashable)


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
