r"""Regular expressions as schemas hold them, in a spelling that the validator takes.

JSON Schema means ECMA-262's, in its Unicode mode. Schemas are also written for its older mode
(``[\w-.]``, ``a{``, ``\_``: Annex B of ECMA-262) and for Python (``(?P<name>…)``, ``\A``, ``\Z``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_ESCAPES = frozenset("dDwWsSbBfnrtv0123456789")
_LONG = re.compile(r"c[A-Za-z]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]+\}|[pP]\{[^}]*\}")
_ENDS = {"A": "^", "Z": "$", "z": "$"}
_COUNT = re.compile(r"\{\d+(?:,\d*)?\}")
_GROUP = re.compile(r"\(\?P?<([A-Za-z_$][\w$]*)>")
_BACK = re.compile(r"\\k<([A-Za-z_$][\w$]*)>|\(\?P=([A-Za-z_$][\w$]*)\)")
_REMARK = re.compile(r"\(\?#[^)]*\)")
_RUN = re.compile(
    r"\^(?P<one>\[(?:\\.|[^\]\\])+\]|\\[dDwWsS]|[^\\()\[\]|*+?{}^$])"
    r"\{(?P<least>\d+)(?P<open>,(?P<most>\d*))?\}\$",
    re.DOTALL,
)
_LONG_RUN = 256


def mended(node: dict[str, Any]) -> dict[str, Any]:
    """A schema's node with its patterns as the validator takes them."""
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        pattern = respelled(pattern)
        node["pattern"] = pattern
        if (run := _RUN.fullmatch(pattern)) and (lengths := _lengths(run)):
            one = {"pattern": f"^{run['one']}*$"}
            del node["pattern"]
            node["allOf"] = [*node.get("allOf", ()), {**one, **lengths}]
    names = node.get("patternProperties")
    if isinstance(names, dict):
        respelt = {respelled(name): child for name, child in names.items()}
        node["patternProperties"] = respelt if len(respelt) == len(names) else names
    return node


def _lengths(run: re.Match[str]) -> dict[str, int]:
    """The lengths that a long run of one kind of character says: an automaton would be huge."""
    least, most = int(run["least"]), int(run["most"] or 0)
    if not run["open"]:
        most = least
    if max(least, most) <= _LONG_RUN:
        return {}
    return {"minLength": least, **({"maxLength": most} if most or not run["open"] else {})}


def readable(pattern: str) -> bool:
    """Whether a pattern is one when nothing in it is counted: if so, it was too large."""
    try:
        re.compile(_COUNT.sub("*", pattern))
    except (re.error, RecursionError, OverflowError):
        return False
    return _COUNT.search(pattern) is not None


@lru_cache(maxsize=1024)
def respelled(pattern: str) -> str:
    """The pattern in ECMA-262's Unicode mode; unchanged where it is no pattern at all."""
    names: list[str] = []
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char, rest = pattern[at], pattern[at : at + 64]
        if back := _BACK.match(rest):
            name = back[1] or back[2]
            parts.append(f"(?:\\{names.index(name) + 1})" if name in names else back[0])
            at += back.end()
        elif char == "\\":
            text, at = _escape(pattern, at + 1)
            parts.append(text)
        elif char == "[":
            text, at = _class(pattern, at + 1)
            parts.append(text)
        elif remark := _REMARK.match(pattern, at):
            at = remark.end()
        elif group := _GROUP.match(rest):
            names.append(group[1])
            parts.append("(")
            at += group.end()
        else:
            if char == "(" and not pattern.startswith("(?", at):
                names.append("")
            elif char == "{" and not _COUNT.match(pattern, at):
                char = "\\{"
            parts.append(char)
            at += 1
    return "".join(parts)


def _escape(pattern: str, at: int, *, inside: bool = False) -> tuple[str, int]:
    """What follows a backslash at ``at - 1``, and where it ends."""
    if long := _LONG.match(pattern, at):
        return "\\" + long[0], long.end()
    char = pattern[at : at + 1]
    if char in _ENDS and not inside:
        return _ENDS[char], at + 1
    if inside and char == "b":
        return r"\x08", at + 1
    if char.isascii() and char.isalpha() and char not in _ESCAPES:
        return char, at + 1
    return "\\" + char, at + 1


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A class whose bracket is at ``at - 1``, and where it ends."""
    negated = pattern.startswith("^", at)
    at += negated
    if pattern.startswith("]", at):
        return (r"[\s\S]" if negated else r"(?!)"), at + 1
    members: list[str] = []
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\":
            text, at = _escape(pattern, at + 1, inside=True)
        else:
            text, at = pattern[at], at + 1
            text = "\\[" if text == "[" else text
        members.append(text)
    for i in range(1, len(members) - 1):
        around = members[i - 1], members[i + 1]
        if members[i] == "-" and any(re.match(r"\\[dDwWsSpP]", each) for each in around):
            members[i] = "\\-"
    close = "]" if at < len(pattern) else ""
    return "[" + "^" * negated + "".join(members) + close, at + 1
