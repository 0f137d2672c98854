r"""Regular expressions as Python reads them, spelled for the engines, which read Rust's.

Both syntaxes agree on most patterns, and silently disagree on some: Rust takes ``[a&&b]`` for an
intersection, ``a*+`` for a repeated repetition, ``a\<b`` for a word's beginning. Here a pattern is
taken apart as Python would and written so that there is one reading only. What has no spelling,
because it looks around or back, is named with its place, or left out where a superset will do.

Sources: Python's ``re`` documentation (3.13), the ``regex`` crate's (1.12).
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import dataclass, field

from structured.errors import ConstraintError, SchemaError, shorten

_COUNTED = re.compile(r"\{(?:(\d+)(?:(,)(\d*))?|(,)(\d*))\}")
_FLAGS = re.compile(r"\(\?([aiLmsux]*)(?:-([imsx]+))?([:)])")
_PROPERTY = re.compile(r"\\[pP](?:\{[A-Za-z_0-9=:]+\}|[A-Z])")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-3][0-7]{2}")
_NUMBERED = {"x": 2, "u": 4, "U": 8}
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CLASSES = "dDsSwW"
_META = frozenset(r"\.+*?()|[]{}^$")
_LOOKS = {"(?=": "lookahead", "(?!": "lookahead", "(?<=": "lookbehind", "(?<!": "lookbehind"}
_WHY_NOT = {
    "lookahead": "say what comes as a part of the pattern, or check it in a validator",
    "lookbehind": "say what came before as a part of the pattern, or check it in a validator",
    "backreference": "list the texts that may repeat: (?:a-a|b-b), or check it in a validator",
    "word boundary": "name the characters around the word; the whole text is matched anyway",
    "conditional group": "write both cases: (?:with|without)",
    "atomic group": "a group without `>` matches the same texts, and more",
    "possessive quantifier": "one without the second `+` matches the same texts, and more",
    "flag x": "write the pattern without white space and comments",
    "flag a": "write the ASCII class: [0-9] for \\d, [A-Za-z0-9_] for \\w",
    "anchor": "the whole text is matched: leave ^ and $ out",
}


@dataclass(frozen=True, slots=True)
class Portable:
    """A pattern in the spelling that Rust reads as Python reads the original."""

    rust: str
    left_out: tuple[tuple[str, int], ...] = ()
    """What was left out (``lookahead``, ``backreference``, …), and at which character."""


def portable(pattern: str, *, relax: bool = False) -> Portable:
    r"""``pattern`` for the engines; the whole text is meant, as by ``re.fullmatch``.

    ``\p{…}``, which Python does not know, is taken as Rust does.

    Args:
        pattern: As for ``re.compile``.
        relax: Leave out what has no spelling, so that more texts match: a look-around is
            dropped, a backreference stands for what its group may match.

    Raises:
        SchemaError: Python does not take it for a regular expression.
        ConstraintError: A part of it has no spelling; ``keyword`` names it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about [[ and [a&&b]: settled here
            re.compile(_PROPERTY.sub(r"\\w", pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise SchemaError(f"not a regular expression: {shorten(pattern)}: {error}") from None
    reader = _Reader(pattern, relax)
    return Portable(reader.alternatives(), tuple(reader.left_out))


def refused(pattern: str, keyword: str, at: int | None) -> ConstraintError:
    """The error that names a part without a spelling."""
    where = "" if at is None else f" at character {at}"
    return ConstraintError(
        f"no engine can decode under the {keyword}{where} of the regular expression {pattern!r}",
        path="$" if at is None else f"$[{at}]",
        keyword=keyword,
        hint=_WHY_NOT.get(keyword, ""),
    )


@dataclass
class _Reader:
    pattern: str
    relax: bool
    at: int = 0
    left_out: list[tuple[str, int]] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    """What each group that is closed matches, by number and by name."""
    opened: int = 0
    flags: frozenset[str] = frozenset()

    def alternatives(self) -> str:
        """Up to the end, or to the parenthesis that closes the group."""
        parts = [""]
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            if self.pattern[self.at] == "|":
                self.at += 1
                parts.append("")
            else:
                parts[-1] += self._item()
        return "|".join(parts)

    def _item(self) -> str:
        start = self.at
        char = self._take(1)
        if self.pattern.startswith("(?#", start):  # what repeats after it is what was before it
            self.at = self.pattern.index(")", start) + 1
            return self._quantifier()
        if char == "(":
            item = self._group(start)
        elif char == "[":
            item = self._class()
        elif char == "\\":
            item = self._escape(start)
        elif char in ".^$":
            item = char
        else:
            item = _literal(char)
        count = self._quantifier()
        return item + count if item else ""

    def _quantifier(self) -> str:
        start = self.at
        if counted := _COUNTED.match(self.pattern, start):
            self.at = counted.end()
            low, comma, high, open_comma, open_high = counted.groups()
            found = f"{{{low or 0}{comma or open_comma or ''}{high or open_high or ''}}}"
        elif self._next() in tuple("*+?"):
            found = self._take(1)
        else:
            return ""
        if self._next() == "+":
            self._leave_out("possessive quantifier", start)
            self.at += 1
        elif self._next() == "?":
            found += self._take(1)
        return found

    def _group(self, start: int) -> str:
        rest = self.pattern[start:]
        for opening, keyword in _LOOKS.items():
            if rest.startswith(opening):
                self._leave_out(keyword, start)
                left_out = list(self.left_out)
                self._inside(start + len(opening))
                self.left_out = left_out  # what is inside it is no further loss
                return ""
        if rest.startswith("(?>"):
            self._leave_out("atomic group", start)
            return f"(?:{self._inside(start + 3)})"
        if rest.startswith("(?("):
            self._leave_out("conditional group", start)
            inner = self._inside(self.pattern.index(")", start) + 1)
            return f"(?:{inner}|)"
        if rest.startswith("(?P="):
            end = self.pattern.index(")", start)
            self.at = end + 1
            return self._again(self.pattern[start + 4 : end], start)
        if named := re.match(r"\(\?P<(\w+)>", rest):
            return self._numbered(start + named.end(), named[1])
        if flags := _FLAGS.match(self.pattern, start):
            for flag in "xa":
                if flag in flags[1]:
                    raise refused(self.pattern, f"flag {flag}", start)
            kept = flags[1].replace("u", "") + (f"-{flags[2]}" if flags[2] else "")
            if flags[3] == ")":  # Python allows these at the beginning only, so they hold for all
                self.at = flags.end()
                self.flags = frozenset(flags[1])
                return f"(?{kept})" if kept else ""
            outer, self.flags = self.flags, self.flags.union(flags[1]).difference(flags[2] or "")
            inner = self._inside(flags.end())
            self.flags = outer
            return f"(?{kept}:{inner})"
        return self._numbered(start + 1, None)

    def _numbered(self, body: int, name: str | None) -> str:
        self.opened += 1
        number = str(self.opened)
        inner = self._inside(body)
        on, off = (
            "".join(flag for flag in "ims" if (flag in self.flags) is wanted)
            for wanted in (True, False)
        )
        self.groups[number] = f"(?{on}{'-' if off else ''}{off}:{inner})"
        if name is not None:
            self.groups[name] = self.groups[number]
        return f"(?:{inner})"

    def _inside(self, body: int) -> str:
        self.at = body
        inner = self.alternatives()
        self.at += 1  # the closing parenthesis
        return inner

    def _again(self, group: str, start: int) -> str:
        self._leave_out("backreference", start)
        return self.groups[group]

    def _escape(self, start: int) -> str:
        if found := _PROPERTY.match(self.pattern, start):
            self.at = found.end()
            return found[0]
        char = self._next()
        if char in ("b", "B"):
            self._leave_out("word boundary", start)
            self.at += 1
            return ""
        if char in ("A", "Z", "z"):
            self.at += 1
            return "^" if char == "A" else "$"
        if char is not None and char in "123456789" and not _OCTAL.match(self.pattern, self.at):
            number = re.compile(r"\d{1,2}").match(self.pattern, self.at)
            assert number is not None
            self.at = number.end()
            return self._again(number[0], start)
        return self._escaped()

    def _escaped(self) -> str:
        """An escape that means one character, or one of a class of them."""
        if octal := _OCTAL.match(self.pattern, self.at):
            self.at = octal.end()
            return _literal(chr(int(octal[0], 8)))
        char = self._take(1)
        if char in _CLASSES:
            return f"\\{char}"
        if char in _NUMBERED:
            return _literal(chr(int(self._take(_NUMBERED[char]), 16)))
        if char == "N":
            end = self.pattern.index("}", self.at)
            name, self.at = self.pattern[self.at + 1 : end], end + 1
            return _literal(unicodedata.lookup(name))
        return _literal(_CONTROLS.get(char, char))

    def _class(self) -> str:
        found = "["
        if self._next() == "^":
            found += self._take(1)
        first = True
        while first or self._next() != "]":
            found += self._member()
            if self._next() == "-" and self.pattern[self.at + 1] != "]":
                self.at += 1
                found += f"-{self._member()}"
            first = False
        self.at += 1
        return f"{found}]"

    def _member(self) -> str:
        start = self.at
        char = self._take(1)
        if char != "\\":
            return _in_class(char)
        if found := _PROPERTY.match(self.pattern, start):
            self.at = found.end()
            return found[0]
        found_char = self._escaped()
        return found_char if found_char[0] == "\\" else _in_class(found_char)

    def _leave_out(self, keyword: str, at: int) -> None:
        if not self.relax:
            raise refused(self.pattern, keyword, at)
        self.left_out.append((keyword, at))

    def _next(self) -> str | None:
        return self.pattern[self.at] if self.at < len(self.pattern) else None

    def _take(self, count: int) -> str:
        taken = self.pattern[self.at : self.at + count]
        self.at += count
        return taken


def _literal(char: str) -> str:
    """A character by itself, as JavaScript, whose patterns are JSON Schema's, spells it too."""
    if char in _META:
        return f"\\{char}"
    if char.isprintable():
        return char
    # A line of Lark holds a pattern: nothing that breaks lines stands in it as itself.
    code = ord(char)
    return char if code > 0xFFFF else f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def _in_class(char: str) -> str:
    """A character in a class, where Rust has ``&&``, ``~~`` and ``--`` for operators."""
    if char == "-":
        return r"\-"
    return f"\\x{ord(char):02x}" if char in "&~" else _literal(char)
