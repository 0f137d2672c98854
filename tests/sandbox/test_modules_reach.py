"""A walk over everything that attributes of handed-out values give: no way leads to the host."""

from __future__ import annotations

import array
import calendar
import collections
import csv
import datetime
import difflib
import functools
import hashlib
import io
import json
import operator
import random
import re
import statistics
import textwrap
import types
import urllib.parse
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from sandbox.modules import AVAILABLE, METHODS, SAFE_TYPES, Loader, Module, names_in

FORBIDDEN = (
    types.ModuleType,
    types.CodeType,
    types.FrameType,
    types.TracebackType,
)
CALLABLE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.MethodWrapperType,
)


def readable(cls: type) -> frozenset[str]:
    """Public names that the guards let code read, as ``sandbox.language`` reads the tables."""
    if cls in METHODS:
        return METHODS[cls]
    if cls in SAFE_TYPES:
        return frozenset(name for name in dir(cls) if not name.startswith("_")) - {"mro"}
    return frozenset()


def samples() -> dict[str, Any]:
    """At least one value of each kind that a call of a façade gives."""
    error: Any = None
    try:
        json.loads("{")
    except json.JSONDecodeError as caught:
        error = caught
    made: dict[str, Any] = {
        name: Loader(seed=1).load(name) for name in AVAILABLE if Loader().load(name) is not None
    }
    rule = made["dateutil.rrule"]
    made |= {
        "match": re.match(r"(a)", "a"),
        "pattern": re.compile("a"),
        "decimal": Decimal("1.5"),
        "fraction": Fraction(1, 3),
        "datetime": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        "zone": made["zoneinfo"].ZoneInfo("Asia/Tokyo"),
        "uuid": uuid.UUID(int=1),
        "counter": collections.Counter("aab"),
        "deque": collections.deque([1]),
        "chain": collections.ChainMap({}),
        "default": collections.defaultdict(int),
        "split": urllib.parse.urlsplit("http://a/b"),
        "parse": urllib.parse.urlparse("http://a/b"),
        "normal": statistics.NormalDist(0, 1),
        "template": made["string"].Template("$a"),
        "wrapper": textwrap.TextWrapper(),
        "reader": csv.DictReader(["a", "1"]),
        "writer": made["csv"].DictWriter(io.StringIO(), ["a"]),
        "raw writer": csv.writer(io.StringIO()),
        "matcher": difflib.SequenceMatcher(None, "a", "b"),
        "differ": difflib.Differ(),
        "hash": hashlib.sha256(),
        "cached": functools.lru_cache(int),
        "partial": functools.partial(int),
        "getter": operator.itemgetter(0),
        "key": functools.cmp_to_key(lambda a, b: 0)(1),
        "random": random.Random(1),
        "calendar": calendar.Calendar(),
        "text calendar": calendar.TextCalendar(),
        "array": array.array("i"),
        "bytes io": io.BytesIO(),
        "encoder": json.JSONEncoder(),
        "decoder": json.JSONDecoder(),
        "error": error,
        "rule": rule.rrule(rule.DAILY, count=1),
        "delta": made["dateutil.relativedelta"].relativedelta(days=1),
        "field": made["dataclasses"].field(default=1),
        "context": made["decimal"].getcontext(),
        "local": made["contextlib"].nullcontext(1),
        "closing": made["contextlib"].closing(io.StringIO()),
        "hint": made["typing"].List[int],
        "struct": made["time"].gmtime(0),
        "version": made["sys"].version_info,
        "cached property": made["functools"].cached_property(int),
        "offset": made["dateutil.tz"].tzoffset("x", 60),
        "parsed": made["dateutil.parser"].parse("2024-01-01T00:00:00Z"),
    }
    return made


@pytest.mark.parametrize("start", sorted(samples()))
def test_no_walk_over_attributes_leads_to_the_host(start: str) -> None:
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [(start, samples()[start])]
    kept = []
    walked = 0
    while waiting:
        path, value = waiting.pop()
        assert not isinstance(value, FORBIDDEN), path
        if id(value) in seen or len(path) > 400:
            continue
        seen.add(id(value))
        kept.append(value)
        walked += 1
        if isinstance(value, Module):
            waiting += [(f"{path}.{name}", getattr(value, name)) for name in names_in(value)]
            continue
        if isinstance(value, CALLABLE):
            continue
        if isinstance(value, dict):
            assert "__builtins__" not in value, path
            assert "__name__" not in value, path
        if isinstance(value, tuple | list | set | frozenset) and len(value) < 200:
            waiting += [(f"{path}[]", item) for item in value]
        owner = value if isinstance(value, type) else type(value)
        for name in readable(owner):
            try:
                found = getattr(value, name)
            except Exception:  # noqa: BLE001 - a property of the class itself, or not set
                continue
            waiting.append((f"{path}.{name}", found))
    assert walked >= 1


def test_the_samples_are_of_types_that_the_code_may_hold() -> None:
    for name, value in samples().items():
        assert (
            isinstance(value, Module) or type(value) in SAFE_TYPES or name in ("cached property",)
        ), (name, type(value))
