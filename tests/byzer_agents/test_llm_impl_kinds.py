"""``@llm_impl`` on functions of every kind: methods, async, tools, odd signatures."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from typing import Annotated, Any

import pydantic
import pytest
from pydantic import Field

from byzer_agents import ImplementationFailed, OutputInvalid, llm_impl, tool
from byzer_agents.testing import ScriptedModel
from sandbox import CodeFailed, Limits, SandboxTimeout


def fenced(source: str) -> str:
    return f"```python\n{source}\n```"


@dataclasses.dataclass
class Rect:
    width: float
    height: float

    @llm_impl(
        model=ScriptedModel(
            fenced("def area(self: Rect) -> float:\n    return self.width * self.height"),
        ),
        directory="ignored",
    )
    def area(self) -> float:
        """The area.

        >>> Rect(2.0, 3.0).area()
        6.0
        """
        raise NotImplementedError


class Shop:
    """No class of values: its object stays outside."""

    def __init__(self) -> None:
        self.secret = object()


def made(function, *replies, tmp_path, **options):
    model = ScriptedModel(*map(fenced, replies))
    return llm_impl(model=model, directory=tmp_path, **options)(function), model


def test_a_method_of_a_class_of_values(tmp_path):
    Rect.area.implementation.keeper.path = tmp_path / "area.py"
    assert Rect(4.0, 0.5).area() == 2.0
    assert (tmp_path / "area.py").exists()
    assert Rect.area.implementation.subject.head == "def area(self: Rect) -> float:"


def test_a_method_whose_object_stays_outside(tmp_path):
    class Greeter(Shop):
        @llm_impl(
            model=ScriptedModel(fenced("def greet(name: str) -> str:\n    return 'hi ' + name")),
            directory=tmp_path,
        )
        def greet(self, name: str) -> str:
            """A greeting."""
            raise NotImplementedError

    assert Greeter().greet("Ada") == "hi Ada"
    assert Greeter().greet(name="Bo") == "hi Bo"


async def test_async(tmp_path):
    async def double(n: int) -> int:
        """Twice a number.

        >>> await double(4)
        8
        """
        raise NotImplementedError

    f, _ = made(double, "def double(n: int) -> int:\n    return 2 * n", tmp_path=tmp_path)
    assert await asyncio.gather(f(1), f(2), f(3)) == [2, 4, 6]


def test_tools(tmp_path):
    rates = {"EUR": 2.0}

    @tool
    def rate(currency: str) -> float:
        """What one unit is worth."""
        return rates.get(currency, 1.0)

    def worth(amount: float, currency: str) -> float:
        """What an amount is worth.

        >>> worth(3.0, "EUR")
        6.0
        """
        raise NotImplementedError

    f, model = made(
        worth,
        "def worth(amount: float, currency: str) -> float:\n    return amount * rate(currency)",
        tmp_path=tmp_path,
        tools=[rate],
    )
    assert f(2.0, "EUR") == 4.0
    assert "def rate(currency" in model.requests[0].messages[-1].content


class Answer(pydantic.BaseModel):
    text: str


def test_response_class(tmp_path):
    def answer(question: str) -> dict[str, Any]:
        """An answer."""
        raise NotImplementedError

    source = "def answer(question: str) -> Answer:\n    return Answer(text=question + '!')"
    f, _ = made(answer, source, tmp_path=tmp_path, response_class=Answer)
    assert f("so") == Answer(text="so!")


def test_response_class_as_json_schema(tmp_path):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    def length(text: str):
        """How long a text is."""

    source = "def length(text: str):\n    return {'n': len(text)}"
    f, _ = made(length, source, tmp_path=tmp_path, response_class=schema)
    assert f("abc") == {"n": 3}


def test_every_kind_of_parameter(tmp_path):
    def join(first: str, /, *rest: str, sep: str = "-", **more: str) -> str:
        """Texts, joined.

        >>> join("a", "b", sep="+", x="c")
        'a+b+c'
        """
        raise NotImplementedError

    f, _ = made(
        join,
        "def join(first: str, /, *rest: str, sep: str = '-', **more: str) -> str:\n"
        "    return sep.join([first, *rest, *more.values()])",
        tmp_path=tmp_path,
    )
    assert f("x", "y") == "x-y"
    assert f("x", z="q") == "x-q"


def test_crashes_on_valid_arguments_are_found_and_told(tmp_path):
    def first(items: list[int]) -> int | None:
        """The first item.

        >>> first([3, 4])
        3
        """
        raise NotImplementedError

    f, model = made(
        first,
        "def first(items: list[int]) -> int | None:\n    return items[0]",
        "def first(items: list[int]) -> int | None:\n    return items[0] if items else None",
        tmp_path=tmp_path,
    )
    assert f([]) is None
    assert "first([]) raised IndexError" in model.requests[1].messages[-1].content


def test_declared_exceptions_are_no_crash_and_come_through(tmp_path):
    def year(text: str) -> int:
        """The year that a text of four digits says.

        >>> year("1999")
        1999

        Raises:
            ValueError: It is no number.
        """
        raise NotImplementedError

    f, _ = made(year, "def year(text: str) -> int:\n    return int(text)", tmp_path=tmp_path)
    with pytest.raises(ValueError, match="invalid literal"):
        f("abc")


@pytest.mark.parametrize(
    ("source", "check"),
    [
        ("return random.choice([1, 2, 3, 4, 5, 6, 7, 8]) + n * 10", "repeatable"),
        ("return helper(n)", "names"),
        ("return 'text'", "inputs"),
        ("if n > 5:\n        return missing_name\n    return n", "names"),
        ("return n", "properties"),
        ("while True:\n        pass", "inputs"),
        ("return open('/etc/passwd')", "language"),
        ("import os\n    return os.getpid()", "language"),
        ("return (n", "language"),
    ],
)
def test_what_each_check_catches(tmp_path, source, check):
    def f(n: int) -> int:
        """Something."""
        raise NotImplementedError

    g, _ = made(
        f,
        f"def f(n: int) -> int:\n    {source}",
        tmp_path=tmp_path,
        properties=[lambda n, result: result != n],
        max_attempts=1,
        limits=Limits(timeout_s=0.5),
        samples=6,
    )
    with pytest.raises(ImplementationFailed) as caught:
        g(1)
    assert caught.value.attempts[0].failures[0].check == check


def test_an_example_written_into_the_code_is_not_accepted(tmp_path):
    def reverse(text: str) -> str:
        """Backwards.

        >>> reverse("stressed")
        'desserts'
        """
        raise NotImplementedError

    f, model = made(
        reverse,
        "def reverse(text: str) -> str:\n    return {'stressed': 'desserts'}.get(text, text)",
        "def reverse(text: str) -> str:\n    return text[::-1]",
        tmp_path=tmp_path,
    )
    assert f("abc") == "cba"
    assert "stands in the code itself" in model.requests[1].messages[-1].content


def test_a_forgotten_import_is_added(tmp_path):
    def root(n: Annotated[float, Field(ge=0)]) -> float:
        """The square root."""
        raise NotImplementedError

    f, _ = made(root, "def root(n: float) -> float:\n    return math.sqrt(n)", tmp_path=tmp_path)
    assert f(9.0) == 3.0
    assert "import math\n" in f.source


def test_a_failing_run_falls_back(tmp_path):
    def invert(n: Annotated[int, Field(ge=1)]) -> float:
        """1 / n."""
        raise NotImplementedError

    model = ScriptedModel(
        fenced("def invert(n: int) -> float:\n    return 1 / n"), "0.5", "x", "x", "x"
    )
    f = llm_impl(model=model, directory=tmp_path, on_failure="predict")(invert)
    assert f(2) == 0.5
    assert f(0) == 0.5
    with pytest.raises(OutputInvalid):
        f(0)
    g = llm_impl(model=model, directory=tmp_path)(invert)
    with pytest.raises(CodeFailed, match="division by zero"):
        g(0)


def test_limits_hold(tmp_path):
    def spin(n: Annotated[int, Field(ge=0, le=1)]) -> int:
        """Nothing."""
        raise NotImplementedError

    f, _ = made(
        spin,
        "def spin(n: int) -> int:\n    while n > 1:\n        pass\n    return n",
        tmp_path=tmp_path,
        limits=Limits(timeout_s=0.3),
    )
    assert f(1) == 1
    with pytest.raises(SandboxTimeout):
        f(2)


def test_looks_like_the_function(tmp_path):
    def f(n: int) -> int:
        """Something."""
        raise NotImplementedError

    g, _ = made(f, tmp_path=tmp_path)
    assert (g.__name__, g.__doc__) == ("f", "Something.")
    assert inspect.signature(g) == inspect.signature(f)
