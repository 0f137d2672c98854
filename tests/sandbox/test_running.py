"""``run`` and ``arun`` as applications use them: values, types, tools, limits, errors."""

from __future__ import annotations

import asyncio
import enum
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

import sandbox as package
from sandbox import (
    Assurance,
    CodeFailed,
    InvalidInput,
    InvalidResult,
    Limits,
    Policy,
    Run,
    Sandbox,
    SandboxCrash,
    SandboxMemory,
    SandboxOutputLimit,
    SandboxSyntax,
    SandboxTimeout,
    SandboxUnavailable,
    SandboxViolation,
)
from tests.sandbox.timing import in_time


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


class TimeRange(BaseModel):
    start: date
    end: date
    label: str = "range"


class Pair(NamedTuple):
    left: int
    right: int = 7


class Movie(TypedDict):
    title: str
    year: int


TYPES = Policy(types=(Colour, Point, TimeRange, Pair, Movie))


def test_a_value_with_what_is_known_of_the_run(sandbox: Sandbox) -> None:
    run = sandbox.run(
        "def f(n):\n    print('hello', n)\n    return n + 1", "f", {"n": 1}, returns=int
    )
    assert (run.value, run.printed, run.printed_dropped) == (2, "hello 1\n", 0)
    assert 0 < run.duration_s < 5
    assert run.assurance is sandbox.status().assurance


@pytest.mark.parametrize(
    ("returns", "source", "value"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (None, "None", None),
        (tuple[int, str], "(1, 'a')", (1, "a")),
        (set[int], "{1, 2}", {1, 2}),
        (dict[int, str], "{1: 'a'}", {1: "a"}),
        (int | None, "None", None),
        (float, "0.5", 0.5),
        (int, "2 ** 100", 2**100),
        (bytes, "b'ab'", b"ab"),
        (Annotated[int, Field(gt=3)], "4", 4),
        (Any, "{'a': [1, None, True]}", {"a": [1, None, True]}),
    ],
)
def test_types_of_values(sandbox: Sandbox, returns: Any, source: str, value: object) -> None:
    assert sandbox.run(f"def f(): return {source}", "f", returns=returns).value == value


@pytest.mark.parametrize(
    ("returns", "body", "value"),
    [
        (Colour, "return Colour.BLUE", Colour.BLUE),
        (Point, "return Point(x=1)", Point(1)),
        (Point, "return Point(x=1, tags=['a'])", Point(1, tags=["a"])),
        (TimeRange, "return TimeRange(start='2023-03-01', end='2023-07-31')",
         TimeRange(start=date(2023, 3, 1), end=date(2023, 7, 31))),
        (Pair, "return Pair(left=1, right=2)", Pair(1, 2)),
        (list[Point], "return [Point(x=i) for i in range(2)]", [Point(0), Point(1)]),
        (Movie, "return {'title': 'M', 'year': 1931}", {"title": "M", "year": 1931}),
        (date, "import datetime\n    return datetime.date(2024, 2, 29)", date(2024, 2, 29)),
        (timedelta, "import datetime\n    return datetime.timedelta(days=1, seconds=3)",
         timedelta(days=1, seconds=3)),
        (Decimal, "import decimal\n    return decimal.Decimal('1.10')", Decimal("1.10")),
    ],
)  # fmt: skip
def test_classes_of_values(sandbox: Sandbox, returns: Any, body: str, value: object) -> None:
    got = sandbox.run(f"def f():\n    {body}", "f", returns=returns, policy=TYPES).value
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("argument", "expression", "value"),
    [
        (Point(3, 4), "a.x + a.y", 7),
        (TimeRange(start=date(2024, 1, 1), end=date(2024, 2, 1)), "(a.end - a.start).days", 31),
        (Colour.RED, "a.value + a.name", "redRED"),
        (Pair(1, 2), "a[0] + a.right", 3),
        ({"when": datetime(2024, 5, 6, 7)}, "a['when'].hour", 7),
        ([{1: (2, 3)}], "a[0][1][1]", 3),
        ("漢字 \U0001f600 \x00", "len(a)", 6),
        (10**50, "a % 7", 10**50 % 7),
        ({"$": "x", "v": 1}, "a['$']", "x"),
        (Decimal("0.1"), "str(a * 3)", "0.3"),
    ],
)
def test_values_go_in(sandbox: Sandbox, argument: Any, expression: str, value: object) -> None:
    source = f"def f(a): return {expression}"
    assert sandbox.run(source, "f", {"a": argument}, policy=TYPES).value == value
    assert sandbox.run(source, "f", [argument], policy=TYPES).value == value


def test_entries(sandbox: Sandbox) -> None:
    source = "class A:\n    def m(self, n): return n * 2\nresult = [1]"
    assert sandbox.run(source, "A.m", {"n": 2}).value == 4
    assert sandbox.run(source, "").value == [1]
    with pytest.raises(CodeFailed, match="missing"):
        sandbox.run(source, "missing")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"entry": "f()"}, "no name"),
        ({"code": "x" * 70_000}, "65,536"),
        ({"code": "\ud800"}, "no text"),
        ({"arguments": {"n": object()}}, "object"),
        ({"arguments": [lambda: 1]}, "function"),
        ({"policy": Policy(modules=frozenset({"os"}))}, "no module 'os'"),
        ({"policy": Policy(tools={"no name": print})}, "identifier"),
        ({"policy": Policy(types=(object,))}, "no class of values"),
        ({"returns": object()}, "no type"),
        ({"limits": Limits(timeout_s=float("inf"))}, "timeout_s"),
        ({"limits": Limits(memory_mb=float("nan"))}, "memory_mb"),
        ({"limits": Limits(depth=0)}, "depth"),
        ({"limits": Limits(printed_chars=-1)}, "printed_chars"),
    ],
)
def test_what_cannot_go_in_is_said_before_anything_runs(
    sandbox: Sandbox, facts: dict[str, Any], message: str
) -> None:
    given = {"code": "def f(n=1): return n", "entry": "f", **facts}
    with pytest.raises(InvalidInput, match=message.replace("(", r"\(")):
        sandbox.run(**given)


def test_arguments_that_contain_themselves(sandbox: Sandbox) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(InvalidInput, match="itself"):
        sandbox.run("def f(a): return 1", "f", [cycle])


# --- errors


def test_the_code_s_own_exception(sandbox: Sandbox) -> None:
    source = "def g(n):\n    return 1 // n\n\ndef f(n):\n    print('before')\n    return g(n)"
    with pytest.raises(CodeFailed, match="ZeroDivisionError") as caught:
        sandbox.run(source, "f", {"n": 0})
    error = caught.value
    assert error.type_name == "ZeroDivisionError"
    assert error.line == 2
    assert error.traceback == ((6, "f"), (2, "g"))
    assert error.printed == "before\n"


def test_syntax(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxSyntax) as caught:
        sandbox.run("def f():\n    return (", "f")
    assert caught.value.line == 2


def test_violation(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxViolation) as caught:
        sandbox.run("import os\ndef f(): return os.getcwd()", "f")
    assert caught.value.line == 1
    assert "os" in caught.value.construct
    assert caught.value.hint


def test_a_module_that_this_policy_leaves_out(sandbox: Sandbox) -> None:
    source = "import math\ndef f(): return math.sqrt(4)"
    assert sandbox.run(source, "f").value == 2
    with pytest.raises(SandboxViolation, match="math"):
        sandbox.run(source, "f", policy=Policy(modules=frozenset({"json"})))


@pytest.mark.parametrize("source", ["'x'", "[1, 'x']", "None", "1.5"])
def test_a_value_of_another_type(sandbox: Sandbox, source: str) -> None:
    with pytest.raises(InvalidResult) as caught:
        sandbox.run(f"def f():\n    print(1)\n    return {source}", "f", returns=int)
    assert caught.value.violations[0].startswith("$")
    assert caught.value.printed == "1\n"


@pytest.mark.parametrize(
    "source", ["lambda: 1", "(i for i in [1])", "object()", "[print]", "float", "f"]
)
def test_what_is_no_data(sandbox: Sandbox, source: str) -> None:
    with pytest.raises((InvalidResult, SandboxViolation, CodeFailed)):
        sandbox.run(f"def f(): return {source}", "f")


def test_time(sandbox: Sandbox) -> None:
    def too_long() -> SandboxTimeout:
        with pytest.raises(SandboxTimeout) as caught:
            sandbox.run("def f():\n    while True: pass", "f", limits=Limits(timeout_s=0.3))
        return caught.value

    assert in_time(0.5, too_long).limit == 0.3


def test_memory(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxMemory) as caught:
        sandbox.run("def f(): return len('x' * 10**9)", "f", limits=Limits(memory_mb=100))
    assert caught.value.limit == 100
    assert sandbox.run("def f(): return len('x' * 10**8)", "f", limits=Limits(memory_mb=300)).value


def test_output(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxOutputLimit) as caught:
        sandbox.run("def f(): return 'x' * 2000", "f", limits=Limits(output_bytes=1000))
    assert caught.value.limit == 1000
    assert len(sandbox.run("def f(): return 'x' * 900000", "f").value) == 900_000


def test_prints_are_kept_up_to_a_bound(sandbox: Sandbox) -> None:
    source = "def f():\n    for i in range(1000): print('0123456789')"
    run = sandbox.run(source, "f", limits=Limits(printed_chars=100))
    assert len(run.printed) <= 100
    assert run.printed_dropped >= 10_800


def test_less_assurance_than_asked_for_runs_nothing(breached: Sandbox) -> None:
    import dataclasses

    from sandbox.jail.assurance import status_of

    breached.status()
    zygote = breached._pool._zygote
    assert zygote is not None
    true = zygote.status
    found = {layer.name: (layer.name in ("process", "limits"), layer.why) for layer in true.layers}
    try:
        zygote.status = status_of(found)
        calls: list[int] = []
        policy = Policy(tools={"note": lambda: calls.append(1)})
        with pytest.raises(SandboxUnavailable, match="CONFINED") as caught:
            breached.run("def f(): call_tool('note', [], {})", "f", policy=policy)
        assert calls == []
        assert set(caught.value.missing) == {"user", "namespaces", "landlock", "seccomp"}
        weak = dataclasses.replace(Limits(), minimum_assurance=Assurance.PROCESS)
        run = breached.run("def f(): return 1", "f", limits=weak)
        assert (run.value, run.assurance) == (1, Assurance.PROCESS)
    finally:
        zygote.status = true


# --- tools


def add(a: int, b: int = 2) -> int:
    return a + b


def move(point: Point, by: int, *more: int, **names: str) -> Point:
    return Point(point.x + by + sum(more), point.y, list(names.values()))


async def slowly(text: str) -> str:
    await asyncio.sleep(0.01)
    return text.upper()


def broken() -> None:
    raise LookupError("no such row")


TOOLS = Policy(
    tools={"add": add, "move": move, "slowly": slowly, "broken": broken},
    types=(Point,),
    max_tool_calls=5,
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("add(1)", 3),
        ("add(a=1, b=5)", 6),
        ("[add(i) for i in range(3)]", [2, 3, 4]),
        ("slowly('abc')", "ABC"),
        ("move(Point(x=1), 2).x", 3),
        ("move(Point(x=1), 2, 3, 4, k='v').tags", ["v"]),
    ],
)
async def test_tools_are_answered_by_the_host(
    sandbox: Sandbox, expression: str, value: object
) -> None:
    source = f"def f(): return {expression}"
    assert sandbox.run(source, "f", policy=TOOLS).value == value
    assert (await sandbox.arun(source, "f", policy=TOOLS)).value == value


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("add('x')", "a: Input should be a valid integer"),
        ("add()", "missing a required argument"),
        ("add(1, 2, 3)", "too many"),
        ("broken()", "LookupError: no such row"),
        ("move(1, 2)", "point"),
    ],
)
def test_a_call_that_fails_is_an_exception_of_the_code_s(
    sandbox: Sandbox, call: str, said: str
) -> None:
    source = f"def f():\n    try: return {call}\n    except Exception as e: return str(e)"
    assert said in sandbox.run(source, "f", policy=TOOLS, returns=str).value


def test_calls_are_counted(sandbox: Sandbox) -> None:
    source = "def f():\n    for i in range(9):\n        try: add(i)\n        except Exception: pass"
    with pytest.raises(SandboxViolation, match="more than 5 times"):
        sandbox.run(source, "f", policy=TOOLS)


def test_time_spent_in_tools_counts(sandbox: Sandbox) -> None:
    policy = Policy(tools={"nap": lambda: time.sleep(0.2)})
    with pytest.raises(SandboxTimeout):
        sandbox.run(
            "def f():\n    while True: nap()", "f", policy=policy, limits=Limits(timeout_s=0.3)
        )


def test_a_tool_may_run_code_itself(sandbox: Sandbox) -> None:
    def inner(n: int) -> int:
        return sandbox.run("def g(n): return n * n", "g", [n], returns=int).value

    assert (
        sandbox.run("def f(): return inner(6)", "f", policy=Policy(tools={"inner": inner})).value
        == 36
    )


def test_an_interrupt_in_a_tool_ends_the_run(sandbox: Sandbox) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sandbox.run("def f(): stop()", "f", policy=Policy(tools={"stop": stop}))
    assert sandbox.run("def f(): return 1", "f").value == 1


# --- many at once, and one after the other


async def test_many_at_once_on_an_event_loop(sandbox: Sandbox) -> None:
    runs = [sandbox.arun("def f(n): return n * n", "f", [n], returns=int) for n in range(60)]
    assert [run.value for run in await asyncio.gather(*runs)] == [n * n for n in range(60)]


def test_many_at_once_on_threads(sandbox: Sandbox) -> None:
    def square(n: int) -> int:
        return sandbox.run("def f(n): return n * n", "f", [n], returns=int).value

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(square, range(60))) == [n * n for n in range(60)]


def test_the_same_seed_gives_the_same_numbers(sandbox: Sandbox) -> None:
    source = "import random\ndef f(): return [random.random() for _ in range(3)]"
    first, again = (sandbox.run(source, "f", seed=1).value for _ in range(2))
    assert first == again
    assert sandbox.run(source, "f", seed=2).value != first


def test_nothing_stays_for_the_next_run(sandbox: Sandbox) -> None:
    sandbox.run("import math\nstate = [1]\ndef f(): state.append(2)", "f")
    with pytest.raises(CodeFailed, match="NameError"):
        sandbox.run("def f(): return state", "f")


def test_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    run: Run[int] = package.run("def twice(n): return 2 * n", "twice", {"n": 21}, returns=int)
    assert run.value == 42
    assert asyncio.run(package.arun("def f(): return 1", "f")).value == 1
    assert package.status().assurance >= Assurance.NONE
    assert "run" in dir(package)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = package.nonsense


# --- a child that lies

OWN_CHANNEL = """
import os
def is_open(number):
    try: return os.write(number, b'') == 0
    except OSError: return False
def f():
    C = next(n for n in range(99) if is_open(n))
"""


@pytest.mark.parametrize(
    "body",
    [
        "os.write(C, b'A' + (2).to_bytes(4, 'big') + b'{}')",
        "os.write(C, b'V' + (4).to_bytes(4, 'big') + b'null')",
        "os.write(C, b'A' + b'\\xff' * 4)",
        "os.write(C, b'Z' * 100)",
        "os.write(C, b'\\x00' * 5)",
        "os.write(C, b'A' + (9).to_bytes(4, 'big') + b'{\"kind\": ')",
        "os.write(C, b'T' + (2).to_bytes(4, 'big') + b'[]')",
        "os.write(C, b'A' + (40000).to_bytes(4, 'big') + b'[' * 40000)",
        "os.write(C, b'G' + (2).to_bytes(4, 'big') + b'{}')",
        "os.close(C)",
        "os._exit(0)",
        "os._exit(97)",
    ],
)
def test_forged_replies_are_a_crash(breached: Sandbox, body: str) -> None:
    with pytest.raises((SandboxCrash, SandboxUnavailable)):
        breached.run(f"{OWN_CHANNEL}    {body}", "f", limits=Limits(timeout_s=3))
    assert breached.run("def f(): return 1", "f").value == 1


def test_a_length_bomb_is_cut_off_while_reading(breached: Sandbox) -> None:
    source = (
        f"{OWN_CHANNEL}"
        "    os.write(C, b'A' + (17).to_bytes(4, 'big') + b'{\"kind\": \"value\"}')\n"
        "    os.write(C, b'V' + (2 ** 31).to_bytes(4, 'big'))\n"
        "    while True: os.write(C, b'x' * 65536)"
    )

    def bomb() -> None:
        with pytest.raises(SandboxOutputLimit):
            breached.run(source, "f", limits=Limits(timeout_s=5))

    in_time(2, bomb)
