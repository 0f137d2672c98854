"""``chat_oai``: text, calls of tools, values; the paths that a script must take."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from byzer_agents import ByzerLLM, LLMHistoryItem, Template, Templates, ToolFailed, tool
from byzer_agents.testing import ScriptedModel
from runtime import ChatReply, Timing, Usage
from runtime.local import LocalHost


class Person(BaseModel):
    name: str
    age: int


def add(a: int, b: int = 1) -> int:
    """The sum of two numbers."""
    return a + b


def fail(text: str) -> str:
    """Always fails."""
    raise ZeroDivisionError(text)


async def later(a: int) -> int:
    """The next number."""
    await asyncio.sleep(0)
    return a + 1


def call(name, **arguments):
    return json.dumps({"name": name, "arguments": arguments})


@pytest.fixture
def script():
    """Makes a client whose only model gives these replies; all must be asked for."""
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


# -- tools -----------------------------------------------------------------------------------


def test_a_tool_is_called(script):
    llm, model = script(call("add", a=2, b=3))
    [answer] = llm.chat_oai("2 and 3?", tools=[add], execute_tool=True)
    assert answer.values == [5]
    assert answer.tool_calls[0].name == "add"
    assert json.loads(answer.response.output) == {
        "type": "function",
        "tool_calls": [{"function": {"name": "add", "arguments": {"a": 2, "b": 3}}}],
    }
    told = model.requests[0].messages[0]
    assert told.role == "system"
    assert "add: The sum of two numbers." in told.content


def test_arguments_are_coerced_and_defaults_applied(script):
    llm, _ = script(call("add", a="2"))
    assert llm.chat_oai("2?", tools=[add], execute_tool=True)[0].values == [3]


def test_nothing_is_called_unless_asked(script):
    llm, _ = script(call("fail", text="x"))
    [answer] = llm.chat_oai("x", tools=[fail])
    assert answer.values == []
    assert answer.tool_calls[0].arguments == {"text": "x"}


def test_no_tool_fits(script):
    llm, _ = script('{"answer": "I do not eat."}')
    [answer] = llm.chat_oai("你吃饭了么？", tools=[add], execute_tool=True)
    assert (answer.values, answer.response.output) == ([], "I do not eat.")


def test_a_choice_leaves_no_answer(script):
    llm, model = script('{"answer": "no"}', call("later", a=1), call("add", a=1))
    [answer] = llm.chat_oai("x", tools=[add, later], tool_choice=add, execute_tool=True)
    assert answer.values == [2]
    assert answer.metadata["attempts"] == 3
    constraint = model.requests[0].constraint
    assert not constraint.allow_answer
    assert [spec.name for spec in constraint.tools] == ["add"]


@pytest.mark.parametrize(
    "choice", ["required", "add", {"type": "function", "function": {"name": "add"}}]
)
def test_other_ways_to_choose(script, choice):
    llm, model = script(call("add", a=1))
    assert llm.chat_oai("x", tools=[add], tool_choice=choice, execute_tool=True)[0].values == [2]
    assert not model.requests[0].constraint.allow_answer


def test_a_choice_without_tools_is_the_tool(script):
    llm, _ = script(call("add", a=1))
    assert llm.chat_oai("x", tool_choice=add, execute_tool=True)[0].values == [2]


def test_an_invented_tool_is_asked_for_again(script):
    llm, model = script(call("subtract", a=1), call("add", a=1))
    assert llm.chat_oai("x", tools=[add], execute_tool=True)[0].values == [2]
    correction = model.requests[1].messages[-1].content
    assert "$.name: one of add, got 'subtract'" in correction


def test_bad_arguments_are_asked_for_again(script):
    llm, model = script(call("add", a="two"), call("add", a=2, c=1), call("add", a=2))
    assert llm.chat_oai("x", tools=[add], execute_tool=True)[0].values == [3]
    assert "$.arguments.a: " in model.requests[1].messages[-1].content
    assert "$.arguments.c: " in model.requests[2].messages[-1].content


def test_giving_up_says_why(script):
    llm, _ = script("{}", "{}", "{}")
    [answer] = llm.chat_oai("x", tools=[add], execute_tool=True)
    assert answer.values == []
    assert "after 3 attempts" in answer.metadata["reason"]
    assert answer.metadata["resason"] == answer.metadata["reason"]


def test_a_failing_tool_is_reported(script):
    llm, _ = script(call("fail", text="why"))
    [answer] = llm.chat_oai("x", tools=[fail], execute_tool=True)
    error = answer.metadata["error"]
    assert answer.values == []
    assert isinstance(error, ToolFailed)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert "ZeroDivisionError: why" in answer.metadata["reason"]


def test_arguments_of_the_program(script):
    llm, model = script(call("add", a=2))
    [answer] = llm.chat_oai("x", tools=[add], execute_tool=True, func_params={"b": 40, "z": 1})
    assert answer.values == [42]
    assert (
        "b" not in json.loads(model.requests[0].constraint.tools[0].parameters_text)["properties"]
    )


def test_async_tools(script):
    llm, _ = script(call("later", a=1), call("later", a=2))
    assert llm.chat_oai("x", tools=[later], execute_tool=True)[0].values == [2]

    async def twin():
        return await llm.async_chat_oai("x", tools=[later], execute_tool=True)

    assert asyncio.run(twin())[0].values == [3]


def test_decorated_tools_and_methods(script):
    class Counter:
        def __init__(self):
            self.total = 0

        @tool
        def count(self, by: int) -> int:
            """Count further."""
            self.total += by
            return self.total

    counter = Counter()
    llm, model = script(call("count", by=3), call("plus", a=1))
    assert llm.chat_oai("x", tools=[counter.count], execute_tool=True)[0].values == [3]
    assert counter.total == 3
    renamed = tool(name="plus")(add)
    assert llm.chat_oai("x", tools=[renamed], execute_tool=True)[0].values == [2]
    assert model.requests[1].constraint.tools[0].name == "plus"


# -- values ----------------------------------------------------------------------------------


def test_a_value(script):
    llm, model = script('{"name":"Bob","age":42}')
    [answer] = llm.chat_oai("Bob is 42", response_class=Person)
    assert answer.value == Person(name="Bob", age=42)
    assert answer.metadata["finish_reason"] == "stop"
    assert json.loads(model.requests[0].constraint.schema_text)["required"] == ["name", "age"]


@pytest.mark.parametrize("as_text", [False, True])
def test_a_json_schema_as_response_class(script, as_text):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "multipleOf": 5}}}
    llm, _ = script('{"n": 7}', '{"n": 10}')
    [answer] = llm.chat_oai("x", response_class=json.dumps(schema) if as_text else schema)
    assert answer.value == {"n": 10}


def test_no_value_says_why(script):
    llm, _ = script("{}", "{}", '{"name":1}')
    [answer] = llm.chat_oai("x", response_class=Person)
    assert answer.value is None
    assert "$.age" in answer.metadata["reason"]
    assert answer.response.output == '{"name":1}'


def test_after_chat(script):
    llm, model = script("Bob, who is 42.", '{"name":"Bob","age":42}')
    [answer] = llm.chat_oai("Who?", response_class=Person, response_after_chat=True)
    assert answer.value == Person(name="Bob", age=42)
    first, second = model.requests
    assert first.constraint is None
    assert first.messages[-1].content == "Who?"
    assert second.messages[-1].content == "Bob, who is 42."


def test_after_chat_with_a_format_of_ones_own(script):
    llm, model = script("Bob, 42.", '{"name":"Bob","age":42}')
    llm.setup_response_class_format_after_chat_func("scripted", lambda cls: f"As {cls.__name__}!")
    llm.chat_oai("Who?", response_class=Person, response_after_chat=True)
    assert [m.content for m in model.requests[1].messages] == ["Who?", "Bob, 42.", "As Person!"]


def test_formats_of_a_template(script):
    template = Template(
        {"user_role": "U:", "assistant_role": "A:", "system_msg": ""},
        response_class_format_func=lambda prompt, cls: f"{prompt} ({cls.__name__})",
    )
    llm, model = script('{"name":"Bob","age":42}')
    llm.setup_template("scripted", template)
    llm.chat_oai("Who?", response_class=Person)
    assert model.requests[0].prompt == "U:Who? (Person)\nA:"


class _Cutting(ScriptedModel):
    """Ends its first replies for lack of tokens."""

    def __init__(self, *replies, cut=1):
        super().__init__(*replies)
        self.cut = cut

    def generate(self, request):
        reply = super().generate(request)
        self.cut -= 1
        finish = "length" if self.cut >= 0 else "stop"
        return ChatReply(reply.text, finish, Usage(1, 9), Timing(), self.name, reply.request_id)


def _client(model):
    llm = ByzerLLM(host=LocalHost())
    llm.register(model)
    return llm


def test_a_reply_cut_in_its_last_text_is_taken_as_far_as_it_came():
    llm = _client(_Cutting('{"age": 4, "name": "Bob and then'))
    [answer] = llm.chat_oai("x", response_class=Person)
    assert answer.value == Person(name="Bob and then", age=4)
    assert "cut after 9 tokens" in answer.metadata["reason"]
    assert answer.metadata["finish_reason"] == "length"


@pytest.mark.parametrize("text", ['{"name": "Bob", "age": 4', '{"name": "Bob', "", '{"na'])
def test_a_reply_cut_elsewhere_is_no_value(text):
    [answer] = _client(_Cutting(text)).chat_oai("x", response_class=Person)
    assert answer.value is None
    assert "raise max_length" in answer.metadata["reason"]


def test_a_reply_cut_in_a_loop_is_asked_for_again_with_a_penalty():
    model = _Cutting('{"name": "' + "ha " * 99, '{"name":"Bob","age":42}')
    [answer] = _client(model).chat_oai("x", response_class=Person)
    assert answer.value == Person(name="Bob", age=42)
    assert [r.params.repetition_penalty for r in model.requests] == [1.0, 1.3]
    assert model.requests[0].messages == model.requests[1].messages


def test_a_cut_answer_is_an_answer():
    [answer] = _client(_Cutting('{"answer": "I thi')).chat_oai("x", tools=[add])
    assert answer.response.output == "I thi"
    assert answer.metadata["finish_reason"] == "length"


# -- text ------------------------------------------------------------------------------------


def test_text(script):
    llm, model = script("Hello!")
    [answer] = llm.chat_oai([LLMHistoryItem("user", "hi")])
    assert answer.output == "Hello!"
    assert answer.input == "hi"
    assert {"request_id", "input_tokens_count", "generated_tokens_count", "time_cost"} <= set(
        answer.metadata
    )
    assert model.requests[0].params.max_output_tokens == 1024


def test_base_system_messages(script):
    llm, model = script("Hello!", "Hello!")
    llm.setup_base_system_messages("scripted", ["Be brief."])
    llm.chat_oai("hi")
    list(llm.stream_chat_oai("hi"))
    for request in model.requests:
        assert [m.content for m in request.messages] == ["Be brief.", "hi"]


def test_role_mapping_of_a_call(script):
    llm, model = script("Hello!", "Hello!")
    llm.chat_oai("hi", role_mapping={"user_role": "U:", "assistant_role": "A:"})
    llm.chat_oai("hi")
    assert model.requests[0].prompt == "U:hi\nA:"
    assert model.requests[1].prompt is None


def test_clean_func(script):
    llm, _ = script("Hello!<|im_end|>noise", "Hello!<|im_end|>noise")
    llm.setup_template("scripted", Templates.qwen())
    assert llm.chat_oai("hi")[0].output == "Hello!"
    assert [str(item) for item in llm.stream_chat_oai("hi")][-1] == "Hello!"


def test_parameters_of_model_and_call(script):
    llm, model = script("a", "b", "c")
    llm.setup_extra_generation_params("scripted", {"gen.top_k": 5, "temperature": "0.5"})
    llm.setup_extra_generation_params("scripted", {"generation.seed": 1})
    llm.setup_max_output_length("scripted", 77)
    llm.chat_oai("hi")
    llm.chat_oai("hi", llm_config={"gen.temperature": 0.9, "gen.request_id": "mine"})
    llm.chat_oai("hi")
    first, second, third = (request.params for request in model.requests)
    assert (first.top_k, first.temperature, first.seed) == (5, 0.5, 1)
    assert first.max_output_tokens == 77
    assert (second.top_k, second.temperature) == (5, 0.9)
    assert third == first  # the call's settings did not stay
    assert model.requests[1].request_id == "mine"


def test_replies_from_elsewhere(script):
    llm, _ = script("x", "y")
    response = llm.chat_oai("hi")[0]
    response.output = json.dumps(
        {
            "tool_calls": [
                {"function": {"name": "add", "arguments": '{"a": 1}'}},
                {"function": {"name": "add", "arguments": {"a": 2}}},
            ]
        }
    )
    outcome = llm.execute_function_calling(response, [add])
    assert outcome.values == [2, 3]
    response.output = '{"name":"Bob","age":42}'
    assert llm.execute_response_format(response, Person).value == Person(name="Bob", age=42)
    response.output = "nothing"
    assert llm.execute_response_format(response, Person).value is None
    assert llm.execute_function_calling(response, [add]).metadata["reason"]
    assert llm.chat_oai("hi")[0].output == "y"
