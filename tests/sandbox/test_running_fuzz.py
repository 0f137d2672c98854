"""Any source text at all: a value or a typed error, in time, and the pool as it was."""

# ruff: noqa: E501

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox import InvalidInput, Limits, Run, Sandbox, SandboxError, SandboxUnavailable

LIMITS = Limits(timeout_s=2, memory_mb=100)
PIECES = st.sampled_from(
    [
        "def f(n=1):", "return n", "class A:", "    ", "\n", "lambda: ", "(", ")", "[", "]", "{", "}",
        "yield", "for x in ", "range(9)", "if n:", "else:", "try:", "except:", "finally:", "import math",
        "from enum import *", "global f", "nonlocal n", "match n:", "case [a, *b]:", "*", "**", "=", ":=",
        "f'{n!r:>{n}}'", "'a' 'b'", "0x1F", "1e999", "...", "@f", "del f", "assert 0", "raise f", "with f() as n:",
        "async def g():", "await n", "print(n)", "__x", "f.__class__", "super()", "\\", "#", "\t", "\x0c", ";",
        "x: int = 3", "n += 1", "not in", "é", "𝓯", "\u202e", "type(n)", "eval('1')", "A()", ".a", "while 0:",
    ]
)  # fmt: skip
SOURCES = st.lists(PIECES, max_size=14).map(" ".join) | st.lists(PIECES, max_size=14).map("\n".join)


@settings(max_examples=120)
@given(
    SOURCES | st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(["f", "", "A.f"]),
)
@example("\x00", "f")
@example("# -*- coding: utf-7 -*-\ndef f(): return 1", "f")
@example("def f(): return 1\x1a", "f")
@example("\ufeffdef f(): return 1", "f")
def test_any_source(sandbox: Sandbox, source: str, entry: str) -> None:
    try:
        outcome: object = sandbox.run(source, entry, limits=LIMITS)
    except SandboxError as error:
        outcome = error
    assert isinstance(outcome, Run | SandboxError)
    assert not isinstance(outcome, SandboxUnavailable | InvalidInput)
    assert not sandbox._pool._running  # nothing is kept of it
