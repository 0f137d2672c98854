"""Any value crosses both ways; any data is either plain JSON on the host, or refused."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.values import NotData, TooLarge, decode, encode, plain

text = st.text(st.characters(exclude_categories=["Cs"]))
hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False)
    | text
    | st.binary(max_size=40)
    | st.complex_numbers(allow_nan=False)
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.fractions()
    | st.decimals(allow_nan=False).filter(
        lambda d: not d.is_finite() or abs(d.adjusted()) < 999_999
    ),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
data_values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.dictionaries(text, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["$", "v", "t", "$x", "m"]), inner, max_size=4)
        | st.sets(hashable, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
kinds = st.sampled_from(
    "tuple set frozenset dict int float complex bytes datetime date time timedelta decimal "  # noqa: SIM905
    "fraction uuid record named enum nosuch".split()
)
parts = st.sampled_from(
    ["", "1", "0x1", "nan", "2024-01-01", "2024-01-01T00:00:00", "10:00", "1/2", "1/0", "YQ==", "٣"]
)
forged = st.recursive(
    json_values | parts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries({"$": kinds, "v": inner})
        | st.fixed_dictionaries({"$": kinds, "t": text, "v": inner})
        | st.fixed_dictionaries({"$": kinds, "t": text, "m": text, "v": inner})
        | st.dictionaries(st.sampled_from(["$", "v", "t", "a"]), inner, max_size=3)
    ),
    max_leaves=16,
)


def is_plain(value: Any) -> bool:
    if type(value) is list:
        return all(is_plain(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) in (bool, int, str)


@given(data_values)
@settings(max_examples=400, deadline=None)
def test_every_value_comes_back(value: Any) -> None:
    data = json.loads(json.dumps(encode(value), allow_nan=False))
    back = decode(data)
    assert back == value
    assert type(back) is type(value)


@given(data_values)
@settings(max_examples=300, deadline=None)
def test_every_value_is_plain_json_on_the_host_or_refused(value: Any) -> None:
    data = json.loads(json.dumps(encode(value)))
    try:
        read = plain(data)
    except NotData as caught:
        refused = str(caught)
    else:
        refused = ""
    if refused:
        assert any(word in refused for word in ("UTF-8", "pairs", "two keys"))
        return
    assert is_plain(read)
    assert json.loads(json.dumps(read, allow_nan=False)) == read


@given(forged)
@settings(max_examples=800, deadline=None)
def test_forged_data_is_plain_or_refused(data: Any) -> None:
    try:
        read = plain(data)
    except NotData:
        return
    assert is_plain(read)
    json.dumps(read, allow_nan=False).encode()


@given(forged)
@settings(max_examples=400, deadline=None)
def test_forged_data_is_a_value_or_refused_in_the_child(data: Any) -> None:
    with contextlib.suppress(NotData):
        hash(type(decode(data)))


@given(data_values, st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_what_is_let_through_is_not_much_more_than_the_size(value: Any, size: int) -> None:
    try:
        data = encode(value, size=size)
    except TooLarge:
        return
    # Escapes and long floats are counted when the frame is written; tags are counted here.
    length = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
    assert length <= 10 * size + 40


@given(st.decimals(allow_nan=False, allow_infinity=False))
@settings(max_examples=200, deadline=None)
def test_decimals_keep_their_digits(value: Decimal) -> None:
    if abs(value.adjusted()) > 999_999:
        return
    assert decode(encode(value)).as_tuple() == value.as_tuple()
