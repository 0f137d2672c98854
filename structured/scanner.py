"""JSON read piece by piece, each value with the place where it stands in the text.

The standard parsers return data; rolling a reply back and streaming it both need to know *where*
a value begins and ends, and which values are complete while the rest has yet to come. One pass,
in time linear in the text however it is cut into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from structured.errors import ByzerError, shorten

MAX_DEPTH = 256
"""Nesting beyond this is refused; pydantic's own parser stops at 200."""

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(
    r"\\(?:([\"\\/bfnrt])"
    r"|u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u([0-9a-fA-F]{4}))"
)
_ESCAPE_BEGUN = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,3}"
    r"|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?"
)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NUMERIC = re.compile(r"[-+0-9.eE]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LETTERS = re.compile(r"[a-z]*")
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}

Kind = Literal["object", "array", "string", "number", "literal"]


class NotJson(ByzerError, ValueError):
    """A text that is not JSON.

    Attributes:
        offset: Characters before the place where it stops being JSON.
    """

    def __init__(self, expected: str, got: str, offset: int) -> None:
        super().__init__(f"not JSON: expected {expected} at character {offset}, got {got}")
        self.offset = offset


@dataclass(slots=True, eq=False)
class Node:
    """A value and its place: ``text[start:end]``."""

    kind: Kind
    start: int
    end: int | None = None
    """``None`` until the value is complete."""
    value: Any = None
    """Of a complete scalar."""
    keys: list[Node] = field(default_factory=list)
    """Of an object, complete ones; the last one's value may not have begun."""
    items: list[Node] = field(default_factory=list)
    """Of an array; of an object the values, in the order of ``keys``."""
    parts: list[str] = field(default_factory=list)
    """Of a scalar that is not complete: what has come, a string's decoded."""

    @property
    def complete(self) -> bool:
        """Whether all of it has come."""
        return self.end is not None

    def child(self, step: str | int) -> int | None:
        """Where in ``items`` a key (the last one of this name) or an index leads."""
        if self.kind == "array":
            inside = isinstance(step, int) and 0 <= step < len(self.items)
            return int(step) if inside else None
        for i in range(len(self.items) - 1, -1, -1):
            if self.keys[i].value == str(step):
                return i
        return None

    def data(self) -> Any:
        """What has come as Python data, incomplete scalars left out."""
        if self.kind == "object":
            members = zip(self.keys, self.items, strict=False)
            return {key.value: item.data() for key, item in members if item.has_data}
        if self.kind == "array":
            return [item.data() for item in self.items if item.has_data]
        return self.value

    @property
    def has_data(self) -> bool:
        """Whether there is something of it: a container that has begun, or a complete scalar."""
        return self.complete or self.kind in ("object", "array")


class Scanner:
    """Reads JSON as it comes.

    Attributes:
        root: The value, complete or not; ``None`` before it begins.
        stack: The containers that are open, outermost first.
    """

    def __init__(self) -> None:
        self.root: Node | None = None
        self.stack: list[Node] = []
        self._expected = "a value"
        self._scalar: Node | None = None
        self._is_key = False
        self._tail = ""  # an escape that is not complete
        self._offset = 0  # characters before the tail
        self._completed: list[Node] = []

    @property
    def open_string(self) -> Node | None:
        """The string value that is being read, if one is."""
        scalar = self._scalar
        return scalar if scalar and scalar.kind == "string" and not self._is_key else None

    def feed(self, piece: str) -> list[Node]:
        """Read on; returns the values that this piece completes, inner ones first.

        A number at the root is complete only when :meth:`finish` says that no digit follows.

        Raises:
            NotJson: The text is no beginning of a JSON value.
        """
        text, self._completed = self._tail + piece, []
        at, end = 0, len(text)
        while at < end:
            if self._scalar is not None:
                further = self._read_scalar(self._scalar, text, at)
                if further is None:
                    break
                at = further
                continue
            blank = _SPACE.match(text, at)
            at = blank.end() if blank else at
            if at < end:
                at = self._token(text, at)
        self._tail = text[at:]
        self._offset += at
        return self._completed

    def finish(self) -> list[Node]:
        """No more comes; returns a number at the root, if it is complete only now.

        Raises:
            NotJson: The value is not complete.
        """
        self._completed = []
        scalar = self._scalar
        if scalar is not None and scalar.kind != "string" and not self.stack:
            self._close_scalar(scalar, self._offset)
        if self.root is None or not self.root.complete:
            raise NotJson("more", "the end", self._offset + len(self._tail))
        return self._completed

    # -- between scalars -------------------------------------------------------------------

    def _token(self, text: str, at: int) -> int:
        character, expected = text[at], self._expected
        container = self.stack[-1] if self.stack else None
        if expected == "a comma or the end" and container is not None:
            if character == ",":
                self._expected = "a key" if container.kind == "object" else "a value"
                return at + 1
            if character == ("}" if container.kind == "object" else "]"):
                return self._close(container, at)
        elif expected == "a colon":
            if character == ":":
                self._expected = "a value"
                return at + 1
        elif expected in ("a key", "a key or }"):
            if character == '"':
                return self._open_scalar("string", at, is_key=True)
            if character == "}" and expected == "a key or }" and container is not None:
                return self._close(container, at)
        elif expected in ("a value", "a value or ]"):
            if character == "]" and expected == "a value or ]" and container is not None:
                return self._close(container, at)
            if character in "{[":
                return self._open(character, at)
            if character == '"':
                return self._open_scalar("string", at)
            if character in "-0123456789":
                return self._open_scalar("number", at)
            if character in "tfn":
                return self._open_scalar("literal", at)
        if container is None and self.root is not None:
            expected = "the end"
        raise NotJson(expected, shorten(text[at : at + 20]), self._offset + at)

    def _add(self, node: Node) -> None:
        if self.stack:
            self.stack[-1].items.append(node)
        else:
            self.root = node

    def _open(self, character: str, at: int) -> int:
        if len(self.stack) == MAX_DEPTH:
            raise NotJson(f"at most {MAX_DEPTH} levels", "one more", self._offset + at)
        node = Node("object" if character == "{" else "array", self._offset + at)
        self._add(node)
        self.stack.append(node)
        self._expected = "a key or }" if character == "{" else "a value or ]"
        return at + 1

    def _close(self, container: Node, at: int) -> int:
        self.stack.pop()
        container.end = self._offset + at + 1
        self._completed.append(container)
        self._expected = "a comma or the end"
        return at + 1

    # -- scalars ---------------------------------------------------------------------------

    def _open_scalar(self, kind: Kind, at: int, *, is_key: bool = False) -> int:
        self._scalar, self._is_key = Node(kind, self._offset + at), is_key
        if not is_key:
            self._add(self._scalar)
        return at + 1 if kind == "string" else at

    def _read_scalar(self, scalar: Node, text: str, at: int) -> int | None:
        """Where it goes on, or ``None`` when an escape is not complete."""
        if scalar.kind == "string":
            return self._read_string(scalar, text, at)
        run = (_NUMERIC if scalar.kind == "number" else _LETTERS).match(text, at)
        stop = run.end() if run else at
        scalar.parts.append(text[at:stop])
        if stop < len(text):
            self._close_scalar(scalar, self._offset + stop)
        return stop

    def _read_string(self, scalar: Node, text: str, at: int) -> int | None:
        plain = _PLAIN.match(text, at)
        stop = plain.end() if plain else at
        if stop > at:
            scalar.parts.append(text[at:stop])
            return stop
        if text[at] == '"':
            self._close_scalar(scalar, self._offset + at + 1)
            return at + 1
        if _ESCAPE_BEGUN.fullmatch(text, at):
            return None
        escape = _ESCAPE.match(text, at)
        if escape is None:
            raise NotJson("a character", shorten(text[at : at + 6]), self._offset + at)
        scalar.parts.append(_decoded(escape))
        return escape.end()

    def _close_scalar(self, scalar: Node, end: int) -> None:
        written = "".join(scalar.parts)
        scalar.value = written
        if scalar.kind == "number":
            scalar.value = _number(written, scalar.start)
        elif scalar.kind == "literal":
            if written not in _LITERALS:
                raise NotJson("true, false or null", shorten(written), scalar.start)
            scalar.value = _LITERALS[written]
        scalar.end = end
        self._scalar = None
        if self._is_key:
            self.stack[-1].keys.append(scalar)
            self._is_key = False
            self._expected = "a colon"
        else:
            self._completed.append(scalar)
            self._expected = "a comma or the end"


def _decoded(escape: re.Match[str]) -> str:
    simple, high, low, single = escape.groups()
    if simple:
        return _ESCAPES[simple]
    if high:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    return chr(int(single, 16))


def _number(written: str, start: int) -> int | float:
    found = _NUMBER.fullmatch(written)
    if found is None:
        raise NotJson("a number", shorten(written), start)
    if found[1] or found[2]:
        return float(written)
    try:
        return int(written)
    except ValueError:  # more digits than Python converts
        raise NotJson("a shorter number", shorten(written), start) from None


def scan(text: str) -> Node:
    """The value of a JSON text, with the places of all values in it.

    Raises:
        NotJson
    """
    scanner = Scanner()
    scanner.feed(text)
    scanner.finish()
    assert scanner.root is not None
    return scanner.root


def scan_beginning(text: str) -> Node | None:
    """As much as there is of a text that may end, or stop being JSON, anywhere."""
    scanner = Scanner()
    try:
        scanner.feed(text)
        scanner.finish()
    except NotJson:
        pass  # what came before it stands
    return scanner.root


def walk(node: Node) -> Iterator[Node]:
    """A value and all values in it, outer ones first."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += reversed(found.items)
