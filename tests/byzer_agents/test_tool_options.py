"""``chat_oai``'s options of tools: how many calls, which, after what reasoning."""

import asyncio
import json
import threading

import pytest

from byzer_agents import ByzerLLM, ToolFailed
from byzer_agents.testing import ScriptedModel
from runtime import InvalidParameter
from runtime.local import LocalHost
from structured import Reasoning


def add(a: int, b: int = 1) -> int:
    """The sum of two numbers."""
    return a + b


def fail(text: str) -> str:
    """Always fails."""
    raise ZeroDivisionError(text)


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


def calls(*each):
    return json.dumps(each)


@pytest.fixture
def script():
    models = []

    def make(*replies):
        llm = ByzerLLM(host=LocalHost())
        model = ScriptedModel(*replies)
        models.append(model)
        llm.register(model)
        return llm, model

    yield make
    for model in models:
        model.__exit__(None, None, None)


# -- how many --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"parallel_tool_calls": True}, {"max_calls": 3}])
def test_several_calls_are_carried_out_in_order(script, options):
    llm, model = script(calls(call("add", a=1), call("add", a=2, b=2), call("add", a=10)))
    [answer] = llm.chat_oai("x", tools=[add], execute_tool=True, **options)
    assert answer.values == [2, 4, 11]
    assert [c.arguments for c in answer.tool_calls] == [{"a": 1}, {"a": 2, "b": 2}, {"a": 10}]
    assert len(json.loads(answer.response.output)["tool_calls"]) == 3
    assert model.requests[0].constraint.max_calls == options.get("max_calls", 16)
    assert '[{"name": its name, "arguments": {…}}, …]' in model.requests[0].messages[0].content


def test_one_call_is_the_default(script):
    llm, model = script('{"name":"add","arguments":{"a":1}}')
    [answer] = llm.chat_oai("x", tools=[add], execute_tool=True)
    assert (answer.values, model.requests[0].constraint.max_calls) == ([2], 1)


def test_several_calls_may_still_be_an_answer(script):
    llm, _ = script('{"answer":"no"}')
    [answer] = llm.chat_oai("x", tools=[add], parallel_tool_calls=True, execute_tool=True)
    assert (answer.values, answer.tool_calls, answer.output) == ([], [], "no")


def test_too_many_calls_are_asked_for_again(script):
    llm, model = script(calls(call("add", a=1), call("add", a=2)), calls(call("add", a=1)))
    [answer] = llm.chat_oai("x", tools=[add], execute_tool=True)
    assert answer.values == [2]
    assert "one call, got 2 calls" in model.requests[1].messages[-1].content


def test_every_broken_argument_is_told_with_its_place(script):
    bad = calls(call("add", a="x"), call("add", a=1), call("add", b=2))
    llm, model = script(bad, calls(call("add", a=1)))
    llm.chat_oai("x", tools=[add], parallel_tool_calls=True)
    correction = model.requests[1].messages[-1].content
    assert "$[0].arguments.a: " in correction
    assert "$[2].arguments.a: " in correction
    assert "$[1]" not in correction


def test_a_failing_call_does_not_stop_the_others(script):
    reply = calls(call("fail", text="why"), call("add", a=1), call("fail", text="again"))
    llm, _ = script(reply, reply)

    async def twin():
        return await llm.async_chat_oai(
            "x", tools=[add, fail], parallel_tool_calls=True, execute_tool=True
        )

    sync = llm.chat_oai("x", tools=[add, fail], parallel_tool_calls=True, execute_tool=True)
    for [answer] in (sync, asyncio.run(twin())):
        assert answer.values == [2]
        assert sorted(answer.metadata["errors"]) == [0, 2]
        first = answer.metadata["error"]
        assert isinstance(first, ToolFailed)
        assert first is answer.metadata["errors"][0]
        assert first.arguments == {"text": "why"}
        assert "ZeroDivisionError: why" in answer.metadata["reason"]


# -- at the same time ------------------------------------------------------------------------


def meeting(size):
    """Tools that only return when as many of them as ``size`` run at once; and their records."""
    order = []
    gate = asyncio.Event()
    barrier = threading.Barrier(size, timeout=10)

    async def arrive(who: str) -> str:
        """Wait for the others."""
        order.append(who)
        if len(order) == size:
            gate.set()
        await asyncio.wait_for(gate.wait(), 10)
        return who

    def block(who: str) -> str:
        """Wait for the others, in a thread."""
        barrier.wait()
        return who

    return arrive, block


@pytest.mark.parametrize("which", [0, 1])
def test_parallel_calls_run_at_the_same_time_in_an_event_loop(script, which):
    reply = calls(*(call(("arrive", "block")[which], who=n) for n in "abc"))
    llm, _ = script(reply)

    async def ask():
        tool = meeting(3)[which]
        return await llm.async_chat_oai(
            "x", tools=[tool], parallel_tool_calls=True, execute_tool=True
        )

    assert asyncio.run(ask())[0].values == ["a", "b", "c"]


def test_calls_that_are_not_parallel_run_one_after_the_other(script):
    running = 0

    async def alone(who: str) -> str:
        """Must not meet another."""
        nonlocal running
        running += 1
        await asyncio.sleep(0.01)
        assert running == 1
        running -= 1
        return who

    llm, _ = script(calls(*(call("alone", who=n) for n in "abc")))

    async def ask():
        return await llm.async_chat_oai("x", tools=[alone], max_calls=3, execute_tool=True)

    assert asyncio.run(ask())[0].values == ["a", "b", "c"]


def test_cancelling_cancels_the_calls(script):
    ended = []
    started = asyncio.Event()

    async def endless(who: str) -> str:
        """Never ends by itself."""
        started.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(who)
        return who

    llm, _ = script(calls(call("endless", who="a"), call("endless", who="b")))

    async def ask():
        task = asyncio.ensure_future(
            llm.async_chat_oai("x", tools=[endless], parallel_tool_calls=True, execute_tool=True)
        )
        await asyncio.wait_for(started.wait(), 10)
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert sorted(ended) == ["a", "b"]


# -- which -----------------------------------------------------------------------------------


def test_none_is_a_plain_reply(script):
    llm, model = script("2, I think")
    [answer] = llm.chat_oai("1+1?", tools=[add], tool_choice="none", execute_tool=True)
    assert (answer.values, answer.tool_calls, answer.output) == ([], [], "2, I think")
    assert model.requests[0].constraint is None
    assert [m.role for m in model.requests[0].messages] == ["user"]
    [prompt] = llm.chat_oai("1+1?", tools=[add], tool_choice="none", only_return_prompt=True)
    assert "add" not in prompt.output


@pytest.mark.parametrize(
    "choice",
    [{"type": "function", "function": {"name": "add"}}, {"type": "function", "name": "add"}],
)
def test_openais_ways_to_name_a_tool(script, choice):
    llm, model = script('{"name":"add","arguments":{"a":1}}')
    llm.chat_oai("x", tools=[fail, add], tool_choice=choice)
    assert [spec.name for spec in model.requests[0].constraint.tools] == ["add"]
    assert not model.requests[0].constraint.allow_answer


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tool_choice": "subtract"}, "one of the tools: add"),
        ({"tool_choice": {"type": "function"}}, "one of the tools: add"),
        ({"tool_choice": {"type": "function", "function": {"name": "auto"}}}, "tools: add"),
        ({"tool_choice": 3}, "one of the tools: add"),
        ({"max_calls": 0}, "1 to 128"),
        ({"max_calls": 2.5}, "1 to 128"),
        ({"max_calls": True}, "1 to 128"),
        ({"reasoning": "deep"}, "a Reasoning"),
    ],
)
def test_options_that_cannot_be_are_refused(script, options, problem):
    llm, _ = script()
    with pytest.raises(InvalidParameter, match=problem):
        llm.chat_oai("x", tools=[add], **options)


def test_a_tool_that_a_provider_invents_is_asked_for_again(script):
    llm, model = script('{"name":"ad","arguments":{}}', '{"name":"add","arguments":{"a":1}}')
    assert llm.chat_oai("x", tools=[add, fail], execute_tool=True)[0].values == [2]
    correction = model.requests[1].messages[-1].content
    assert "$.name: one of add, fail (nearest: add), got 'ad'" in correction


# -- reasoning -------------------------------------------------------------------------------


def test_reasoning_before_a_call(script):
    llm, model = script('<think>1 and 1</think>\n{"name":"add","arguments":{"a":1}}')
    [answer] = llm.chat_oai("1+1?", tools=[add], execute_tool=True, reasoning=True)
    assert answer.values == [2]
    assert answer.metadata["reasoning"] == "1 and 1"
    assert model.requests[0].constraint.reasoning == Reasoning()
    assert "First think about what is asked between <think> and </think>" in (
        model.requests[0].messages[0].content
    )


def test_reasoning_that_is_left_out_is_asked_for(script):
    bare = '{"name":"add","arguments":{"a":1}}'
    llm, model = script(bare, f"<think></think>{bare}", bare)
    assert llm.chat_oai("x", tools=[add], execute_tool=True, reasoning=True)[0].values == [2]
    assert len(model.requests) == 2
    may = Reasoning(begin="<r>", end="</r>", required=False)
    [answer] = llm.chat_oai("x", tools=[add], execute_tool=True, reasoning=may)
    assert (answer.values, answer.metadata["reasoning"]) == ([2], "")
    assert "You may first think" in model.requests[2].messages[0].content


# -- on a real model -------------------------------------------------------------------------


@pytest.mark.model
def test_a_small_model_makes_several_calls_after_thinking(llm):
    [answer] = llm.chat_oai(
        "What is 1 plus 2? And 3 plus 4?",
        tools=[add],
        tool_choice="required",
        max_calls=2,
        execute_tool=True,
        reasoning=Reasoning(max_characters=60),
    )
    assert 1 <= len(answer.tool_calls) <= 2
    assert len(answer.values) == len(answer.tool_calls)
    assert len(answer.metadata["reasoning"]) <= 60
    assert {c.name for c in answer.tool_calls} == {"add"}
