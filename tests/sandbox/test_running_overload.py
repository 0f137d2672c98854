"""Code that takes all it can get: ended in time, by its own error, while others go on."""

# ruff: noqa: E501  each attack on one line, so that they can be compared

from __future__ import annotations

import threading
import time

import pytest

from sandbox import (
    CodeFailed,
    InvalidResult,
    Limits,
    Sandbox,
    SandboxCrash,
    SandboxError,
    SandboxMemory,
    SandboxOutputLimit,
    SandboxSyntax,
    SandboxTimeout,
    SandboxViolation,
)
from tests.sandbox.timing import in_time

LATE_S = 0.2
TIMEOUT_S = 0.5

TIME = {
    "loop": "while True: pass",
    "loop that swallows": "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "power": "return 3 ** (10 ** 8) % 7",
    "shift of text": "return len(str(7 ** 200000)) or [str(7**4000) for _ in range(10**6)]",
    "factorial": "import math\n    return math.factorial(10 ** 7) % 7",
    "sum of a range": "return sum(range(10 ** 12))",
    "max of a range": "return max(range(10 ** 12))",
    "membership": "return None in map(str, range(10 ** 12))",
    "count": "import itertools\n    return sum(1 for _ in itertools.count())",
    "cycle": "import itertools\n    return len(list(itertools.islice(itertools.cycle([1]), 10**12, 10**12 + 1)))",
    "product": "import itertools, collections\n    collections.deque(itertools.product(range(99), repeat=9), maxlen=0)",
    "regular expression": "import re\n    return re.match(r'(a+)+$', 'a' * 40 + 'b')",
    "regular expression in split": "import re\n    return re.split(r'(x+x+)+y', 'x' * 40)",
    "fraction": "from fractions import Fraction\n    x = Fraction(1, 3)\n    while True: x = x * x + 1",
    "decimal": "from decimal import Decimal\n    x = Decimal(3)\n    while True: x = x * x + 1",
    "generator": "def g():\n        while True: yield 1\n    return sum(g())",
    "comparison": "a = [1] * 10 ** 6\n    while True: a == list(a)",
    "sort": "class K:\n        def __lt__(self, other):\n            while True: pass\n    sorted([K(), K()])",
    "repr": "class K:\n        def __repr__(self):\n            while True: pass\n    return str(K())",
    "hash": "class K:\n        def __hash__(self):\n            while True: pass\n    return {K(): 1}",
    "finally": "try:\n        while True: pass\n    finally:\n        while True: pass",
    "hash collisions": "m = 2 ** 61 - 1\n    return len({i * m: 1 for i in range(10 ** 6)})",
    "pbkdf2": "import hashlib\n    return hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10 ** 9)",
    "print": "while True: print('x' * 1000)",
    "text replaced": "s = 'a' * 10 ** 6\n    while True: s = s.replace('a', 'b').replace('b', 'a')",
    "joining": "while True: ','.join(map(str, range(10 ** 5)))",
    "sleep by exception": "while True:\n        try: 1 / 0\n        except ZeroDivisionError: continue",
}  # fmt: skip

MEMORY = {
    "text": "return len('x' * 10 ** 10)",
    "list": "return len([0] * 10 ** 9)",
    "growing list": "a = []\n    while True: a.append('x' * 10 ** 6 + str(len(a)))",
    "doubling": "s = 'x'\n    while True: s += s",
    "bytes": "return len(bytes(10 ** 10))",
    "integer": "return (1 << 10 ** 10) and 1",
    "width of a format": "return len(f'{1:>10000000000}')",
    "width of a percent": "return len('%*d' % (2 ** 31 - 1, 1))",
    "padding": "return len('x'.ljust(10 ** 10))",
    "range as a list": "return len(list(range(10 ** 9)))",
    "dictionary": "return len({i: str(i) * 9 for i in range(10 ** 9)})",
    "set": "return len(set(range(10 ** 9)))",
    "tee": "import itertools\n    a, b = itertools.tee(itertools.count())\n    for x in a: pass",
    "join": "return len(','.join(['x' * 10 ** 6] * 10 ** 4))",
    "permutations": "import itertools\n    return list(itertools.permutations(range(20)))",
    "text wrapped": "import textwrap\n    return textwrap.indent('a\\n' * 10 ** 7, ' ' * 10 ** 3)",
}  # fmt: skip

RECURSION = {
    "function": "def g(n): return g(n + 1)\n    return g(0)",
    "swallowed": "def g():\n        try: g()\n        except RecursionError: g()\n    g()",
    "str": "class K:\n        def __str__(self): return str(self)\n    return str(K())",
    "equality": "a, b = [], []\n    a.append(b)\n    b.append(a)\n    return a == b",
    "deep list": "a = []\n    for _ in range(10 ** 6): a = [a]\n    return a == 1 or a",
    "deep comparison": "a, b = [], []\n    for _ in range(10 ** 5): a, b = [a], [b]\n    return a == b",
    "deep text": "a = []\n    for _ in range(10 ** 5): a = [a]\n    return str(a)",
    "deep copy": "import copy\n    a = []\n    for _ in range(10 ** 5): a = [a]\n    return copy.deepcopy(a)",
    "chain of objects": "class N:\n        def __init__(self, n): self.n = n\n    x = None\n    for _ in range(10 ** 6): x = N(x)\n    x = None\n    return 1",
    "chain of iterators": "x = iter([1])\n    for _ in range(10 ** 5): x = map(str, x)\n    return list(x)",
    "chain of generators": "def g(x): yield from x\n    x = iter([1])\n    for _ in range(10 ** 5): x = g(x)\n    return list(x)",
}  # fmt: skip

COMPILE = {
    "brackets": "x = " + "(" * 5000 + ")" * 5000,
    "nested lists": "x = " + "[" * 300 + "]" * 300,
    "comprehensions": "x = " + "[" * 30 + "0" + " for a in b]" * 30,
    "lambdas": "x = " + "lambda: " * 5000 + "0",
    "operators": "x = " + "1 + " * 15000 + "1",
    "unary": "x = " + "-" * 60000 + "1",
    "attributes": "x = a" + ".b" * 20000,
    "calls": "x = f" + "()" * 20000,
    "constant folding": "x = " + "((1 << 9999) ** 9999) << 9999",
    "folded text": "x = 'x' * 10 ** 9 * 9",
    "indents": "".join(" " * i + "if 1:\n" for i in range(150)) + " " * 150 + "pass",
    "conditions": "x = " + "0 if 0 else " * 4000 + "0",
    "f-strings": "x = " + "f'{" * 100 + "}'" * 100,
    "decorators": "@a\n" * 20000 + "def f(): pass",
    "null": "x = '\x00'",
    "elif": "if 0: pass\n" + "elif 0: pass\n" * 4000,
}


def outcome(sandbox: Sandbox, source: str, limits: Limits, entry: str = "f") -> object:
    def act() -> object:
        try:
            return sandbox.run(source, entry, limits=limits)
        except SandboxError as error:
            return error

    return in_time(limits.timeout_s + LATE_S, act)


@pytest.mark.parametrize("name", TIME)
def test_time(sandbox: Sandbox, name: str) -> None:
    got = outcome(sandbox, f"def f():\n    {TIME[name]}", Limits(timeout_s=TIMEOUT_S))
    assert isinstance(got, SandboxTimeout | SandboxMemory | CodeFailed | SandboxViolation)
    if not isinstance(got, SandboxTimeout):
        # It was refused, or ran into a bound, before it could take its time.
        assert name in EARLY, got


EARLY = ("shift of text", "pbkdf2", "decimal", "hash collisions", "cycle", "factorial")


@pytest.mark.parametrize("name", MEMORY)
def test_memory(sandbox: Sandbox, name: str) -> None:
    limits = Limits(timeout_s=10, memory_mb=100)
    got = outcome(sandbox, f"def f():\n    {MEMORY[name]}", limits)
    assert isinstance(got, SandboxMemory | CodeFailed), got
    if isinstance(got, CodeFailed):  # the interpreter itself knows that it is too much
        assert got.type_name in ("OverflowError", "ValueError", "MemoryError")


@pytest.mark.parametrize("name", RECURSION)
def test_recursion(sandbox: Sandbox, name: str) -> None:
    got = outcome(sandbox, f"def f():\n    {RECURSION[name]}", Limits(timeout_s=5))
    if isinstance(got, CodeFailed):
        assert got.type_name == "RecursionError"
    else:
        # A child may die of it, as long as nothing else does.
        assert not isinstance(got, SandboxError) or isinstance(
            got, SandboxCrash | SandboxTimeout | SandboxMemory | InvalidResult
        )
    assert sandbox.run("def f(): return 1", "f").value == 1


@pytest.mark.parametrize("name", COMPILE)
def test_compilation(sandbox: Sandbox, name: str) -> None:
    got = outcome(sandbox, COMPILE[name], Limits(timeout_s=5), entry="f")
    assert isinstance(
        got, SandboxSyntax | SandboxViolation | SandboxCrash | CodeFailed | SandboxMemory
    ), got
    assert sandbox.run("def f(): return 1", "f").value == 1


def test_output_as_wide_as_can_be(sandbox: Sandbox) -> None:
    for source in (
        "return ['x' * 1000] * 10 ** 5",
        "return [[0] * 1000] * 1000",
        "return 'é' * 10**6",
    ):
        got = outcome(sandbox, f"def f():\n    {source}", Limits(timeout_s=10))
        assert isinstance(got, SandboxOutputLimit), got


@pytest.mark.slow
def test_others_keep_their_pace(sandbox: Sandbox) -> None:
    def pace() -> float:
        times = []
        for _ in range(40):
            started = time.monotonic()
            assert sandbox.run("def f(n): return n", "f", [1]).value == 1
            times.append(time.monotonic() - started)
            time.sleep(0.01)
        return sorted(times)[len(times) // 2]

    alone = pace()
    ends: list[object] = []

    def spin() -> None:
        ends.append(outcome(sandbox, "def f():\n    while True: pass", Limits(timeout_s=2)))

    spinning = [threading.Thread(target=spin) for _ in range(6)]
    for thread in spinning:
        thread.start()
    time.sleep(0.2)
    beside = pace()
    for thread in spinning:
        thread.join()
    assert [type(got) for got in ends] == [SandboxTimeout] * 6
    assert beside < 5 * alone + 0.02
