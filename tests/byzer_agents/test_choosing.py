"""``choose``: exact probabilities where a model can tell, none where it cannot."""

import asyncio
import enum
import math
from typing import Annotated, Literal, Optional

import pytest
from pydantic import AfterValidator

from byzer_agents import Choices, OutputInvalid, achoose, choose, extract
from byzer_agents.testing import ScriptedModel
from runtime import InvalidParameter


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Scores(ScriptedModel):
    """Gives each option the score that it is told; notes what it was asked."""

    def __init__(self, *scores, **options):
        super().__init__(*scores[1:], **options)
        self.scores = scores[0]

    def score(self, request, options):
        self.asked = request, options
        return tuple(self.scores[option] for option in options)


@pytest.mark.parametrize(
    ("type_", "options"),
    [
        (bool, {"true": True, "false": False}),
        (Literal["a", 1, None, True], {'"a"': "a", "1": 1, "null": None, "true": True}),
        (Colour, {'"red"': Colour.RED, '"green"': Colour.GREEN}),
        (Rank, {"1": Rank.LOW, "2": Rank.HIGH}),
        (Optional[bool], {"true": True, "false": False, "null": None}),  # noqa: UP045
        (
            Colour | Literal["none"],
            {'"red"': Colour.RED, '"green"': Colour.GREEN, '"none"': "none"},
        ),
        (Annotated[Literal["é", 'q"'], "note"], {'"é"': "é", '"q\\""': 'q"'}),
        (Choices("yes", "no"), {"yes": "yes", "no": "no"}),
        ({"enum": ["x", 2]}, {'"x"': "x", "2": 2}),
        (["a", ["b"], {"c": 1.5}], {'"a"': "a", '["b"]': ["b"], '{"c": 1.5}': {"c": 1.5}}),
        ((Colour.RED, None), {'"red"': Colour.RED, "null": None}),
    ],
)
def test_options_are_the_texts_of_the_values(type_, options):
    count = len(options)
    scores = {text: -float(i) for i, text in enumerate(options)}
    model = Scores(scores)
    choice = choose(type_, "text", model=model)
    assert tuple(model.asked[1]) == tuple(options)
    values = list(options.values())
    assert list(choice.probabilities) == values
    assert [type(value) for value in choice.probabilities] == [type(value) for value in values]
    assert choice.value == values[0]
    assert math.isclose(sum(choice.probabilities.values()), 1)
    assert list(choice.logprobs.values()) == [-float(i) for i in range(count)]
    for value in values[1:]:
        ratio = choice.probabilities[value] / choice.probabilities[values[0]]
        assert math.isclose(ratio, math.exp(choice.logprobs[value]))


def test_equal_values_of_different_types_are_different_options():
    choice = choose(Literal[1, True], "text", model=Scores({"1": -1.0, "true": -2.0}))
    assert choice.value is not True
    assert choice.probabilities[1] > choice.probabilities[True]
    assert len(choice.probabilities) == 2
    assert choice.probability == choice.probabilities[1]
    with pytest.raises(KeyError):
        choice.probabilities["1"]


def test_very_unlikely_options_do_not_vanish():
    choice = choose(bool, "text", model=Scores({"true": -2000.0, "false": -2001.0}))
    assert math.isclose(choice.probabilities[True], 1 / (1 + math.exp(-1)))


def test_it_is_asked_as_extract_asks():
    model = Scores({"true": -1.0, "false": -2.0}, "true")
    choose(bool, "text", model=model, instructions="Say.")
    extract(bool, "text", model=model, instructions="Say.")
    assert model.asked[0].messages == model.requests[0].messages


def test_options_that_validators_reject_are_none():
    def offered(colour: str, info) -> str:
        if colour not in info.context:
            raise ValueError("sold out")
        return colour

    Offered = Annotated[Literal["red", "green", "blue"], AfterValidator(offered)]
    model = Scores({'"red"': -1.0, '"blue"': -2.0})
    choice = choose(Offered, "text", model=model, context=["blue", "red"])
    assert list(choice.probabilities) == ["red", "blue"]
    with pytest.raises(InvalidParameter, match="validators take"):
        choose(Offered, "text", model=model, context=[])


def test_options_as_validators_make_them():
    Made = Annotated[Literal["int", "str"], AfterValidator({"int": int, "str": str}.__getitem__)]
    choice = choose(Made, "text", model=Scores({'"int"': -1.0, '"str"': -2.0}))
    assert choice.value is int
    assert choice.probabilities[int] > choice.probabilities[str]


def test_a_model_that_cannot_score_is_asked_and_no_figures_are_made_up():
    with ScriptedModel('"green"') as model:
        choice = choose(Colour, "text", model=model)
    assert (choice.value, choice.probabilities, choice.logprobs, choice.probability) == (
        Colour.GREEN,
        None,
        None,
        None,
    )
    assert model.requests[0].constraint is not None
    with ScriptedModel(' ["b"]') as model:
        assert choose(["a", ["b"]], "text", model=model).value == ["b"]
    with ScriptedModel('"red"') as model:
        assert choose([Colour.GREEN, Colour.RED], "text", model=model).value is Colour.RED
    with ScriptedModel('"blue"') as model, pytest.raises(OutputInvalid):
        choose(Colour, "text", model=model, max_attempts=1)


def test_a_model_that_holds_all_impossible_is_asked_too():
    model = Scores({"true": -math.inf, "false": -math.inf}, "false")
    choice = choose(bool, "text", model=model)
    assert (choice.value, choice.probabilities) == (False, None)


def test_the_async_twin():
    async def both():
        scored = await achoose(bool, "text", model=Scores({"true": -1.0, "false": 0.0}))
        asked = await achoose(bool, "text", model=ScriptedModel("true"))
        return scored, asked

    scored, asked = asyncio.run(both())
    assert (scored.value, asked.value, asked.probabilities) == (False, True, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (int, "a type of 1 to"),
        (str, "a type of 1 to"),
        (list[bool], "a type of 1 to"),
        ({"type": "string"}, "a type of 1 to"),
        ([], "1 to 10000 options"),
        (["a", "b", "a"], "given twice"),
    ],
)
def test_what_cannot_be_chosen_from(options, message):
    with pytest.raises(InvalidParameter, match=message):
        choose(options, "text", model=Scores({}))


@pytest.mark.model
class TestOnTheQuickstartModel:
    def test_the_likeliest_is_what_greedy_decoding_writes(self, llm):
        for text in ("What a lovely day!", "I hate this awful film.", "It rains."):
            choice = llm.choose(Literal["positive", "negative"], text)
            assert choice.probabilities is not None
            assert math.isclose(sum(choice.probabilities.values()), 1)
            assert choice.value == max(choice.probabilities, key=choice.probabilities.__getitem__)
            assert all(logprob < 0 for logprob in choice.logprobs.values())
        assert llm.choose(Literal["positive", "negative"], "What a lovely day!").value == "positive"

    def test_options_that_share_a_beginning(self, llm):
        choice = llm.choose(["red", "redder", "reddest", "green"], "The apple is red.")
        assert choice.value == "red"
        assert len(choice.probabilities) == 4
