"""Of which types the code may read fewer attributes than are public, and of which more."""

from __future__ import annotations

import array
import calendar
import collections
import csv
import dataclasses
import difflib
import enum
import fractions
import functools
import io
import json
import random
import re
import statistics
import textwrap
from types import MappingProxyType

from sandbox.modules import texts, zones
from sandbox.modules.trusted import ABSTRACT, ADDRESSES, DATEUTIL, ENUMS


def _public(cls: type, *without: str) -> frozenset[str]:
    return frozenset(name for name in dir(cls) if not name.startswith("_")) - set(without)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _instances() -> dict[type, frozenset[str]]:
    """Classes written in Python, whose instances have attributes that the class does not show."""
    found: dict[type, frozenset[str]] = {
        csv.DictReader: _public(csv.DictReader) | _names("dialect line_num reader restkey restval"),
        texts.DictWriter: _public(texts.DictWriter) | _names("extrasaction fieldnames restval"),
        difflib.SequenceMatcher: _public(difflib.SequenceMatcher)
        | _names("a autojunk b b2j bjunk bpopular isjunk"),
        enum.auto: _names("value"),
        type(functools.lru_cache(lambda: None)): _names("cache_clear cache_info cache_parameters"),
        calendar.IllegalMonthError: _names("month"),
        calendar.IllegalWeekdayError: _names("weekday"),
        json.JSONDecodeError: _names("add_note colno doc lineno msg pos"),
        re.Pattern: _public(re.Pattern, "scanner"),
        re.error: _names("add_note colno lineno msg pattern pos"),
    }
    delta = DATEUTIL.get("relativedelta")
    if delta is not None:
        found[delta] = _public(delta) | _names(
            "day days hour hours leapdays microsecond microseconds minute minutes month months "
            "second seconds weekday weeks year years"
        )
    return found


def _members(cls: type[enum.Enum]) -> frozenset[str]:
    return frozenset({"name", "value", *cls.__members__})


METHODS: MappingProxyType[type, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(ABSTRACT, frozenset[str]()),
        **{cls: _public(cls) | {"_asdict", "_fields", "_replace"} for cls in ADDRESSES},
        **{cls: _members(cls) for cls in ENUMS},
        dataclasses.Field: _names(
            "compare default default_factory hash init kw_only metadata name repr type"
        ),
        str: _public(str, "format", "format_map"),
        **_instances(),
        array.array: _public(
            array.array, "buffer_info", "fromfile", "tofile", "fromstring", "tostring"
        ),
        calendar.TextCalendar: _public(
            calendar.TextCalendar, "formatmonthname", "prweek", "prmonth", "pryear"
        ),
        collections.ChainMap: _names(
            "clear copy fromkeys get items keys maps new_child parents pop popitem setdefault "
            "update values"
        ),
        fractions.Fraction: _names(
            "as_integer_ratio conjugate denominator from_decimal from_float imag is_integer "
            "limit_denominator numerator real"
        ),
        io.BytesIO: _public(io.BytesIO, "getbuffer"),
        json.JSONDecoder: _names("decode raw_decode"),
        json.JSONEncoder: _names("default encode iterencode"),
        random.Random: _names(
            "betavariate binomialvariate choice choices expovariate gammavariate gauss getrandbits "
            "getstate lognormvariate normalvariate paretovariate randbytes randint random "
            "randrange sample seed setstate shuffle triangular uniform vonmisesvariate "
            "weibullvariate"
        ),
        statistics.NormalDist: _public(statistics.NormalDist, "samples"),
        texts.Template: _names("get_identifiers is_valid safe_substitute substitute template"),
        textwrap.TextWrapper: _names(
            "break_long_words break_on_hyphens drop_whitespace expand_tabs fill "
            "fix_sentence_endings initial_indent max_lines placeholder replace_whitespace "
            "subsequent_indent tabsize width wrap"
        ),
        zones.ZoneInfo: _names("dst fromutc key tzname utcoffset"),
    }
)
"""Types of which only these public attributes may be read, on an instance and on the class."""
