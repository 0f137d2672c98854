"""Repair by rollback: what is good of a rejected reply is kept, and nothing is tried twice."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from byzer_agents import ConstraintError, OutputInvalid, aextract, extract
from byzer_agents.calls import drive
from byzer_agents.chatting import extraction_steps
from byzer_agents.configuration import ModelSetup
from byzer_agents.plan import Plan
from byzer_agents.testing import ScriptedModel
from runtime import GenerationParams, ModelMeta, Resumption
from structured import OutputSchema


class Even(BaseModel):
    label: str
    number: int

    @field_validator("number")
    @classmethod
    def _even(cls, number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number


class Span(BaseModel):
    start: int
    end: int
    note: str

    @model_validator(mode="after")
    def _ordered(self):
        if self.start >= self.end:
            raise ValueError("the end is not after the start")
        return self


def unique(items: list[str]) -> list[str]:
    if len(set(items)) < len(items):
        raise ValueError("repeated")
    return items


def resumptions(model):
    return [request.resume for request in model.requests]


def own(*replies):
    return ScriptedModel(*replies, resumes=True)


def test_the_rejected_value_alone_is_written_anew():
    with own('{"label": "a b c", "number": 3}', '{"label": "a b c", "number": 4}') as model:
        assert extract(Even, "text", model=model) == Even(label="a b c", number=4)
    first, second = model.requests
    assert first.resume is None
    assert second.resume == Resumption('{"label": "a b c", "number": ', ("3",))
    assert second.messages == first.messages
    assert second.constraint == first.constraint


def test_what_was_rejected_there_adds_up():
    replies = [f'{{"label": "a", "number": {n}}}' for n in (1, 3, 5, 6)]
    with own(*replies) as model:
        assert extract(Even, "text", model=model).number == 6
    assert [r.avoid for r in resumptions(model)[1:]] == [("1",), ("1", "3"), ("1", "3", "5")]


def test_the_longest_good_prefix_is_kept():
    Listed = list[Even]
    good = '{"label": "a", "number": 2}'
    with own(
        f'[{good}, {{"label": "b", "number": 1}}, {{"label": "c", "number": 3}}]',
        f'[{good}, {{"label": "b", "number": 8}}, {{"label": "c", "number": 3}}]',
        f'[{good}, {{"label": "b", "number": 8}}, {{"label": "c", "number": 4}}]',
    ) as model:
        assert [item.number for item in extract(Listed, "text", model=model)] == [2, 8, 4]
    assert [r.text for r in resumptions(model)[1:]] == [
        f'[{good}, {{"label": "b", "number": ',
        f'[{good}, {{"label": "b", "number": 8}}, {{"label": "c", "number": ',
    ]


def test_a_rule_across_fields_goes_one_field_further_back_each_time():
    with own(
        '{"start": 5, "end": 3, "note": "n"}',
        '{"start": 5, "end": 3, "note": "m"}',
        '{"start": 5, "end": 4, "note": "m"}',
        '{"start": 1, "end": 4, "note": "m"}',
    ) as model:
        assert extract(Span, "text", model=model) == Span(start=1, end=4, note="m")
    assert resumptions(model)[1:] == [
        Resumption('{"start": 5, "end": 3, "note": ', ('"n"',)),
        Resumption('{"start": 5, "end": ', ("3",)),
        Resumption('{"start": ', ("5",)),
    ]


def test_items_that_repeat_are_told_apart_from_all_before_them():
    with own('["a", "b", "a", "c"]', '["a", "b", "d", "b"]', '["a", "b", "d"]') as model:
        assert extract(Annotated[list[str], AfterValidator(unique)], "text", model=model) == [
            *("a", "b", "d")
        ]
    assert resumptions(model)[1:] == [
        Resumption('["a", "b"', (', "a"', ', "b"')),
        Resumption('["a", "b", "d"', (', "b"', ', "d"', ', "a"')),
    ]


def test_a_loop_in_a_list_whose_items_must_differ_is_left():
    class Cut(ScriptedModel):
        def generate(self, request):
            reply = super().generate(request)
            return reply if reply.text.endswith("]") else replace(reply, finish_reason="length")

    loop = '["a", "b", ' + '"b", ' * 20
    with Cut(loop, '["a", "b", "c"]', resumes=True) as model:
        assert extract(set[str], "text", model=model) == {"a", "b", "c"}
    assert model.requests[1].resume == Resumption('["a", "b"', (', "b"', ', "a"'))
    with Cut(loop, '["b"]', resumes=True) as model:
        assert extract(list[str], "text", model=model) == ["b"]  # there they may be equal
    assert model.requests[1].resume is None
    assert model.requests[1].params.repetition_penalty > 1


def test_a_loop_of_names_is_left():
    class Cut(ScriptedModel):
        def generate(self, request):
            reply = super().generate(request)
            return reply if reply.text.endswith("}") else replace(reply, finish_reason="length")

    loop = '{"a": 1, "b": 2' + ', "a": 1, "b": 2' * 20
    with Cut(loop, '{"a": 1, "b": 2}', resumes=True) as model:
        assert extract(dict[str, int], "text", model=model) == {"a": 1, "b": 2}
    assert model.requests[1].resume == Resumption('{"a": 1, "b": 2', (', "a"', ', "b"'))


def test_arguments_of_tools_are_repaired_too():
    from byzer_agents import ByzerLLM

    def book(room: str, nights: Annotated[int, AfterValidator(few)]) -> str:
        """Book a room."""
        return f"{room}: {nights}"

    replies = [
        f'{{"name": "book", "arguments": {{"room": "blue", "nights": {n}}}}}' for n in (90, 3)
    ]
    with own(*replies) as model:
        [response] = ByzerLLM().chat_oai("Book it.", [book], execute_tool=True, model=model)
    assert response.values == ["blue: 3"]
    kept = '{"name": "book", "arguments": {"room": "blue", "nights": '
    assert model.requests[1].resume == Resumption(kept, ("90",))


def few(number: int) -> int:
    if number > 30:
        raise ValueError("too many")
    return number


def test_unique_items_of_a_json_schema():
    schema = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
    with own("[1, 2, 1]", "[1, 2, 3]") as model:
        assert extract(schema, "text", model=model) == [1, 2, 3]
    assert model.requests[1].resume == Resumption("[1, 2", (", 1", ", 2"))


def test_attempts_say_how_they_came_and_what_they_cost():
    with (
        own('{"label": "a b c", "number": 3}', '{"label": "a b c", "number": 5}') as model,
        pytest.raises(OutputInvalid, match="after one attempt and 1 repair;") as caught,
    ):
        extract(Even, "text", model=model, max_attempts=1, repairs=1)
    first, second = caught.value.attempts
    assert (first.kind, second.kind) == ("first", "rollback")
    assert second.text == '{"label": "a b c", "number": 5}'
    assert (first.usage.output_tokens, second.usage.output_tokens) == (6, 1)  # only what is new
    assert caught.value.usage.output_tokens == 7


def test_after_the_rollbacks_it_is_asked_again_and_may_be_rolled_back_again():
    replies = [f'{{"label": "a", "number": {n}}}' for n in (1, 3)]
    others = [f'{{"label": "b", "number": {n}}}' for n in (5, 7)]
    with own(*replies, *others) as model, pytest.raises(OutputInvalid) as caught:
        extract(Even, "text", model=model, max_attempts=2, repairs=1)
    kinds = [attempt.kind for attempt in caught.value.attempts]
    assert kinds == ["first", "rollback", "reask", "rollback"]
    reask = model.requests[2]
    assert reask.resume is None
    assert reask.messages[-2].content == replies[1]
    assert "3 is odd" in reask.messages[-1].content


def test_nothing_is_tried_twice_at_one_place():
    """Also when another reply comes to the same place."""
    with own(
        '{"label": "a", "number": 1}',
        '{"label": "a", "number": 3}',
        '{"label": "a", "number": 1}',  # asked anew, it writes the same
        '{"label": "a", "number": 2}',
    ) as model:
        extract(Even, "text", model=model, repairs=1)
    assert model.requests[3].resume == Resumption('{"label": "a", "number": ', ("1", "3"))


def test_a_model_that_writes_what_it_is_kept_from_is_not_sent_there_again():
    class Stubborn(ScriptedModel):
        def _next(self, request):
            self.requests.append(request)
            return '{"label": "a", "number": 1}'

    model = Stubborn(resumes=True)
    with pytest.raises(OutputInvalid):
        extract(Even, "text", model=model, max_attempts=1)
    assert [r and (r.text, r.avoid) for r in resumptions(model)] == [
        None,
        ('{"label": "a", "number": ', ("1",)),
        ('{"label": "a", ', ('"number"',)),
    ]


def test_where_nothing_can_follow_the_next_place_is_tried():
    refused = ConstraintError("nothing can follow")
    with own(
        '{"start": 5, "end": 3, "note": "n"}', refused, '{"start": 5, "end": 6, "note": ""}'
    ) as model:
        assert extract(Span, "text", model=model).end == 6
    assert [r.text for r in resumptions(model)[1:]] == [
        '{"start": 5, "end": 3, "note": ',
        '{"start": 5, "end": ',
    ]


def test_a_constraint_error_of_the_first_request_is_raised():
    with own(ConstraintError("impossible")) as model, pytest.raises(ConstraintError):
        extract(Even, "text", model=model)


def test_a_model_that_cannot_resume_is_asked_again():
    with ScriptedModel('{"label": "", "number": 1}', '{"label": "", "number": 2}') as model:
        extract(Even, "text", model=model)
    assert resumptions(model) == [None, None]
    assert "1 is odd" in model.requests[1].messages[-1].content


def test_a_provider_is_asked_again_with_the_broken_rules_only():
    meta = ModelMeta("scripted", 8192, model_deploy_type="saas")
    replies = '{"label": "", "number": 1}', '{"label": "", "number": 2}'
    with ScriptedModel(*replies, meta=meta, resumes=True) as model:
        extract(Even, "text", model=model)
    again = model.requests[1]
    assert again.resume is None
    assert again.messages[-1].content.count("$") == 1
    assert "label" not in again.messages[-1].content


def test_a_model_that_ignores_resume_loses_nothing():
    """Its reply is taken for what it is, and no more rollbacks are asked for."""

    class Ignores(ScriptedModel):
        def generate(self, request):
            self.asked = [*getattr(self, "asked", []), request.resume is not None]
            return super().generate(replace(request, resume=None))

    with Ignores(
        '{"label": "a", "number": 1}', '{"label": "b", "number": 3}', '{"label": "", "number": 4}'
    ) as model:
        assert extract(Even, "text", model=model).number == 4
    assert model.asked == [False, True, False]


def test_a_reply_that_is_no_json_is_asked_for_again():
    with own("none", '{"label": "", "number": 2}') as model:
        extract(Even, "text", model=model)
    assert resumptions(model) == [None, None]


def test_async_twin_does_the_same():
    with own('{"label": "a", "number": 3}', '{"label": "a", "number": 4}') as model:
        assert asyncio.run(aextract(Even, "text", model=model)).number == 4
    assert model.requests[1].resume == Resumption('{"label": "a", "number": ', ("3",))


def test_the_typed_reply_carries_its_attempts():
    replies = '{"label": "a", "number": 3}', '{"label": "a", "number": 4}'
    with own(*replies) as model:
        plan = Plan(model, ModelSetup(), GenerationParams())
        steps = extraction_steps(plan, OutputSchema.of(Even), "text", "")
        request = next(steps)
        request = steps.send(model.generate(request))
        with pytest.raises(StopIteration) as stop:
            steps.send(model.generate(request))
    typed = stop.value.value
    assert (typed.kind, [attempt.kind for attempt in typed.attempts]) == ("rollback", ["first"])
    assert typed.usage.output_tokens == 5


def test_text_types_are_asked_again():
    from structured import Regex

    with own("12", "ab") as model:
        assert extract(Regex("[a-z]+"), "text", model=model) == "ab"
    assert resumptions(model) == [None, None]


def test_a_script_that_does_not_go_on_as_asked_fails():
    with pytest.raises(AssertionError, match="is to begin with"):
        extract(
            Even, "text", model=own('{"label": "a", "number": 3}', '{"label": "b", "number": 4}')
        )
    with pytest.raises(AssertionError, match="is to be avoided"):
        extract(Even, "text", model=own(*['{"label": "a", "number": 3}'] * 2))
    with own('{"label": "a", "number": 3}', '{"label": "a", "number": 34}') as model:
        assert extract(Even, "text", model=model).number == 34


def test_the_context_reaches_the_validators():
    def known(name: str, info) -> str:
        if name not in info.context["names"]:
            raise ValueError(f"unknown name {name}")
        return name

    Known = Annotated[str, AfterValidator(known)]
    with own('"Eve"', '"Bob"') as model:
        assert extract(Known, "text", model=model, context={"names": ["Bob"]}) == "Bob"
    assert model.requests[1].resume == Resumption("", ('"Eve"',))


def test_the_engine_is_asked_for_by_name():
    with own("1") as model:
        extract(int, "text", model=model, engine="xgrammar")
    assert model.requests[0].engine == "xgrammar"


# -- on the real model -----------------------------------------------------------------------


class Resident(BaseModel):
    name: str
    age: int
    city: str

    @field_validator("age")
    @classmethod
    def _not_42(cls, age: int) -> int:
        if age == 42:
            raise ValueError("42 is taken")
        return age


class Period(BaseModel):
    start: int
    end: int

    @model_validator(mode="after")
    def _ordered(self):
        if self.end <= self.start:
            raise ValueError("the end is not after the start")
        return self


def reply_of(llm, type_, text):
    plan, schema = llm._settle(type_, {})
    return drive(plan.model, extraction_steps(plan, schema, text, ""))


@pytest.mark.model
class TestOnTheQuickstartModel:
    def test_a_field_that_its_validator_rejects(self, llm):
        reply = reply_of(llm, Resident, "Bob is 42 years old and lives in Berlin.")
        assert (reply.value.name, reply.value.city) == ("Bob", "Berlin")
        assert reply.value.age != 42
        [first] = reply.attempts
        assert (first.kind, reply.kind) == ("first", "rollback")
        kept = '{"name": "Bob", "age": '
        assert first.text.startswith(f"{kept}42,")
        assert reply.reply.text.startswith(kept)
        # Only what comes after it is generated: an age, a city.
        new = len(llm.tokenize("chat", reply.reply.text[len(kept) :]))
        assert reply.reply.usage.output_tokens <= new + 3 < first.usage.output_tokens

    @pytest.mark.parametrize(
        "type_",
        [
            Annotated[list[str], AfterValidator(unique), Field(min_length=3, max_length=5)],
            Annotated[set[str], Field(min_length=3, max_length=5)],
            {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 3,
                "maxItems": 5,
                "uniqueItems": True,
            },
        ],
    )
    def test_items_that_repeat(self, llm, type_):
        reply = reply_of(llm, type_, "apple, apple, apple, pear, apple")
        assert 3 <= len(set(reply.value)) == len(reply.value) <= 5
        assert reply.attempts, "the model is to write something twice, or this tests nothing"
        assert {attempt.kind for attempt in reply.attempts[1:]} <= {"rollback"}
        for before, after in pairwise([*(a.text for a in reply.attempts), reply.reply.text]):
            assert after.startswith(before[: before.index(",")])

    def test_a_rule_across_fields(self, llm):
        reply = reply_of(llm, Period, "1918, 1914")
        assert reply.attempts[0].text == '{"start": 1918, "end": 1914}'
        assert reply.value.start < reply.value.end
        assert reply.reply.text.startswith('{"start": ')
        assert reply.reply.usage.output_tokens < reply.attempts[0].usage.output_tokens

    def test_where_no_value_is_good(self, llm):
        """Every value is rejected: the choices run out, then the budget; all of it is told."""

        def never(word: str) -> str:
            raise ValueError("no")

        Never = Annotated[Literal["a", "b"], AfterValidator(never)]
        with pytest.raises(OutputInvalid) as caught:
            llm.extract(Never, "a or b", max_attempts=2)
        texts = [attempt.text for attempt in caught.value.attempts]
        kinds = [attempt.kind for attempt in caught.value.attempts]
        assert sorted(texts[:2]) == ['"a"', '"b"']
        assert kinds[:3] == ["first", "rollback", "reask"]
        assert caught.value.usage.output_tokens >= len(texts)

    def test_a_set_that_the_model_would_never_end(self, llm):
        Colours = Annotated[set[str], Field(min_length=2)]
        plan, schema = llm._settle(Colours, {"llm_config": {"max_length": 60}})
        text = ", ".join(["red, blue"] * 5)
        reply = drive(plan.model, extraction_steps(plan, schema, text, ""))
        assert {"red", "blue"} <= reply.value
        assert reply.attempts[0].text.startswith('["red", "blue", "red", "blue",')
        assert reply.kind == "rollback"
        assert reply.reply.text.startswith('["red", "blue"')
