"""``extract``: values from texts."""

import asyncio
import dataclasses
import enum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from byzer_agents import ConstraintError, OutputInvalid, SchemaError, aextract, extract
from byzer_agents.testing import ScriptedModel


class Person(BaseModel):
    name: str
    age: int


class Even(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def _even(cls, number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Movie(TypedDict):
    title: str
    year: int


# -- on the real model -----------------------------------------------------------------------


@pytest.mark.model
class TestOnTheQuickstartModel:
    def test_a_person(self, llm):
        person = llm.extract(Person, "Bob is 42 years old.")
        assert person == Person(name="Bob", age=42)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Alice, 29, lives in Paris.", Person(name="Alice", age=29)),
            ("The engineer John Smith will be 35 tomorrow.", Person(name="John Smith", age=35)),
        ],
    )
    def test_more_people(self, llm, text, expected):
        assert llm.extract(Person, text) == expected

    @pytest.mark.parametrize(
        "type_",
        [
            int,
            bool,
            float,
            Literal["a", "b"],
            Colour,
            Point,
            Movie,
            list[Person],
            Person | None,
            dict[str, int],
            tuple[int, str],
            Annotated[int, Field(ge=10, le=20)],
            set[Literal["x", "y"]],
        ],
    )
    def test_any_type_gives_a_value_of_it(self, llm, type_):
        from structured import OutputSchema

        value = llm.extract(type_, "It is 12 o'clock.", llm_config={"max_length": 120})
        schema = OutputSchema.of(type_)
        assert schema.validate_json(schema.dump_json(value)) == value

    def test_choices(self, llm):
        assert llm.extract(Literal["positive", "negative"], "What a lovely day!") == "positive"

    def test_the_same_again(self, llm):
        text = "Carla turned 7 in May."
        assert llm.extract(Person, text) == llm.extract(Person, text)

    def test_asynchronously(self, llm):
        async def both():
            return await asyncio.gather(
                llm.aextract(Person, "Bob is 42 years old."),
                llm.aextract(Person, "Alice is 30 years old."),
            )

        bob, alice = asyncio.run(both())
        assert (bob, alice) == (Person(name="Bob", age=42), Person(name="Alice", age=30))

    def test_a_reply_that_was_cut_is_an_error(self, llm):
        with pytest.raises(OutputInvalid, match="cut after 3 tokens") as caught:
            llm.extract(Person, "Bob is 42 years old.", llm_config={"max_length": 3})
        [attempt] = caught.value.attempts
        assert attempt.text.startswith('{"')
        assert attempt.usage.output_tokens == 3


# -- what a real model cannot be made to do ----------------------------------------------------


def test_a_reply_that_breaks_a_rule_is_asked_for_again():
    with ScriptedModel('{"number":3}', '{"number":5}', '{"number":4}') as model:
        assert extract(Even, "a number", model=model) == Even(number=4)
    first, second, third = model.requests
    assert first.constraint == second.constraint == third.constraint
    assert second.messages[-2].content == '{"number":3}'
    assert "$.number" in second.messages[-1].content
    assert "3 is odd" in second.messages[-1].content
    # Only the last reply is to be mended: the conversation does not grow.
    assert len(third.messages) == len(second.messages)
    assert "5 is odd" in third.messages[-1].content


def test_attempts_are_bounded_and_all_reported():
    with (
        ScriptedModel('{"number":1}', '{"number":3}') as model,
        pytest.raises(OutputInvalid, match="no valid Even after 2 attempts") as caught,
    ):
        extract(Even, "a number", model=model, max_attempts=2)
    assert [attempt.text for attempt in caught.value.attempts] == ['{"number":1}', '{"number":3}']
    assert caught.value.usage.output_tokens == 2
    assert caught.value.attempts[0].failure.violations[0].path == "$.number"


@pytest.mark.parametrize("reply", ["", "no JSON", "{", '{"number": 2', "[]", '"4"', "\ud83d"])
def test_anything_may_come_back(reply):
    with ScriptedModel(reply, '{"number":2}') as model:
        assert extract(Even, "a number", model=model).number == 2


def test_async_twin_does_the_same():
    with ScriptedModel('{"number":3}', '{"number":4}') as model:
        assert asyncio.run(aextract(Even, "a number", model=model)) == Even(number=4)


def test_instructions_come_first():
    with ScriptedModel('{"name":"Bob","age":1}') as model:
        extract(Person, "text", model=model, instructions="Names in full.")
    system, user = model.requests[0].messages
    assert system.role == "system"
    assert system.content.startswith("Names in full.")
    assert '{"name": string, "age": integer}' in system.content
    assert user.content == "text"


def test_parameters_reach_the_model():
    with ScriptedModel("1") as model:
        extract(int, "text", model=model, temperature=0.7, max_length=9, seed=3)
    params = model.requests[0].params
    assert (params.temperature, params.max_output_tokens, params.seed) == (0.7, 9, 3)


def test_greedy_unless_told_otherwise():
    with ScriptedModel("1") as model:
        extract(int, "text", model=model)
    assert model.requests[0].params.temperature == 0


def test_a_type_without_schema():
    import io

    with ScriptedModel() as model, pytest.raises(SchemaError, match="StringIO"):
        extract(io.StringIO, "text", model=model)


def test_errors_of_the_model_pass_through():
    from runtime import WorkerDied

    with ScriptedModel(WorkerDied("scripted")) as model, pytest.raises(WorkerDied):
        extract(int, "text", model=model)


@pytest.mark.model
def test_a_schema_that_nothing_satisfies(llm):
    Impossible = Annotated[int, Field(ge=5, le=2)]
    with pytest.raises(ConstraintError, match="minimum"):
        llm.extract(Impossible, "text")
