"""Names that a source uses and nobody defines, found in its tokens; and imports that it forgot.

The host does not parse what a model wrote (that can crash an interpreter); it only cuts it into
tokens. So this is a reading of the surface: whatever stands where a name can be bound counts as
bound. It misses some, and reports none that is defined.
"""

from __future__ import annotations

import builtins
import io
import keyword
import re
import tokenize
from collections.abc import Collection, Iterator

_SOFT = frozenset({"match", "case", "type", "_"})
_ASSIGNS = frozenset("= := += -= *= /= //= %= **= &= |= ^= >>= <<= @=".split())  # noqa: SIM905
_HOMES = {
    "collections": ("Counter", "defaultdict", "deque", "namedtuple", "OrderedDict"),
    "datetime": ("date", "timedelta", "time", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "functools": ("reduce", "lru_cache", "partial"),
    "itertools": ("combinations", "permutations", "product", "groupby", "chain", "accumulate"),
    "dataclasses": ("dataclass",),
    "enum": ("Enum",),
    "typing": ("NamedTuple",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

Word = tuple[int, str]
"""A token: its kind and its text."""


def undefined(source: str, known: Collection[str]) -> list[str]:
    """The names that a source uses and that nothing defines, in order.

    Args:
        source: Python, or nearly.
        known: Names that are there besides the built-in ones.
    """
    try:
        lines = list(_logical_lines(source))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return []  # the language check says what is wrong
    bound = {*known, *dir(builtins), *_SOFT}
    used: dict[str, None] = {}
    for line in lines:
        bound |= _bound(line)
        used.update(dict.fromkeys(_used(line)))
    return [name for name in used if name not in bound]


def with_imports(source: str, missing: Collection[str], allowed: Collection[str]) -> str:
    """The source with the imports that it plainly forgot.

    Args:
        source: Python.
        missing: Names that it does not define.
        allowed: Modules that it may import.
    """
    lines = []
    for name in missing:
        module = _HOME.get(name, name)
        if module not in allowed:
            continue
        if name in _HOME:
            lines.append(f"from {module} import {name}")
        elif name == "datetime" and not re.search(r"\bdatetime\.(date|time|timedelta)", source):
            lines.append("from datetime import datetime")
        else:
            lines.append(f"import {name}")
    return "".join(f"{line}\n" for line in lines) + source


def _logical_lines(source: str) -> Iterator[list[Word]]:
    line: list[Word] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if line:
                yield line
            line = []
        elif token.type in (tokenize.NAME, tokenize.OP):
            line.append((token.type, token.string))


def _is_name(word: Word) -> bool:
    return word[0] == tokenize.NAME and not keyword.iskeyword(word[1])


def _bound(line: list[Word]) -> set[str]:
    """Every name of a logical line that may be bound in it."""
    texts = [text for _, text in line]
    if texts[0] in ("import", "from", "def", "class", "global", "nonlocal", "case", "type", "@"):
        return {word[1] for word in line if _is_name(word)}
    found: set[str] = set()
    since = 0  # where the words begin that the next sign may bind
    for i, text in enumerate(texts):
        if text in ("for", "lambda", "as"):
            since = i
        elif text == "in" and "for" in texts[since:i]:
            found |= {word[1] for word in line[since:i] if _is_name(word)}
        elif text == ":" and texts[since] == "lambda":
            found |= {word[1] for word in line[since:i] if _is_name(word)}
            since = i
        elif text in _ASSIGNS or (text == ":" and i == 1):
            inside = _depth(texts[:i]) > 0  # a keyword argument, or :=
            found |= {word[1] for word in line[i - 1 if inside else 0 : i] if _is_name(word)}
        if i and texts[i - 1] == "as":
            found |= {word[1] for word in line[i:] if _is_name(word)}
    return found


def _depth(texts: list[str]) -> int:
    return sum((text in "([{") - (text in ")]}") for text in texts if len(text) == 1)


def _used(line: list[Word]) -> Iterator[str]:
    if line[0][1] in ("import", "from", "global", "nonlocal", "case"):
        return
    annotated = line[0][1] == "def"
    for i, word in enumerate(line):
        before = line[i - 1][1] if i else ""
        after = line[i + 1][1] if i + 1 < len(line) else ""
        if _is_name(word) and before != "." and after != "=" and not annotated:
            yield word[1]
