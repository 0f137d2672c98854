"""From nodes to a Lark grammar in llguidance's dialect.

Objects whose members may come in any order use its parametric rules: a rule carries 64 bits, of
which each known member has one, so that a grammar of linear size says "each at most once, these
for sure" (llguidance, docs/parametric.md). With a fixed order, the members are a plain sequence.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from structured.grammar.lowering import KeyOrder
from structured.grammar.nodes import (
    Anything,
    Either,
    Fields,
    Items,
    Keys,
    Literals,
    Member,
    Node,
    Nothing,
    Scalar,
    reachable,
)
from structured.grammar.patterns import literal
from structured.grammar.scalars import canonical
from structured.grammar.tracking import COUNTER, Table, when

_UNICODE_ESCAPE = (
    r"u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}"
    r"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_STRING = rf'"(?:[^"\\\x00-\x1F]|\\(?:["\\\/bfnrt]|{_UNICODE_ESCAPE}))*"'
# Exponents up to 308: beyond, a number is infinite as a float.
_EXPONENT = "0{0,2}(?:[0-9]{1,2}|[12][0-9]{2}|30[0-8])"
_NUMBER = rf"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?{_EXPONENT})?"
_INTEGER = "-?(?:0|[1-9][0-9]*)"
_LEAF_OPTIONS = {"whitespace_flexible": False, "lenient": True}


class Emitter:
    """Writes the rules of one schema.

    Args:
        prefix: What the names of all rules begin with, so that several schemas fit into one
            grammar; lower-case letters.
        key_order: As the nodes were lowered for.
    """

    def __init__(self, prefix: str, key_order: KeyOrder) -> None:
        self._prefix = prefix
        self._order = key_order
        self._names: dict[Node, str] = {}
        self._shared: dict[str, str] = {}
        self._scalars: dict[str, str] = {}
        self.lines: list[str] = []

    def emit(self, root: Node) -> str:
        """Write the rules of ``root`` and of all that it refers to; returns its rule's name."""
        nodes = reachable(root)
        for node in nodes:
            self._name(node)
        for node in nodes:
            self._rule(node)
        return self._names[root]

    # -- names ------------------------------------------------------------------------------

    def _name(self, node: Node) -> None:
        match node.body:
            case Scalar(schema_text=text):
                found = self._scalars.get(text)
                name = found or self._scalars.setdefault(text, self._scalar(text))
            case Anything(type=type_):
                name = self._anything(type_)
            case _:
                name = f"{self._prefix}{len(self._names)}"
        self._names[node] = name

    def _share(self, text: str, hint: str) -> str:
        """The name of a rule with this text, written once."""
        if text not in self._shared:
            name = f"{self._prefix}{hint}{len(self._shared)}"
            self._shared[text] = name.upper() if hint.isupper() else name
            self.lines.append(f"{self._shared[text]}: {text}")
        return self._shared[text]

    def _terminal(self, regex: str) -> str:
        return self._share(f"/{slashed(regex)}/", "T")

    @property
    def _string(self) -> str:
        return self._terminal(_STRING)

    def _scalar(self, text: str) -> str:
        schema: dict[str, Any] = json.loads(text)
        plain = len(schema) == 1
        match schema["type"]:
            case "string" if plain:
                return self._string
            case "number" if plain:
                return self._terminal(_NUMBER)
            case "integer" if plain:
                return self._terminal(_INTEGER + self._point_zero)
        schema["x-guidance"] = _LEAF_OPTIONS
        leaf = self._share("%json " + json.dumps(schema), "j")
        if schema["type"] == "integer" and self._order == "any":
            return self._share(f'{leaf} ".0"?', "i")
        return leaf

    @property
    def _point_zero(self) -> str:
        # JSON Schema holds 1.0 for an integer; nobody who wrote `int` wants to see it.
        return r"(?:\.0)?" if self._order == "any" else ""

    def _anything(self, type_: str) -> str:
        if "any" not in self._shared:
            name = self._shared["any"] = f"{self._prefix}any"
            text, number = self._string, self._terminal(_NUMBER)
            self.lines += [
                f'{name}: {text} | {number} | "true" | "false" | "null" | {name}o | {name}a',
                f'{name}o: "{{" ({text} ": " {name} (", " {text} ": " {name})*)? "}}"',
                f'{name}a: "[" ({name} (", " {name})*)? "]"',
            ]
        return self._shared["any"] + {"": "", "object": "o", "array": "a"}[type_]

    # -- rules ------------------------------------------------------------------------------

    def _rule(self, node: Node) -> None:
        name = self._names[node]
        match node.body:
            case Literals(texts=texts):
                self._literals(name, texts)
            case Either(options=options):
                names = dict.fromkeys(self._names[option] for option in options)
                names.pop(name, None)
                self.lines.append(f"{name}: " + " | ".join(names))
            case Items():
                self._items(name, node.body)
            case Fields(ordered=True):
                self._sequence(name, node.body)
            case Fields():
                self._fields(name, node.body)
            case Nothing():
                self.lines.append(f"{name}: /[^\\x00-\\u{{10FFFF}}]/")

    def _literals(self, name: str, texts: Sequence[str]) -> None:
        rules = [self._literal(text) for text in texts]
        if len(rules) == 1:
            self.lines.append(f"{name}: {rules[0]}")
        else:
            self.lines.append(f"{name}: {self._share(' | '.join(rules), 'E')}")

    def _literal(self, text: str) -> str:
        """A value's text; of a whole number in a JSON Schema, both spellings."""
        if self._order == "schema" or text[0] not in "-0123456789":
            return quoted(text)
        number = float(text)
        if not math.isfinite(number) or abs(number) >= 1e16 or number != int(number):
            return quoted(text)
        whole = text if text.lstrip("-").isdecimal() else str(int(number))
        return f"/{literal(whole)}(?:\\.0)?/"

    def _items(self, name: str, items: Items) -> None:
        first, rest = items.first, items.rest
        if items.most is not None:
            first = first[: items.most]
        tail = ""
        if rest is not None:
            low = max(0, items.least - len(first))
            high = None if items.most is None else items.most - len(first)
            comma = "" if first else '", " '
            tail = _repeated(f'(", " {self._names[rest]})', low, high)
            if not first and high != 0:
                more = _repeated(
                    f"({comma}{self._names[rest]})",
                    max(0, low - 1),
                    None if high is None else high - 1,
                )
                tail = f"{self._names[rest]} {more}".strip()
                tail = tail if low else f"({tail})?"
        # Each element may end the array, once enough are there: nested from the last to the first.
        inside = tail
        for i in range(len(first) - 1, -1, -1):
            comma = '", " ' if i else ""
            step = f"{comma}{self._names[first[i]]} {inside}".strip()
            if i % 16 == 15:  # keeps what nests in one rule shallow
                rule = f"{name}x{i}"
                self.lines.append(f"{rule}: {step}")
                step = rule
            inside = step if i < items.least else f"({step})?"
        self.lines.append(f'{name}: "[" {inside} "]"')

    def _pair(self, member: Member) -> str:
        # Two lexemes: of `"a":` in one, the lexer would hold that it is longer than any string, and
        # so forget the branch of a union in which `"a"` is just some name.
        return f'{quoted(canonical(member.name))} ": " {self._names[member.value]}'

    def _other_pairs(self, fields: Fields) -> list[str]:
        return [
            f'{self._keys(keys, fields.known)} ": " {self._names[value]}'
            for keys, value in fields.others
        ]

    def _keys(self, keys: Keys, known: frozenset[str]) -> str:
        """The terminal of a further member's name."""
        names = [literal(canonical(name)) for name in sorted(known)]
        without = f" & ~/{slashed('|'.join(names))}/" if names else ""
        if not keys.patterns and not keys.excluded:
            return self._share(self._string + without, "K") if without else self._string
        parts = [r'/"[^"\\\x00-\x1F]*"/']
        parts += [f'/"(?:{slashed(pattern)})"/' for pattern in keys.patterns]
        parts += [f'~/"(?:{slashed(pattern)})"/' for pattern in keys.excluded]
        text = " & ".join(parts) + without
        if keys.escaped:
            text += f' | {self._string} & /"[^"\\\\]*\\\\(?s:.)*"/' + without
        return self._share(text, "K")

    # -- objects in a fixed order ---------------------------------------------------------------

    def _sequence(self, name: str, fields: Fields) -> None:
        members = fields.members
        required = sum(member.required for member in members)
        others = self._other_pairs(fields)
        more = ""
        if others:
            pair = self._share(" | ".join(others), "m") if len(others) > 1 else others[0]
            high = None if fields.most is None else fields.most - required
            low = max(0, fields.least - required)
            more = f'(", " {pair})'
            if not members:
                tail = _repeated(more, max(0, low - 1), None if high is None else max(0, high - 1))
                inside = f"{pair} {tail}" if low else f"({pair} {tail})?"
                inside = "" if high == 0 else inside
                self.lines.append(f'{name}: "{{" {inside} "}}"')
                return
            more = _repeated(more, low, high)
        if not members:
            self.lines.append(f'{name}: "{{" "}}"')
            return
        lead = next((i for i, m in enumerate(members) if m.required), len(members))
        pairs = [self._pair(member) for member in members]
        after = [
            f'", " {pair}' if member.required else f'(", " {pair})?'
            for pair, member in zip(pairs, members, strict=True)
        ]
        if lead == 0:
            self.lines.append(f'{name}: "{{" ' + " ".join([pairs[0], *after[1:], more, '"}"']))
            return
        # Of the optional members in front, any may be the first that is there.
        tail = " ".join([*after[lead + 1 :], more])
        behind = [f'", " {pairs[lead]} {tail}' if lead < len(members) else tail]
        for i in range(lead - 1, -1, -1):
            rule = f"{name}b{i}"
            self.lines.append(f"{rule}: {behind[-1]}")
            behind.append(f"{after[i]} {rule}")
        starts = [f"{pairs[i]} {name}b{i}" for i in range(lead)]
        if lead < len(members):
            starts.append(f"{pairs[lead]} {tail}")
        else:
            if others:
                pair = self._share(" | ".join(others), "m") if len(others) > 1 else others[0]
                starts.append(f'{pair} (", " {pair})*')
            starts.append('""')
        self.lines.append(f'{name}: "{{" {name}s "}}"')
        self.lines.append(f"{name}s: " + " | ".join(starts))

    # -- objects in any order -------------------------------------------------------------------

    def _fields(self, name: str, fields: Fields) -> None:
        table = Table(fields)
        others = self._other_pairs(fields)
        alternatives = []
        for member in table.members:
            bit = table.bits.get(member.name)
            counts = table.counted and not member.required
            next_ = f"{name}{'c' if counts else 'r'}::{'_' if bit is None else f'set_bit({bit})'}"
            condition = when(table.writable(member))
            alternatives.append(f"{self._pair(member)} {next_}{condition}")
        for pair in others:
            next_ = f"{name}{'c' if table.counted else 'r'}::_"
            alternatives.append(f"{pair} {next_}{when(table.room())}")
        if not alternatives:
            self.lines.append(f'{name}: "{{" "}}"')
            return
        end, more = table.end(), table.more(bool(others))
        self.lines += [
            f'{name}: "{{" {name}f::0x0 "}}"',
            f'{name}f::_: ""{when(end)} | {name}m::_{when(more)}',
            f'{name}r::_: ""{when(end)} | ", " {name}m::_{when(more)}',
            f"{name}m::_: " + "\n  | ".join(alternatives),
        ]
        if table.counted:
            # Behind a member that counts, and is not counted yet. (A rule that is only another
            # one with a changed parameter is not to be had: llguidance 1.9 forgets the change.)
            end, more = table.end(uncounted=1), table.more(bool(others), uncounted=1)
            step = f'", " {name}m::incr({COUNTER})'
            self.lines.append(f'{name}c::_: ""{when(end)} | {step}{when(more)}')


def _repeated(what: str, low: int, high: int | None) -> str:
    if high is not None and high <= 0:
        return ""
    if high is None:
        return f"{what}*" if low == 0 else f"{what}{{{low},}}"
    return f"{what}{{{low},{high}}}"


def quoted(text: str) -> str:
    """A text as a Lark string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@lru_cache(maxsize=1024)
def slashed(regex: str) -> str:
    """A regular expression as it stands between Lark's slashes."""
    return _SLASHED.sub(lambda found: _ESCAPED.get(found[0], found[0]), regex)


_SLASHED = re.compile(r"\\.|/|\n", re.DOTALL)
_ESCAPED = {"/": r"\/", "\n": r"\n"}
