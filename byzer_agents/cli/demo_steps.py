"""What the demo runs; it shows each function's body as the code that ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from byzer_agents import ByzerLLM, tool

Show = Callable[[str], None]


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}, 21 °C"


@tool
def add(a: float, b: float) -> float:
    """The sum of two numbers."""
    return a + b


def chat(llm: ByzerLLM, show: Show) -> str:
    """Chat, streamed."""
    reply = ""
    for piece in llm.stream_chat_oai("Hello! Who are you?", delta_mode=True):
        show(piece.text)
        reply += piece.text
    show("\n")
    return reply


def extract(llm: ByzerLLM, show: Show) -> Person:
    """Extract an object."""
    return llm.extract(Person, "Bob is 42 years old.")


def pick_tool(llm: ByzerLLM, show: Show) -> Any:
    """Pick and run a tool."""
    question = "What is the weather in Paris?"
    answer = llm.chat_oai(question, tools=[get_weather, add], execute_tool=True)
    return answer[0].values[0]


def classify(llm: ByzerLLM, show: Show) -> str:
    """Answer with one of several texts."""
    return llm.extract(Literal["positive", "negative"], "What a lovely day!")


@dataclass(frozen=True)
class Step:
    """One step of the demo."""

    title: str
    run: Callable[[ByzerLLM, Show], Any]
    uses: tuple[Any, ...] = ()
    """Definitions of this module whose source is shown before the step's own."""


STEPS = (
    Step("Chat, as it comes", chat),
    Step("An object from a sentence", extract, (Person,)),
    Step("One of two tools, picked and run", pick_tool, (get_weather.func, add.func)),
    Step("One of two words", classify),
)
