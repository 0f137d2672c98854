"""A job's outcomes: values, records, tools, failures, and results made to confuse the host."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from sandbox.job import RecordSpec, ToolFailed
from sandbox.values import encode
from tests.sandbox.language_help import run

POINT = RecordSpec("Point", "record", (("x", True), ("y", False), ("tags", False), ("z", False)),
                   defaults=(("y", 2), ("tags", [])))  # fmt: skip
PAIR = RecordSpec("Pair", "tuple", (("a", True), ("b", False)), defaults=(("b", 7),))
COLOUR = RecordSpec("Colour", "enum", members=(("RED", 1), ("BLUE", "b")))
TYPES = (POINT, PAIR, COLOUR)


def test_keyword_and_positional_arguments_reach_the_entry():
    source = "def f(a, b=1, *c): return [a, b, list(c)]"

    assert run(source, "f", {"a": 1, "b": 2}).value == [1, 2, []]
    assert run(source, "f", [1, 2, 3]).value == [1, 2, [3]]


def test_arguments_are_decoded():
    import datetime

    arguments = {"when": encode(datetime.date(2024, 1, 31)), "ids": encode({1: (2, 3)})}
    answer = run("def f(when, ids): return [when.month, ids[1][1]]", "f", arguments)

    assert answer.value == [1, 3]


def test_entry_may_be_a_method_of_a_class_made_without_arguments():
    source = "class Solution:\n    k = 2\n    def go(self, n): return n * self.k"

    assert run(source, "Solution.go", [4]).value == 8


def test_without_entry_the_name_result_is_the_value():
    assert run("result = 1 + 1").value == 2
    assert run("x = 1").type_name == "NameError"


def test_an_entry_that_is_missing_is_said_with_what_there_is():
    answer = run("def solve(): pass\nx = 1", "solution", [])

    assert (answer.kind, answer.type_name) == ("failed", "NameError")
    assert "'solution'" in answer.message
    assert "solve" in answer.message


@pytest.mark.parametrize(
    "entry", ["__builtins__", "@public", "__name__", "f.__globals__", "f.__code__", "C.__init__"]
)
def test_an_entry_cannot_be_the_hosts(entry: str):
    answer = run("def f(): pass\nclass C: pass", entry, [])

    assert answer.kind in ("failed", "violation", "value")
    assert answer.value is None


def test_prints_are_kept_up_to_a_bound():
    answer = run("for i in range(100):\n    print('ab', i, sep='-', end=';')", printed_chars=20)

    assert answer.printed == "ab-0;ab-1;ab-2;ab-3;"
    assert answer.printed_dropped > 400
    assert answer.kind == "failed"  # there is no result


def test_own_exception_has_its_line_and_frames():
    source = "def g(x):\n    return 10 / x\n\ndef f(x):\n    return g(x)\n"
    answer = run(source, "f", [0])

    assert (answer.kind, answer.type_name, answer.line) == ("failed", "ZeroDivisionError", 2)
    assert answer.traceback == ((5, "f"), (2, "g"))
    assert answer.message == "division by zero"


def test_an_exception_whose_text_fails_is_an_answer():
    source = "class E(Exception):\n    def __str__(self): raise SystemExit(3)\nraise E"
    answer = run(source)

    assert (answer.kind, answer.type_name, answer.message) == ("failed", "E", "")


@pytest.mark.parametrize(
    "raised",
    ["SystemExit(0)", "KeyboardInterrupt", "GeneratorExit", "StopIteration", "BaseException"],
)
def test_no_exception_leaves_the_worker(raised: str):
    answer = run(f"raise {raised}")

    assert answer.kind == "failed"
    assert answer.type_name == raised.partition("(")[0]


def test_syntax_errors_have_their_place():
    answer = run("x = 1\ny = (\n")

    assert answer.kind == "syntax"
    assert answer.line == 2
    assert "'(' was never closed" in answer.message


@pytest.mark.parametrize("source", ["\0", "x = 1\0", "é" * 10 + " = (", "\ud800 = 1", "a\tb", "if"])
def test_no_source_leaves_the_worker(source: str):
    assert run(source).kind == "syntax"


def test_depth_of_source_is_bounded():
    deep = "x = " + "(" * 150 + "1" + ")" * 150
    deeper = "x = " + "-" * 5000 + "1"
    chained = "x = 1" + " + 1" * 5000
    nested = "\n".join(" " * i + "if 1:" for i in range(95)) + "\n" + " " * 95 + "pass"

    for source in (deep, deeper, chained, nested):
        assert run(source + "\nresult = 1").kind in (
            "value",
            "violation",
            "syntax",
            "memory",
            "recursion",
        )


def test_all_problems_are_told_at_once():
    answer = run("import os\nopen('x')\nasync def f(): pass\n")

    assert (answer.kind, answer.line, answer.construct) == ("violation", 1, "import os")
    assert all(f"line {line}" in answer.message for line in (1, 2, 3))


def test_a_guard_that_refuses_during_the_run_is_a_violation_with_a_line():
    answer = run("def f():\n    name = '__glo' + 'bals__'\n    return getattr(f, name)", "f", [])

    assert (answer.kind, answer.line, answer.construct) == ("violation", 3, "__globals__")
    assert answer.hint


def test_endless_recursion_is_told_from_an_error():
    assert run("def f(): return f()\nf()").kind == "recursion"
    caught = "def f():\n    try: return f()\n    except RecursionError: return 1\nresult = f()"
    assert run(caught).value == 1


def test_memory_error_is_told_from_an_error():
    assert run("raise MemoryError").kind == "memory"
    assert run("x = [0] * (10 ** 17)").kind == "memory"


@pytest.mark.parametrize(
    "source",
    [
        "result = (x for x in [1])",
        "result = lambda: 0",
        "class A: pass\nresult = A()",
        "class A: pass\nresult = A",
        "import math\nresult = math",
        "result = [1, {'a': len}]",
        "result = '\\ud800'",
        "result = {'\\ud800': 1}",
        "result = []\nresult.append(result)",
        "result = {}\nresult['a'] = [result]",
        "result = 10 ** 5000",
        "class D(dict): pass\nresult = D(a=1)",
        "class L(list):\n    def __iter__(self): raise SystemExit\nresult = L([1])",
        "class I(int):\n    def __index__(self): raise SystemExit\nresult = I(1)",
        "class S(str):\n    def encode(self, *a): raise SystemExit\nresult = S('a')",
        "x = []\nfor _ in range(200): x = [x]\nresult = x",
        "result = map(str, [1])",
        "result = object()",
        "result = type",
        "class E(Exception): pass\nresult = E('x')",
    ],
)
def test_what_is_no_data_is_a_result_error(source: str):
    answer = run(source)

    assert answer.kind == "result"
    assert answer.message


@pytest.mark.parametrize("expression", ["float('nan')", "float('inf')", "-float('inf')", "{1: 2}"])
def test_every_value_is_json(expression: str):
    answer = run(f"result = [{expression}, {{1, 2}}, (1,), b'x', 2 ** 70, 1j]")

    assert json.loads(json.dumps(answer.value, allow_nan=False)) == answer.value


def test_more_than_the_output_may_be_is_told():
    assert run("result = 'x' * 5000", output_bytes=1000).kind == "output"


def test_one_run_leaves_nothing_for_the_next():
    run("import random, decimal, math\nclass A: pass\nx = 5\nrandom.seed(3)\nlen = 3\nresult = 1")
    first = run("import random\nresult = [random.random(), len('ab')]")
    second = run("import random\nresult = [random.random(), len('ab')]")

    assert first.value == second.value
    assert run("result = x").type_name == "NameError"


def test_records_are_built_read_and_sent():
    source = """
def f(p):
    q = Point(x=1)
    q.tags.append("t")
    q.x += p.y
    return [q, Point(3, z=p), p.x, q == Point(x=q.x, tags=["t"]), repr(Point(x=1, z=0)), p]
"""
    argument = {"$": "record", "t": "Point", "v": {"x": 5}}
    answer = run(source, "f", {"p": argument}, types=TYPES)
    q, r, x, same, text, p = answer.value

    assert q == {"$": "record", "t": "Point", "v": {"x": 3, "tags": ["t"]}}
    assert r["v"]["z"]["v"]["x"] == 5
    assert "y" not in r["v"]  # left out, for the host to fill in
    assert (x, same, text) == (5, True, "Point(x=1, y=2, tags=[], z=0)")
    assert p["v"]["x"] == 5


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("Point()", "x"),
        ("Point(x=1, nope=2)", "nope"),
        ("Point(1, 2, [], 4, 5)", "4 fields"),
        ("Point(1, x=2)", "two values"),
        ("Point(x=1).nope = 3", "nope"),
    ],
)
def test_a_record_says_what_is_wrong(source: str, told: str):
    answer = run(source, types=TYPES)

    assert answer.kind == "failed"
    assert told in answer.message


def test_tuples_and_enums_of_the_application():
    source = """
p = Pair(1)
a, b = p
result = [p, a + b, p._replace(a=5).a, Colour.RED, Colour("b").name, Colour["RED"] is Colour.RED,
          [c.name for c in Colour], Pair(a=1, b=2) == (1, 2)]
match p:
    case Pair(a=1, b=n): result.append(n)
"""
    answer = run(source, types=TYPES)

    assert answer.value == [
        {"$": "named", "t": "Pair", "v": {"a": 1, "b": 7}},
        *(8, 5, {"$": "enum", "t": "Colour", "m": "RED", "v": 1}, "BLUE", True),
        *(["RED", "BLUE"], True, 7),
    ]


def test_the_codes_own_records_are_data():
    source = """
from dataclasses import dataclass
from typing import NamedTuple
from enum import Enum
@dataclass
class P:
    x: int
    y: list
class N(NamedTuple):
    a: int
class C(Enum):
    R = 1
result = [P(1, [2]), N(3), C.R]
"""
    answer = run(source)

    assert [part["$"] for part in answer.value] == ["record", "named", "enum"]
    assert answer.value[0]["v"] == {"x": 1, "y": [2]}


def test_a_dataclass_whose_field_misbehaves_is_a_result_error():
    source = """
from dataclasses import dataclass
@dataclass
class P:
    x: int
P.x = property(lambda self: 1 / 0, lambda self, v: None)
result = P(1)
"""
    assert run(source).kind == "result"


def test_tools_are_called_with_data_and_answer_with_data():
    calls: list[Any] = []

    def call_tool(name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
        calls.append((name, args, keywords))
        return encode({"got": (1, 2)})

    source = "def f(): return look_up('a', when=Point(x=1))['got'][1]"
    answer = run(source, "f", [], tools=("look_up",), types=TYPES, call_tool=call_tool)

    assert answer.value == 2
    record = {"$": "record", "t": "Point", "v": {"x": 1, "tags": []}}
    assert calls == [("look_up", ["a"], {"when": record})]


def test_a_tool_that_fails_is_an_exception_of_the_code():
    def call_tool(name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
        raise ToolFailed("no such user")

    source = """
def f():
    try:
        return find(1)
    except RuntimeError as error:
        return str(error)
"""

    assert run(source, "f", [], tools=("find",), call_tool=call_tool).value == "no such user"
    told = run("find(1)", tools=("find",), call_tool=call_tool)
    assert (told.kind, told.type_name, told.line) == ("failed", "RuntimeError", 1)


def test_a_tool_takes_only_data():
    answer = run("find(len)", tools=("find",))

    assert (answer.kind, answer.type_name) == ("failed", "TypeError")
    assert "find()" in answer.message


def test_tools_and_records_lead_nowhere():
    for expression in ("find.__globals__", "find.__closure__", "Point.__init__.__globals__",
                       "Point._kinds", "Colour.RED.__class__.__class__.__mro__"):  # fmt: skip
        answer = run(f"result = {expression}", tools=("find",), types=TYPES)
        assert answer.kind == "violation", expression
    for target in ("find.x", "Colour.x.y", "len.x"):
        assert run(f"{target} = 1", tools=("find",), types=TYPES).kind in ("violation", "failed")


def test_only_the_named_modules_are_there():
    assert run("import math\nresult = math.pi", modules=("math",)).value == math.pi
    answer = run("x = 1\nimport json", modules=("math",))
    assert (answer.kind, answer.construct, answer.line) == ("violation", "import json", 2)
    soft = run(
        "try:\n    import json\nexcept ImportError:\n    json = None\nresult = json", modules=()
    )
    assert soft.value is None


def test_random_numbers_are_of_the_seed():
    source = "import random\nresult = random.random()"

    assert run(source, seed=1).value == run(source, seed=1).value
    assert run(source, seed=1).value != run(source, seed=2).value
