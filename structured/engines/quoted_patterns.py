"""Regular expressions of strings as regular expressions of what JSON writes between the quotes."""

from __future__ import annotations

import re


def in_json_text(regex: str) -> str | None:
    """A regular expression of whole strings (as lowering writes them), inside JSON's quotes.

    The result matches those of its strings that JSON writes without a backslash; ``None`` where
    that cannot be told by looking at the expression.
    """
    out: list[str] = []
    i, in_class, negated = 0, False, False
    while i < len(regex):
        if regex.startswith("(?s:.)", i):
            out.append(f"[^{_ESCAPED}]")
            i += 6
            continue
        character = regex[i]
        pair = regex[i : i + 2]
        if negated and character != "]":
            out.append(pair if character == "\\" else character)  # it only takes away
            i += len(out[-1])
            continue
        if character == "\\":
            if pair[1:] in '"\\nrtfvabBAzkWDSP' or _is_escaped(regex[i:]):
                return None
            out.append(" " if pair == r"\s" else pair)  # the other white space is escaped, or rare
            i += 2
            continue
        if character == '"' or character < " " or (character == "." and not in_class):
            return None
        if character == "[" and not in_class:
            in_class, negated = True, pair == "[^"
            if negated:
                out.append(f"[^{_ESCAPED}")
                i += 2
                continue
        elif character == "]":
            in_class = negated = False
        out.append(character)
        i += 1
    return "".join(out)


_ESCAPED = r'"\\\x00-\x1F'
"""In a class of a regular expression: what JSON writes with a backslash."""
_HEX = re.compile(r"\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))")


def _is_escaped(escape: str) -> bool:
    found = _HEX.match(escape)
    if found is None:
        return False
    code = int(found[1] or found[2], 16)
    return code < 0x20 or chr(code) in '"\\'
