"""``ToolSchema``: any function as a contract, checked by calling it through the contract."""

import asyncio
import contextvars
import copy
import datetime as dt
import functools
import json
import pickle
import threading
import timeit
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, List  # noqa: UP035

import pytest
from pydantic import BaseModel, Field

from structured.errors import ByzerError, SchemaError, ToolDefinitionError, ValidationFailed
from structured.tool import ToolSchema
from tests.structured.tool_checks import Opaque, refusal, violations

pytestmark = pytest.mark.filterwarnings("error")


# --- the reference's own example -----------------------------------------------------------


# fmt: off
def compute_date_range(count:Annotated[int,"时间跨度，数值类型"],
                       unit:Annotated[str,"时间单位",{"enum":["day","week","month","year"]}])->List[str]:  # noqa
    '''
    计算日期范围

    Args:
        count: 时间跨度，数值类型
        unit: 时间单位，字符串类型，可选值为 day,week,month,year
    '''
    return [f"{count} {unit}", "now"]
# fmt: on


def test_the_references_example_works_as_it_stands():
    schema = ToolSchema.of(compute_date_range)
    assert schema.to_openai() == {
        "type": "function",
        "function": {
            "name": "compute_date_range",
            "description": "计算日期范围",
            "parameters": {
                "type": "object",
                "properties": {
                    "count": {"type": "integer", "description": "时间跨度，数值类型"},
                    "unit": {
                        "type": "string",
                        "enum": ["day", "week", "month", "year"],
                        "description": "时间单位",
                    },
                },
                "required": ["count", "unit"],
                "additionalProperties": False,
            },
        },
    }
    assert schema.returns is not None
    assert schema.returns.json_schema == {"type": "array", "items": {"type": "string"}}
    assert schema.call('{"count": "3", "unit": "month"}') == ["3 month", "now"]
    assert violations(schema, {"count": "three", "unit": "decade", "when": 1}) == {
        "$.count": "int_parsing",
        "$.unit": "literal_error",
        "$.when": "extra_forbidden",
    }


def test_a_function_without_parameters():
    def compute_now() -> str:
        """计算当前时间"""
        return "2023-12-18"

    schema = ToolSchema.of(compute_now)
    assert schema.parameters == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert schema.call("") == schema.call("{}") == schema.call({}) == "2023-12-18"
    assert violations(schema, {"x": 1}) == {"$.x": "extra_forbidden"}


# --- kinds of callables --------------------------------------------------------------------


class Shop:
    def __init__(self, stock: int = 5):
        self.stock = stock

    def take(self, count: int) -> int:
        """Take some.

        Args:
            count: How many.
        """
        self.stock -= count
        return self.stock

    @classmethod
    def open(cls, stock: int) -> str:
        return f"{cls.__name__} {stock}"

    @staticmethod
    def price(count: int) -> int:
        return count * 2

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shop) and self.stock == other.stock

    def __call__(self, count: int) -> int:
        """Sell some.

        Args:
            count: How many.
        """
        return count

    raw_static = staticmethod(lambda count: count)


class SoldOut(Exception): ...


def test_a_bound_method_has_no_self():
    shop = Shop()
    schema = ToolSchema.of(shop.take)
    assert schema.name == "take"
    assert schema.description == "Take some."
    assert schema.parameters["properties"] == {
        "count": {"type": "integer", "description": "How many."}
    }
    assert schema.call({"count": 2}) == 3 == shop.stock


def test_class_and_static_methods_off_their_class():
    assert ToolSchema.of(Shop.open).call({"stock": 1}) == "Shop 1"
    assert ToolSchema.of(Shop.price).call({"count": 2}) == 4
    assert ToolSchema.of(vars(Shop)["price"]).call({"count": 2}) == 4
    assert "Class.open" in refusal(vars(Shop)["open"]).hint


def test_a_method_off_its_class_is_refused():
    error = refusal(Shop.take)
    assert "instance.take" in error.hint


def test_skip_first_for_a_decorator_in_a_class_body():
    schema = ToolSchema.of(Shop.take, skip_first=True)
    assert list(schema.parameters["properties"]) == ["count"]
    assert schema.validate({"count": 1}).kwargs == {"count": 1}
    with pytest.raises(ToolDefinitionError, match="bound_to"):
        schema.call({"count": 1})
    shop = Shop()
    bound = schema.bound_to(shop)
    assert bound.call({"count": 2}) == 3 == shop.stock
    assert bound == ToolSchema.of(shop.take)
    with pytest.raises(ToolDefinitionError):
        bound.bound_to(shop)

    assert ToolSchema.of(vars(Shop)["price"], skip_first=True).call({"count": 2}) == 4
    opened = ToolSchema.of(vars(Shop)["open"], skip_first=True)
    assert opened.bound_to(Shop).call({"stock": 3}) == "Shop 3"

    def no_self(*, a: int): ...

    assert "needs a first parameter" in str(refusal(no_self, skip_first=True))


def test_a_callable_instance():
    schema = ToolSchema.of(Shop())
    assert (schema.name, schema.description) == ("Shop", "Sell some.")
    assert schema.call({"count": 2}) == 2
    assert hash(schema) == hash(ToolSchema.of(Shop()))


def test_a_callable_instance_that_takes_any_key():
    class Log:
        def __call__(self, **fields: str):
            return fields

    schema = ToolSchema.of(Log())
    assert schema.call({"fields": {"a": "b"}}) == {"a": "b"}
    assert violations(schema, {"fields": {"self": "b"}}) == {"$.fields.self": "taken_name"}


def test_partials():
    def tool(a: int, b: int, c: int = 3):
        """Add.

        Args:
            c: The third.
        """
        return a, b, c

    schema = ToolSchema.of(functools.partial(tool, 1))
    assert (schema.name, schema.description) == ("tool", "Add.")
    assert list(schema.parameters["properties"]) == ["b", "c"]
    assert schema.call({"b": 2}) == (1, 2, 3)

    named = ToolSchema.of(functools.partial(functools.partial(tool, 1), b=2))
    assert named.parameters["properties"]["b"] == {"type": "integer", "default": 2}
    assert named.parameters["properties"]["c"]["description"] == "The third."
    assert named.call({}) == (1, 2, 3)
    assert named.call({"b": 9}) == (1, 9, 3)

    assert ToolSchema.of(functools.partial(Shop(7).take, count=1)).call({}) == 6


def test_a_partial_hides_what_a_model_could_not_fill():
    opaque = Opaque()

    def tool(store: Opaque, untyped, key: str):
        return store, untyped, key

    schema = ToolSchema.of(functools.partial(tool, store=opaque, untyped=1))
    assert list(schema.parameters["properties"]) == ["key"]
    assert schema.call({"key": "k"}) == (opaque, 1, "k")


def test_what_a_partial_binds_is_passed_itself_and_not_a_copy():
    def tool(log: list[str], line: str):
        log.append(line)

    log: list[str] = []
    ToolSchema.of(functools.partial(tool, log=log)).call({"line": "x"})
    assert log == ["x"]


def test_wrapped_functions():
    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return ["logged", function(*args, **kwargs)]

        return wrapper

    @logged
    def tool(a: int, /, b: str = "b") -> list[Any]:
        """Do it."""
        return [a, b]

    schema = ToolSchema.of(tool)
    assert (schema.name, schema.description) == ("tool", "Do it.")
    assert schema.call({"a": "1"}) == ["logged", [1, "b"]]

    @functools.lru_cache
    def cached(a: int) -> int:
        """Cached."""
        return a

    schema = ToolSchema.of(cached)
    assert (schema.name, schema.description, schema.call({"a": "1"})) == ("cached", "Cached.", 1)


def test_lambdas_need_a_name():
    assert "a lambda has no name" in str(refusal(lambda: 1))
    assert ToolSchema.of(lambda: 1, name="one").call({}) == 1
    assert "name is empty" in str(refusal(compute_date_range, name=" "))


@pytest.mark.parametrize("thing", [int, Shop, BaseModel, functools.partial(Shop, 1)])
def test_classes_are_refused(thing):
    assert "OutputSchema" in refusal(thing).hint


@pytest.mark.parametrize("thing", [5, "name", None, Shop(), property(lambda self: 1)])
def test_what_cannot_be_called_is_refused(thing):
    if callable(thing):
        return
    error = refusal(thing)
    assert "expected a function as a tool" in error.message
    assert repr(thing)[:10] in error.message


@pytest.mark.parametrize("builtin", [getattr, print, max, dict.get, "x".split])
def test_builtins_are_refused(builtin):
    error = refusal(builtin)
    assert error.tool == builtin.__name__
    assert "wrap it in a function" in error.hint or "instance.get" in error.hint


@dataclass
class Span:
    days: int = 1


# --- results -------------------------------------------------------------------------------


def test_results_are_written_as_their_annotation_says():
    class Person(BaseModel):
        name: Annotated[str, Field(serialization_alias="Name", alias="Name")]
        born: dt.date

    def tool() -> list[Person]: ...

    schema = ToolSchema.of(tool)
    assert schema.dump_result([Person(Name="X", born=dt.date(2000, 1, 1))]) == [
        {"Name": "X", "born": "2000-01-01"}
    ]


def test_a_result_without_an_annotation_is_written_as_what_it_is():
    def tool(): ...

    schema = ToolSchema.of(tool)
    assert schema.returns is None
    assert schema.dump_result({"day": dt.date(2000, 1, 1), "span": Span(2)}) == {
        "day": "2000-01-01",
        "span": {"days": 2},
    }
    with pytest.raises(SchemaError):
        schema.dump_result(Opaque())


def test_a_result_type_without_a_schema_does_not_hinder_calling():
    def tool() -> Opaque:
        return Opaque()

    schema = ToolSchema.of(tool)
    assert schema.returns is None
    assert isinstance(schema.call({}), Opaque)


def test_none_and_any_as_results():
    def nothing() -> None: ...

    def anything() -> Any: ...

    assert ToolSchema.of(nothing).returns.json_schema == {"type": "null"}
    assert ToolSchema.of(nothing).dump_result(None) is None
    assert ToolSchema.of(anything).returns.json_schema == {}


# --- calling -------------------------------------------------------------------------------


async def add_later(a: int, b: int = 1) -> int:
    """Add, later."""
    await asyncio.sleep(0)
    return a + b


class Later:
    async def __call__(self, a: int) -> int:
        return a

    async def method(self, a: int) -> int:
        return a


def test_async_functions_without_a_loop():
    schema = ToolSchema.of(add_later)
    assert schema.is_async
    assert schema.call({"a": 1}) == 2
    assert schema.returns is not None
    assert schema.returns.json_schema == {"type": "integer"}
    for function in (Later(), Later().method, functools.partial(add_later, b=2)):
        assert ToolSchema.of(function).is_async
        assert ToolSchema.of(function).call({"a": 1}) in (1, 3)
    assert not ToolSchema.of(compute_date_range).is_async


async def test_async_functions_in_a_loop():
    schema = ToolSchema.of(add_later)
    assert await schema.acall('{"a": 1}') == 2
    with pytest.raises(ByzerError, match="acall"):
        schema.call({"a": 1})
    with pytest.raises(ValidationFailed):
        await schema.acall({})


async def test_sync_functions_in_a_loop_run_in_a_thread_with_the_context():
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")

    def tool(a: int):
        return a, variable.get(), threading.current_thread() is threading.main_thread()

    schema = ToolSchema.of(tool)
    assert await schema.acall({"a": 1}) == (1, "set", False)
    assert schema.call({"a": 1}) == (1, "set", True)


def handed_on(a: int) -> Coroutine[Any, Any, int]:
    return add_later(a)


async def test_a_function_that_hands_on_a_coroutine_in_a_loop():
    assert await ToolSchema.of(handed_on).acall({"a": 1}) == 2
    with pytest.raises(ByzerError, match="acall"):
        ToolSchema.of(handed_on).call({"a": 1})


def test_a_function_that_hands_on_a_coroutine_without_a_loop():
    schema = ToolSchema.of(handed_on)
    assert schema.call({"a": 1}) == 2
    assert schema.returns is not None
    assert schema.returns.json_schema == {"type": "integer"}


def fail(how: str) -> None:
    raise SoldOut(how)


async def fail_later(how: str) -> None:
    raise SoldOut(how)


@pytest.mark.parametrize("function", [fail, fail_later])
def test_what_the_function_raises_comes_through_unchanged(function):
    schema = ToolSchema.of(function)
    with pytest.raises(SoldOut) as caught:
        schema.call({"how": "badly"})
    assert caught.value.args == ("badly",)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    with pytest.raises(SoldOut):
        asyncio.run(schema.acall({"how": "badly"}))


async def test_stop_iteration_in_a_thread_does_not_hang():
    def tool():
        return next(iter([]))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(ToolSchema.of(tool).acall({}), 10)
    with pytest.raises(StopIteration):
        ToolSchema.of(tool).call({})


# --- validation ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ("{", "json_invalid"),
        ('{"count": 1, "unit": "day"} trailing', "json_invalid"),
        ("[]", "dict_type"),
        ("null", "dict_type"),
        (b"\xff", "json_invalid"),
        (["day"], "dict_type"),
        (None, "dict_type"),
        (5, "dict_type"),
    ],
)
def test_what_is_no_arguments_object(arguments, kind):
    schema = ToolSchema.of(compute_date_range)
    assert violations(schema, arguments) == {"$": kind}


def test_the_text_of_a_failure_is_complete():
    schema = ToolSchema.of(compute_date_range)
    unit = "长" * 5_000
    for arguments in ({"count": 1, "unit": unit}, json.dumps({"unit": unit}, ensure_ascii=False)):
        with pytest.raises(ValidationFailed) as caught:
            schema.validate(arguments)
        assert unit in caught.value.text
    with pytest.raises(ValidationFailed) as caught:
        schema.validate({("a", 1): Opaque()})
    assert "Opaque" in caught.value.text


def test_bound_arguments_are_frozen_and_the_callers_dict_is_left_alone():
    def tool(tags: list[str], more: dict[str, Any], /, *rest: int): ...

    schema = ToolSchema.of(tool)
    arguments = {"tags": ["a"], "more": {"x": [1]}, "rest": ["1"]}
    before = copy.deepcopy(arguments)
    bound = schema.validate(arguments)
    assert bound.args == (["a"], {"x": [1]}, 1)
    assert bound.kwargs == {}
    bound.args[0].append("b")
    bound.args[1]["y"] = 2
    assert arguments == before
    with pytest.raises(AttributeError):
        bound.args = ()


def test_openais_form_may_be_changed():
    schema = ToolSchema.of(compute_date_range)
    schema.to_openai()["function"]["parameters"]["properties"].clear()
    assert len(schema.parameters["properties"]) == 2


def test_validation_is_cheap():
    schema = ToolSchema.of(compute_date_range)
    arguments = {"count": 3, "unit": "day"}
    best = min(timeit.repeat(lambda: schema.validate(arguments), number=1_000, repeat=5)) / 1_000
    assert best < 100e-6  # 4 µs on an idle machine; the limit leaves room for a busy one


# --- identity and travel -------------------------------------------------------------------


def test_equality_and_hash():
    shop = Shop()
    one, other = ToolSchema.of(compute_date_range), ToolSchema.of(compute_date_range)
    assert one == other
    assert hash(one) == hash(other)
    assert one != ToolSchema.of(compute_date_range, name="x")
    assert one != compute_date_range
    assert ToolSchema.of(shop.take) == ToolSchema.of(shop.take)
    assert ToolSchema.of(shop.take) != ToolSchema.of(shop.price)
    assert len({one, other}) == 1
    assert repr(one) == "ToolSchema(compute_date_range)"


@pytest.mark.parametrize(
    "function",
    [compute_date_range, add_later, Shop(3).take, Shop(3), functools.partial(Shop.price, count=1)],
)
def test_it_travels_with_its_function(function):
    schema = ToolSchema.of(function, name="other", description="text")
    again = pickle.loads(pickle.dumps(schema))
    assert (again.name, again.description, again.parameters) == (
        "other",
        "text",
        schema.parameters,
    )
    assert again.is_async == schema.is_async
    assert copy.deepcopy(schema).parameters == schema.parameters


def test_a_methods_schema_travels():
    schema = pickle.loads(pickle.dumps(ToolSchema.of(Shop.take, skip_first=True)))
    assert schema.bound_to(Shop(5)).call({"count": 1}) == 4
