"""Strings and patterns, written as the Lark dialect of llguidance wants them."""

from __future__ import annotations

import json
import re


def literal(text: str) -> str:
    """A Lark string. JSON's escapes are Lark's; the rest stays as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def regex_body(pattern: str) -> str:
    """A pattern between Lark's slashes: unescaped slashes escaped."""
    return re.sub(r"\\.|/", lambda found: r"\/" if found[0] == "/" else found[0], pattern)
