"""What compiling a constraint may cost, told at a glance: cheap for certain, or not.

A glance costs about as much as parsing the schema (tens of microseconds) and looks only at sizes:
of what looks dear, a trial says how dear it is (:mod:`structured.engines.bounded`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from structured.constraint import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    RegexConstraint,
    ToolCallConstraint,
)


@dataclass(frozen=True, slots=True)
class Cheap:
    """Up to these sizes, an engine compiles anything in its stride.

    Measured on the schemas of MaskBench and on hostile ones (tests/structured/adversarial.py):
    what is below ends within a second, in a few MB, without deep recursion.
    """

    text: int = 100_000
    """Characters."""
    parts: int = 4_000
    """Values in the schema, of any kind."""
    depth: int = 48
    width: int = 500
    """Members of one object, or elements of one list other than an ``enum``."""
    options: int = 2_000
    """Elements of an ``enum``, or options of a choice."""
    pattern: int = 4_000
    """Size of a regular expression with its counted repetitions written out."""
    repeats: int = 100_000
    """Product of the counts (``maxItems`` and the like) that stand in each other."""


DEFAULT = Cheap()


def is_cheap(constraint: Constraint, limits: Cheap = DEFAULT) -> bool:
    """Whether compiling ``constraint`` costs next to nothing for certain."""
    match constraint:
        case JsonConstraint(schema_text=text):
            return _schema(text, limits)
        case RegexConstraint(pattern=pattern):
            return written_out(pattern, limits.pattern) <= limits.pattern
        case ChoiceConstraint(options=options):
            size = sum(map(len, options))
            return len(options) <= limits.options and size <= limits.text
        case LarkConstraint(grammar=text):
            return _lark(text, limits)
        case ToolCallConstraint(tools=tools):
            return len(tools) <= limits.width and (
                sum(len(tool.parameters_text) for tool in tools) <= limits.text
                and all(_schema(tool.parameters_text, limits) for tool in tools)
            )


def _lark(text: str, limits: Cheap) -> bool:
    lines = text.count("\n") + text.count("|")
    if len(text) > limits.text // 4 or lines > limits.width or text.count("(") > limits.width:
        return False
    return written_out(text, limits.pattern) <= limits.pattern


_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_COUNTS |= {"minProperties", "maxProperties", "minContains", "maxContains"}


_SMALL = 4_000
_SUSPICIOUS = re.compile(r'\d{4}|"pattern|(?:Items|Length|Properties|Contains)"')
"""What may make much of a small schema: large numbers, regular expressions, counts."""


def _schema(text: str, limits: Cheap) -> bool:
    if len(text) > limits.text:
        return False
    small = len(text) <= _SMALL and text.count("{") + text.count("[") <= limits.depth
    if small and text.count(":") <= limits.width and not _SUSPICIOUS.search(text):
        return True
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return len(text) < 1000  # refused at once
    if not isinstance(schema, (dict, list)):
        return True
    left, pattern = limits.parts, 0
    stack: list[tuple[Any, int, int]] = [(schema, 1, 1)]
    while stack:
        value, depth, repeats = stack.pop()
        members = value.values() if isinstance(value, dict) else value
        left -= len(value)
        if left < 0 or depth > limits.depth:
            return False
        if isinstance(value, dict):
            if len(value) > limits.width:
                return False
            repeats *= max((_count(value.get(key)) for key in _COUNTS & value.keys()), default=1)
            for name in ("pattern", "patternProperties"):
                if name in value:
                    found = value[name]
                    for text in found if isinstance(found, (dict, list)) else [found]:
                        pattern += written_out(text, limits.pattern)
            if repeats > limits.repeats or pattern > limits.pattern:
                return False
            if isinstance(listed := value.get("enum"), list) and len(listed) > limits.options:
                return False
            members = [item for key, item in value.items() if key != "enum" or not _flat(item)]
        elif len(value) > limits.width:
            return False
        stack += [(v, depth + 1, repeats) for v in members if isinstance(v, (dict, list))]
    return True


def _flat(listed: Any) -> bool:
    return isinstance(listed, list) and not any(isinstance(v, (dict, list)) for v in listed)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return 1
    return max(1, int(min(value, 10**9)))


_REPEAT = re.compile(r"\{(\d*),?(\d*)\}")
_SPECIAL = re.compile(r"[\\()[{]")


def written_out(pattern: Any, enough: int) -> int:
    """About how long a regular expression is with its counted repetitions written out.

    Counts stop at ``enough``, give or take; a text is not read further than that.
    """
    if not isinstance(pattern, str):
        return 0
    if _SPECIAL.search(pattern) is None or len(pattern) > enough:
        return len(pattern)
    sizes, last = [0], 0  # the size of each open group, and of what a repetition would repeat
    i = 0
    while i < len(pattern):
        character = pattern[i]
        step = 1
        if character == "\\":
            step, last = 2, 1
        elif character == "[":
            end = pattern.find("]", i + 2)
            step, last = (end - i + 1 if end > 0 else 1), 1
        elif character == "(":
            sizes.append(0)
            i, last = i + 1, 0
            continue
        elif character == ")" and len(sizes) > 1:
            last = sizes.pop()
        elif character == "{" and (found := _REPEAT.match(pattern, i)) is not None:
            times = max(int(n[:9]) if n else 1 for n in found.groups())
            sizes[-1] += last * (max(times, 1) - 1)
            if sizes[-1] > enough or len(sizes) > 200:
                return enough + 1
            i = found.end()
            continue
        else:
            last = 1
        sizes[-1] += last
        i += step
    return sum(sizes)
