"""Which types of the host's the code may hold, and how far.

Importing this imports every module that is offered: it belongs into the process that is forked.
"""

from __future__ import annotations

import array
import builtins
import calendar
import collections
import collections.abc
import csv
import dataclasses
import datetime
import decimal
import difflib
import enum
import fractions
import functools
import hashlib
import io
import itertools
import json
import numbers
import operator
import random
import re
import statistics
import sys
import textwrap
import time
import types
import urllib.parse
import uuid
import zoneinfo
from types import MappingProxyType
from typing import Any

from sandbox.modules import contexts, enums, hints, texts, zones
from sandbox.modules.memo import Error as CopyError
from sandbox.modules.memo import Memo
from sandbox.modules.module import Module

_SCALARS: tuple[type, ...] = (
    type(None),
    type(NotImplemented),
    type(...),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    range,
    slice,
)
_BUILTIN_CONTAINERS: tuple[type, ...] = (list, dict, set, bytearray, tuple, frozenset)
_VIEWS: tuple[type, ...] = (
    type({}.keys()),
    type({}.values()),
    type({}.items()),
    type(collections.OrderedDict().keys()),
    type(collections.OrderedDict().values()),
    type(collections.OrderedDict().items()),
    MappingProxyType,
)
_ITERATORS: tuple[type, ...] = (
    *(type(iter(made())) for made in (list, tuple, dict, set, str, bytes, bytearray)),
    type(iter({}.values())),
    type(iter({}.items())),
    type(reversed([])),
    type(reversed({})),
    type(iter(range(0))),
    type(iter(int, 0)),
    enumerate,
    filter,
    map,
    reversed,
    zip,
    *(kind for kind in vars(itertools).values() if isinstance(kind, type)),
    type(itertools.tee(())[0]),
    type(re.finditer("", "")),
    type(iter(collections.deque())),
    type(reversed(collections.deque())),
    type(csv.reader(())),
)
_DATES: tuple[type, ...] = (
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    datetime.timezone,
    type(datetime.date.min.isocalendar()),
    time.struct_time,
    zones.ZoneInfo,
)
_NUMBERS: tuple[type, ...] = (decimal.Decimal, fractions.Fraction)
_HASHES: frozenset[type] = frozenset(
    type(hashlib.new(name)) for name in hashlib.algorithms_guaranteed
)
ADDRESSES: tuple[type, ...] = (
    urllib.parse.DefragResult,
    urllib.parse.ParseResult,
    urllib.parse.SplitResult,
    urllib.parse.DefragResultBytes,
    urllib.parse.ParseResultBytes,
    urllib.parse.SplitResultBytes,
)
_ERRORS: frozenset[type] = frozenset(
    {
        calendar.IllegalMonthError,
        calendar.IllegalWeekdayError,
        CopyError,
        csv.Error,
        dataclasses.FrozenInstanceError,
        json.JSONDecodeError,
        re.error,
        statistics.StatisticsError,
        zoneinfo.ZoneInfoNotFoundError,
        *(
            kind
            for kind in vars(decimal).values()
            if isinstance(kind, type) and issubclass(kind, decimal.DecimalException)
        ),
        *(
            kind
            for kind in vars(builtins).values()
            if isinstance(kind, type) and issubclass(kind, BaseException)
        ),
    }
)


def _dateutil() -> dict[str, Any]:
    try:
        from dateutil import parser, relativedelta, rrule, tz
    except ImportError:
        return {}
    return {
        "error": parser.ParserError,
        "warning": parser.UnknownTimezoneWarning,
        "relativedelta": relativedelta.relativedelta,
        "weekday": relativedelta.weekday,
        "rrule": rrule.rrule,
        "rruleset": rrule.rruleset,
        "rrule_weekday": rrule.weekday,
        "tzoffset": tz.tzoffset,
        "tzutc": tz.tzutc,
        "tzlocal": tz.tzlocal,
    }


DATEUTIL: MappingProxyType[str, Any] = MappingProxyType(_dateutil())
"""The types of ``dateutil`` that are handed out; empty where it is not installed."""

ABSTRACT: frozenset[type] = frozenset(
    {
        *(
            kind
            for kind in vars(collections.abc).values()
            if isinstance(kind, type) and type(kind) is not type
        ),
        numbers.Complex,
        numbers.Integral,
        numbers.Number,
        numbers.Rational,
        numbers.Real,
    }
)

ENUMS: tuple[type[enum.Enum], ...] = (
    enum.Enum,
    enum.Flag,
    enum.FlagBoundary,
    enums.Enum,
    enums.Flag,
    enums.IntEnum,
    enums.IntFlag,
    enums.StrEnum,
    re.RegexFlag,
    uuid.SafeUUID,
    # Of Python 3.12 and later.
    *(getattr(calendar, name) for name in ("Day", "Month") if hasattr(calendar, name)),
)

_IMMUTABLE: frozenset[type] = frozenset(
    {
        *_SCALARS,
        tuple,
        frozenset,
        *_DATES,
        *_NUMBERS,
        *ADDRESSES,
        uuid.UUID,
        re.Pattern,
        re.Match,
        statistics.NormalDist,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.MethodType,
        type,
        hints.Hint,
        Module,
        *(DATEUTIL[key] for key in ("weekday", "tzoffset", "tzutc", "tzlocal") if key in DATEUTIL),
    }
)


def is_immutable(cls: type) -> bool:
    """Whether values of exactly this type never change (what they hold may)."""
    return cls in _IMMUTABLE


SAFE_TYPES: frozenset[type] = frozenset(
    {
        *_SCALARS,
        *_BUILTIN_CONTAINERS,
        *_VIEWS,
        *_ITERATORS,
        *_DATES,
        *_NUMBERS,
        *_HASHES,
        *ADDRESSES,
        *_ERRORS,
        *ABSTRACT,
        *(kind for key, kind in DATEUTIL.items()),
        array.array,
        calendar.Calendar,
        calendar.TextCalendar,
        collections.ChainMap,
        collections.Counter,
        collections.OrderedDict,
        collections.defaultdict,
        collections.deque,
        contexts.AbstractContextManager,
        contexts.ContextDecorator,
        contexts.DecimalContext,
        contexts.closing,
        contexts.nullcontext,
        contexts.suppress,
        csv.DictReader,
        texts.DictWriter,
        type(csv.reader(()).dialect),
        type(csv.writer(io.StringIO())),
        dataclasses.Field,
        dataclasses.InitVar,
        type(dataclasses.KW_ONLY),
        type(dataclasses.MISSING),
        datetime.tzinfo,
        difflib.Differ,
        difflib.Match,
        difflib.SequenceMatcher,
        enum.auto,
        enum.member,
        enum.nonmember,
        *ENUMS,
        type(functools.lru_cache(lambda: None)),
        functools.partial,
        type(functools.cmp_to_key(lambda a, b: 0)),
        hints.GenericBase,
        hints.Hint,
        hints.NamedTupleBase,
        hints.TypedDictBase,
        io.BytesIO,
        io.StringIO,
        json.JSONDecoder,
        json.JSONEncoder,
        operator.itemgetter,
        random.Random,
        re.Match,
        re.Pattern,
        statistics.NormalDist,
        texts.Template,
        type(sys.float_info),
        type(sys.int_info),
        type(sys.version_info),
        textwrap.TextWrapper,
        uuid.UUID,
        Memo,
        Module,
    }
)
"""Types whose instances and class the code may hold: their public attributes lead nowhere, save
where ``METHODS`` of :mod:`sandbox.modules.attributes` allows fewer."""

WRITABLE: frozenset[type] = frozenset(
    {
        list,
        dict,
        set,
        bytearray,
        array.array,
        collections.ChainMap,
        collections.Counter,
        collections.OrderedDict,
        collections.defaultdict,
        collections.deque,
        contexts.DecimalContext,
        Memo,
        textwrap.TextWrapper,
    }
)
"""Exact types of instances whose items (and public attributes, if they have any) may be set and
deleted. Never the classes themselves."""

BASES: frozenset[type] = frozenset(
    {
        *_ERRORS,
        collections.Counter,
        collections.OrderedDict,
        collections.defaultdict,
        collections.deque,
        contexts.AbstractContextManager,
        contexts.ContextDecorator,
        datetime.tzinfo,
        enums.Enum,
        enums.Flag,
        enums.IntEnum,
        enums.IntFlag,
        enums.StrEnum,
        hints.GenericBase,
        hints.NamedTupleBase,
        hints.TypedDictBase,
        json.JSONEncoder,
        random.Random,
    }
)
"""Classes of modules that a class of the code's own may build on."""
