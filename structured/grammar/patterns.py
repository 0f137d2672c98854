"""JSON Schema's regular expressions (ECMA-262, found anywhere in a text) as the engine's (Rust's,
of the whole text).

What has no counterpart is left out in such a way that the result matches more, never less: an
assertion (look-around, ``\\b``, an anchor inside) holds everywhere, a back-reference is anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_ANY = "(?s:.)"
_DOT = r"[^\n\r\x{2028}\x{2029}]"
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": r"\s\x{FEFF}"}
_CONTROLS = frozenset("nrtfv")
_REPEAT = re.compile(r"\{(\d+)(,(\d*))?\}")
_LOOK = re.compile(r"\(\?(?:[=!]|<[=!])")
_NAMED = re.compile(r"\(\?P?<[A-Za-z_$][\w$]*>")
_HEX = re.compile(r"u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})")
_LOW_SURROGATE = re.compile(r"\\u([dD][c-fC-F][0-9A-Fa-f]{2})")
_PROPERTY = re.compile(r"[pP]\{[A-Za-z_ =]+\}|[pP][A-Z]")
MAX_LENGTH = 20_000
"""Characters of a pattern that are looked at; a longer one is left to the validator."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A regular expression of whole texts in the engine's syntax."""

    regex: str
    exact: bool
    """Whether it matches just what the pattern matches; else it matches more."""
    wide: bool
    """Whether it may match texts with quotes, backslashes or control characters."""


class _Unreadable(ValueError):
    """Not a pattern that can be translated."""


@lru_cache(maxsize=2048)
def translated(pattern: str) -> Translated | None:
    """The pattern as the engine takes it; ``None`` when it cannot be read at all."""
    if len(pattern) > MAX_LENGTH:
        return None
    reader = _Reader(pattern)
    try:
        branches = [_anchored(reader, branch) for branch in _branches(pattern)]
    except (_Unreadable, RecursionError):
        return None
    regex = branches[0] if len(branches) == 1 else "|".join(f"(?:{b})" for b in branches)
    return Translated(regex, reader.exact, reader.wide)


def _anchored(reader: _Reader, branch: str) -> str:
    """One branch, with what may stand around it."""
    inner = _ungrouped(branch)
    if inner is not None and ("^" in inner or "$" in inner):
        return "|".join(f"(?:{_anchored(reader, part)})" for part in _branches(inner))
    start, end = branch.startswith("^"), _ends_with_dollar(branch)
    body = branch[1 if start else 0 : len(branch) - 1 if end else len(branch)]
    regex = reader.read(body)
    if not (start and end):
        reader.wide = True
    parts = ["" if start else f"{_ANY}*", f"(?:{regex})", "" if end else f"{_ANY}*"]
    return "".join(parts)


def _ends_with_dollar(branch: str) -> bool:
    if not branch.endswith("$"):
        return False
    before = branch[:-1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 0


def _walk(text: str, start: int = 0) -> Iterator[tuple[int, str, int]]:
    """The characters that are neither escaped nor in a set: place, character, depth of groups
    behind it."""
    depth, escaped, in_set = 0, False, False
    for i in range(start, len(text)):
        character = text[i]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif in_set:
            in_set = character != "]"
        elif character == "[":
            in_set = True
        else:
            depth += (character == "(") - (character == ")")
            yield i, character, depth


def _ungrouped(branch: str) -> str | None:
    """What is inside a branch that is one group and nothing else."""
    if not branch.startswith("(") or _LOOK.match(branch):
        return None
    end = next((i for i, _, depth in _walk(branch) if depth == 0), None)
    if end != len(branch) - 1:
        return None
    opening = _NAMED.match(branch)
    start = opening.end() if opening else 3 if branch.startswith("(?:") else 1
    return None if branch[start : start + 1] == "?" and not opening else branch[start:-1]


def _branches(pattern: str) -> list[str]:
    """A pattern cut at the ``|`` that stand outside of every group."""
    found, start = [], 0
    for i, character, depth in _walk(pattern):
        if character == "|" and depth == 0:
            found.append(pattern[start:i])
            start = i + 1
    return [*found, pattern[start:]]


class _Reader:
    """Reads patterns piece by piece."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.exact = True
        self.wide = False

    def read(self, text: str) -> str:
        out: list[str] = []
        i = 0
        while i < len(text):
            character = text[i]
            if character == "\\":
                piece, i = self._escape(text, i + 1)
            elif character == "[":
                piece, i = self._set(text, i + 1)
            elif character == "(":
                piece, i = self._group(text, i)
            elif character == "{":
                found = _REPEAT.match(text, i)
                piece, i = (found[0], found.end()) if found else (r"\{", i + 1)
            elif character == ".":
                self.wide = True
                piece, i = _DOT, i + 1
            elif character in "^$":
                self.exact = False
                piece, i = "", i + 1
                if text[i : i + 1] in ("*", "+", "?"):
                    i += 1
            else:
                self.wide = self.wide or character == '"' or character < " "
                piece, i = (character if character in "|)*+?" else _literal(character)), i + 1
            out.append(piece)
        return "".join(out)

    def _group(self, text: str, i: int) -> tuple[str, int]:
        if _LOOK.match(text, i):
            self.exact = False
            end = _closing(text, i) + 1
            while text[end : end + 1] in ("*", "+", "?"):
                end += 1
            return "", end
        if named := _NAMED.match(text, i):
            return "(?:", named.end()
        if text.startswith("(?:", i):
            return "(?:", i + 3
        if text.startswith("(?", i):
            raise _Unreadable(text[i : i + 3])
        return "(?:", i + 1

    def _escape(self, text: str, i: int) -> tuple[str, int]:
        """What an escape outside of a set stands for; ``i`` is behind the backslash."""
        if i >= len(text):
            raise _Unreadable("\\")
        character = text[i]
        if character.lower() in _CLASSES:
            negated = "^" if character.isupper() else ""
            self.wide = self.wide or bool(negated) or character == "s"
            return f"[{negated}{_CLASSES[character.lower()]}]", i + 1
        if character in "bB":
            self.exact = False
            return "", i + 1
        if character in "123456789":
            self.exact = False
            self.wide = True
            return f"{_ANY}*", i + 1
        if found := _PROPERTY.match(text, i):
            self.wide = self.wide or character == "P"
            return f"\\{found[0]}", found.end()
        return self._character(text, i)

    def _character(self, text: str, i: int) -> tuple[str, int]:
        """The one character that an escape stands for."""
        character = text[i]
        if found := _HEX.match(text, i):
            code, end = int(found[1] or found[2] or found[3], 16), found.end()
            if 0xD800 <= code < 0xDC00 and (low := _LOW_SURROGATE.match(text, end)):
                code = 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
                end = low.end()
            if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
                raise _Unreadable(found[0])
            self.wide = self.wide or code < 0x20 or code in (0x22, 0x5C)
            return f"\\x{{{code:X}}}", end
        if character == "c" and text[i + 1 : i + 2].isalpha():
            self.wide = True
            return f"\\x{{{ord(text[i + 1]) % 32:X}}}", i + 2
        if character == "0":
            self.wide = True
            return r"\x{0}", i + 1
        if character in _CONTROLS:
            self.wide = True
            return f"\\{character}", i + 1
        if character in "AZzGkK":  # anchors and references of other dialects
            raise _Unreadable(f"\\{character}")
        self.wide = self.wide or character in '"\\'
        return _literal(character), i + 1

    def _set(self, text: str, i: int) -> tuple[str, int]:
        """A ``[…]``; ``i`` is behind its opening."""
        out = ["["]
        if text[i : i + 1] == "^":
            self.wide = True
            out.append("^")
            i += 1
        if text[i : i + 1] == "]":
            raise _Unreadable("[]")
        while True:
            if i >= len(text):
                raise _Unreadable("[")
            character = text[i]
            if character == "]":
                return "".join([*out, "]"]), i + 1
            if character != "\\":
                self.wide = self.wide or character == '"' or character < " "
                piece, i = (character if character == "-" else _literal(character)), i + 1
            elif text[i + 1 : i + 2].lower() in _CLASSES and text[i + 1 : i + 2]:
                named = text[i + 1]
                self.wide = self.wide or named.isupper() or named == "s"
                inside = _CLASSES[named.lower()]
                piece, i = (f"[^{inside}]" if named.isupper() else inside), i + 2
            elif text[i + 1 : i + 2] == "b":
                self.wide = True
                piece, i = r"\x{8}", i + 2
            elif found := _PROPERTY.match(text, i + 1):
                piece, i = f"\\{found[0]}", found.end()
            elif text[i + 1 : i + 2] == "-":
                piece, i = r"\-", i + 2
            elif i + 1 < len(text):
                piece, i = self._character(text, i + 1)
            else:
                raise _Unreadable("\\")
            if out[-1] == "-":
                self.wide = self.wide or _spans_quotes(out, piece)
            out.append(piece)


def _spans_quotes(out: list[str], piece: str) -> bool:
    """Whether a range such as ``!-~`` may reach over quotes or backslashes."""
    return len(out) > 2 and not (out[-2][-1:].isalnum() and piece[-1:].isalnum())


_SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~/")


def _literal(character: str) -> str:
    if character in _SPECIAL:
        return f"\\{character}"
    if character < " " or character == "\x7f":
        return f"\\x{{{ord(character):X}}}"
    return character


def literal(text: str) -> str:
    """A regular expression of just this text."""
    return "".join(map(_literal, text))


def _closing(text: str, start: int) -> int:
    """Where the group ends that begins at ``start``."""
    for i, _, depth in _walk(text, start):
        if depth == 0:
            return i
    raise _Unreadable("(")
