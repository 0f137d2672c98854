"""Functions whose annotations are text (PEP 563), for test_tool.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict

from pydantic import BaseModel
from typing_extensions import Unpack

from structured.tool import ToolSchema

if TYPE_CHECKING:
    from decimal import Decimal


class Place(BaseModel):
    city: str


@dataclass
class Span:
    days: int


class Options(TypedDict):
    limit: int
    order: NotRequired[Annotated[str, "how to sort", {"enum": ["up", "down"]}]]


def visit(place: Place, span: Span | None = None) -> list[str]:
    return [place.city] * (span.days if span else 1)


def convert(
    count: Annotated[int, "how many", {"minimum": 1}],
    unit: Annotated[str, {"enum": ["day", "week"]}, "which"] = "day",
) -> dict[str, int]:
    return {unit: count}


def search(query: str, **options: Unpack[Options]) -> list[Any]:
    return [query, options]


def only_for_checkers(price: Decimal) -> None: ...


class Prices(TypedDict):
    low: Decimal


def options_only_for_checkers(**options: Unpack[Prices]) -> None: ...


def result_only_for_checkers() -> Decimal: ...


def none_outside(count: Annotated[int, {"minimum": 1}] | None = None) -> None: ...


class Counter:
    class Step(BaseModel):
        by: int

    def __init__(self, start: int) -> None:
        self.value = start

    def add(self, step: Step) -> int:
        self.value += step.by
        return self.value


def tool_of_a_local_class() -> ToolSchema[str]:
    class Place(BaseModel):  # hides the module's
        street: str

    def go(to: Place) -> str:
        return to.street

    return ToolSchema.of(go)


def tool_of_a_class_two_levels_up() -> ToolSchema[int]:
    class Pair(BaseModel):
        a: int

    def middle() -> ToolSchema[int]:
        def first(pair: list[Pair]) -> int:
            return pair[0].a

        return ToolSchema.of(first)

    return middle()


def function_that_closes_over_its_type():
    class Pair(BaseModel):
        a: int

    def first(pair: Pair) -> int:
        return Pair.model_validate(pair).a

    return first


def function_whose_scope_is_gone():
    class Lost(BaseModel):
        a: int

    def first(pair: Lost) -> int:
        return pair.a

    return first


def tool_made_by_a_decorator_in_a_class() -> ToolSchema[int]:
    made = []

    def tool(function):
        made.append(ToolSchema.of(function, skip_first=True))
        return function

    class Shop:
        class Item(BaseModel):
            price: int

        @tool
        def buy(self, item: Item, count: int = 1) -> int:
            return item.price * count

    return made[0].bound_to(Shop())
