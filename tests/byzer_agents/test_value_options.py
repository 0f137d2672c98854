"""``chat_oai`` and the other ways to a value: text types, context, engines."""

import asyncio
from typing import Annotated

import pytest
from pydantic import AfterValidator

from byzer_agents import ByzerLLM, Choices, LLMResponse, OutputInvalid, Regex, extract
from byzer_agents.testing import ScriptedModel
from structured import RegexConstraint


def known(name: str, info) -> str:
    if name not in (info.context or ()):
        raise ValueError("unknown")
    return name


Known = Annotated[str, AfterValidator(known)]


def test_response_class_takes_text_types():
    with ScriptedModel("ab", "red") as model:
        llm = ByzerLLM()
        [first] = llm.chat_oai("Say.", response_class=Regex("[a-z]+"), model=model)
        [second] = llm.chat_oai("Say.", response_class=Choices("red", "blue"), model=model)
    assert (first.value, second.value) == ("ab", "red")
    assert isinstance(model.requests[0].constraint, RegexConstraint)
    assert "JSON" not in model.requests[0].messages[0].content


def test_response_class_takes_a_context_and_an_engine():
    async def both(llm, model):
        options = {"response_class": Known, "context": ["Bob"], "engine": "xgrammar"}
        return [
            *llm.chat_oai("Who?", model=model, **options),
            *await llm.async_chat_oai("Who?", model=model, **options),
        ]

    with ScriptedModel('"Eve"', '"Bob"', '"Bob"') as model:
        answers = asyncio.run(both(ByzerLLM(), model))
    assert [answer.value for answer in answers] == ["Bob", "Bob"]
    assert {request.engine for request in model.requests} == {"xgrammar"}


def test_the_engine_is_for_constrained_requests_only():
    with ScriptedModel("Hello.") as model:
        ByzerLLM().chat_oai("Hello!", engine="xgrammar", model=model)
    assert model.requests[0].engine is None


def test_a_reply_from_elsewhere_is_read_with_the_context():
    response = LLMResponse('"Bob"', "")
    assert ByzerLLM().execute_response_format(response, Known, context=["Bob"]).value == "Bob"
    assert ByzerLLM().execute_response_format(response, Known).value is None


def test_json_schemas_and_contracts_are_types_too():
    from structured import output_schema

    with ScriptedModel("1", "2", "3") as model:
        assert extract({"type": "integer"}, "text", model=model) == 1
        assert extract('{"type": "integer"}', "text", model=model) == 2
        assert extract(output_schema(int), "text", model=model) == 3


@pytest.mark.parametrize("call", ["extract", "stream_extract", "stream_items", "choose"])
def test_an_unknown_option_is_refused(call):
    type_ = bool if call == "choose" else list[bool]
    with ScriptedModel() as model, pytest.raises(TypeError, match="'modle'"):
        getattr(ByzerLLM(), call)(type_, "text", model=model, modle=1)


@pytest.mark.model
def test_texts_on_the_quickstart_model(llm):
    assert llm.extract(Choices("berlin", "paris"), "He lives in Berlin.") == "berlin"
    year = llm.extract(Regex(r"\d{4}"), "Founded in 1998 in Berlin.")
    assert len(year) == 4
    assert year.isdigit()
    with pytest.raises(OutputInvalid, match="cut"):
        llm.extract(Regex(r"\d{40}"), "text", llm_config={"max_length": 3})
