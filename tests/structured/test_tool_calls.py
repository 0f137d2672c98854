"""Calls of tools as text: grammar, schema and reader agree on every form."""

import contextlib
import json
import pickle
import time

import jsonschema
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from structured import (
    CalledTool,
    JsonConstraint,
    LarkConstraint,
    Reasoning,
    ToolCallConstraint,
    ToolReply,
    ToolSpec,
    ValidationFailed,
    Vocabulary,
    constraint_from_json,
    read_tool_reply,
    sample,
    tool_call_schema,
)
from structured.engines.lark import to_lark
from structured.engines.llguidance_engine import LLGuidanceEngine

ENGINE = LLGuidanceEngine()
BYTES = Vocabulary.of_bytes()


def spec(name, **properties):
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return ToolSpec(name=name, parameters_text=json.dumps(schema))


WEATHER = spec("get_weather", city={"type": "string"})
ADD = spec("add", a={"type": "integer"}, b={"type": "integer"})
TOOLS = (WEATHER, ADD)
ROME = '{"name": "get_weather", "arguments": {"city": "Rome"}}'
SUM = '{"name": "add", "arguments": {"a": 1, "b": 2}}'
NO = '{"answer": "no"}'


def tools(**options):
    return ToolCallConstraint(tools=TOOLS, **options)


def takes(constraint, text):
    matcher = ENGINE.compile(constraint, BYTES).matcher()
    data = list(text.encode())
    return matcher.accept(data) == len(data) and matcher.accepting


def refused(text, constraint):
    with pytest.raises(ValidationFailed) as caught:
        read_tool_reply(text, constraint)
    assert caught.value.text == text
    return [(v.path, v.kind) for v in caught.value.violations], str(caught.value)


# -- how many --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "taken", "not_taken"),
    [
        ({}, [ROME, SUM, NO], [f"[{ROME}]", "[]", f"{ROME}{SUM}", ""]),
        ({"allow_answer": False}, [ROME, SUM], [NO]),
        ({"max_calls": 0}, [NO], [ROME, "[]"]),
        (
            {"max_calls": 3},
            [f"[{ROME}]", f"[{ROME}, {SUM}]", f"[{SUM}, {SUM}, {SUM}]", NO],
            [
                ROME,
                "[]",
                f"[{NO}]",
                f"[{SUM}, {SUM}, {SUM}, {SUM}]",
                f"[{ROME},]",
                f"[{ROME}{SUM}]",
            ],
        ),
        (
            {"min_calls": 2, "max_calls": 2, "allow_answer": False},
            [f"[{ROME}, {SUM}]"],
            [f"[{ROME}]", f"[{SUM}, {SUM}, {SUM}]", NO],
        ),
    ],
)
def test_as_many_calls_as_are_allowed(options, taken, not_taken):
    constraint = tools(**options)
    for text in taken:
        assert takes(constraint, text), text
        assert read_tool_reply(text, constraint)
    for text in not_taken:
        assert not takes(constraint, text), text
    validator = jsonschema.Draft202012Validator(tool_call_schema(constraint))
    assert all(validator.is_valid(json.loads(text)) for text in taken)
    assert not any(validator.is_valid(json.loads(t)) for t in not_taken if _is_json(t))


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_one_tool_and_no_answer_is_a_forced_call():
    constraint = ToolCallConstraint(tools=(WEATHER,), allow_answer=False)
    forced = bytes(ENGINE.compile(constraint, BYTES).matcher().forced()).decode()
    assert forced == '{"name": "get_weather", "arguments": {"city": "'


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tools": ()}, "at least 1 item"),
        ({"tools": (ADD, ADD)}, "given twice: add"),
        ({"min_calls": 0}, "greater than or equal to 1"),
        ({"min_calls": 3, "max_calls": 2}, "min_calls 3 exceeds max_calls 2"),
        ({"max_calls": 1000}, "less than or equal to 128"),
        ({"max_calls": 0, "allow_answer": False}, "only an answer is left"),
        ({"reasoning": {"begin": "", "required": False}}, "needs a begin tag"),
        ({"reasoning": {"end": ""}}, "at least 1 character"),
        ({"reasoning": {"max_characters": 0}}, "greater than or equal to 1"),
    ],
)
def test_choices_that_contradict_each_other_are_refused(options, problem):
    with pytest.raises(pydantic.ValidationError, match=problem):
        ToolCallConstraint(**{"tools": TOOLS} | options)


@pytest.mark.parametrize(
    "constraint",
    [
        tools(max_calls=8, min_calls=2),
        tools(reasoning=Reasoning()),
        tools(reasoning=Reasoning(begin="", end="[/r]", max_characters=None)),
        tools(max_calls=0, reasoning=Reasoning(required=False)),
    ],
    ids=repr,
)
def test_a_constraint_survives_the_trip(constraint):
    again = constraint_from_json(constraint.model_dump_json())
    assert again == constraint == pickle.loads(pickle.dumps(constraint))
    assert hash(again) == hash(constraint)
    assert again != tools()


# -- reasoning -------------------------------------------------------------------------------


def test_required_reasoning_comes_first():
    constraint = tools(reasoning=Reasoning(max_characters=10))
    assert bytes(ENGINE.compile(constraint, BYTES).matcher().forced()) == b"<think>"
    for text in (
        f"<think>x</think>{ROME}",
        f"<think></think>\n\n{NO}",
        f"<think></thi<</think>{SUM}",
    ):
        assert takes(constraint, text), text
    for text in (ROME, f"<think>x{ROME}", f"<think>x</think>y</think>{ROME}", f" <think>{ROME}"):
        assert not takes(constraint, text), text
    reply = read_tool_reply(
        f"<think>\n Rome 罗马 \n</think>\n\n{ROME}", tools(reasoning=Reasoning())
    )
    assert reply.reasoning == "Rome 罗马"
    assert reply.calls == (CalledTool("get_weather", {"city": "Rome"}),)


def test_optional_reasoning_may_be_left_out():
    constraint = tools(reasoning=Reasoning(required=False), max_calls=2)
    for text in (f"[{ROME}]", f"<think>x</think>[{ROME}, {SUM}]", f"<think>x</think>{NO}"):
        assert takes(constraint, text), text
        read_tool_reply(text, constraint)


def test_the_bound_on_reasoning_is_in_characters_and_then_the_end_is_forced():
    constraint = tools(reasoning=Reasoning(max_characters=3))
    assert takes(constraint, f"<think>思考!</think>{ROME}")
    assert not takes(constraint, f"<think>思考!!</think>{ROME}")
    matcher = ENGINE.compile(constraint, BYTES).matcher()
    matcher.accept(list(b"<think>abc"))
    assert bytes(matcher.forced()) == b"</think>"
    assert refused(f"<think>abcd</think>{ROME}", constraint)[0] == [("$", "reasoning_too_long")]


def test_reasoning_that_the_prompt_has_begun():
    constraint = tools(reasoning=Reasoning(begin=""))
    assert takes(constraint, f"so …</think>\n{ROME}")
    assert not takes(constraint, ROME)
    assert read_tool_reply(f"so …</think>\n{ROME}", constraint).reasoning == "so …"
    assert refused(ROME, constraint)[0] == [("$", "reasoning_unfinished")]


@pytest.mark.parametrize("tag", ["</a/b>", "[/r]", "$^.*+?|(){}\\", '"', "\n\n", "结束", "</x y>"])
def test_tags_are_taken_literally(tag):
    constraint = tools(reasoning=Reasoning(begin=f"<{tag}", end=tag, max_characters=50))
    text = f"<{tag}well{tag}{ROME}"
    assert takes(constraint, text)
    assert not takes(constraint, f"<{tag}well{tag[:-1]}{ROME}")
    assert read_tool_reply(text, constraint).reasoning == "well"


def test_missing_reasoning_is_told():
    found, message = refused(ROME, tools(reasoning=Reasoning()))
    assert found == [("$", "reasoning_missing")]
    assert "<think>…</think> before anything else" in message


# -- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        ROME,
        f"  {ROME}\n",
        f"```json\n{ROME}\n```",
        f"[{ROME}]",
        f"<think>not asked for</think>{ROME}",
        '{"name": "get_weather", "arguments": "{\\"city\\":\\"Rome\\"}"}',
        f'{{"tool_calls":[{{"type":"function","function":{ROME}}}]}}',
        f'{{"function":{ROME}}}',
    ],
)
def test_other_spellings_of_a_call(text):
    [call] = read_tool_reply(text, tools()).calls
    assert (call.name, call.arguments) == ("get_weather", {"city": "Rome"})


def test_one_call_where_a_list_is_asked_for():
    assert len(read_tool_reply(ROME, tools(max_calls=4)).calls) == 1


def test_each_call_knows_where_it_stands():
    reply = read_tool_reply(f"[{ROME}, {SUM}]", tools(max_calls=4))
    assert [call.path for call in reply.calls] == ["$[0]", "$[1]"]
    reply = read_tool_reply(f'{{"tool_calls":[{{"function":{SUM}}}]}}', tools())
    assert [call.path for call in reply.calls] == ["$.tool_calls[0].function"]


def test_an_answer():
    assert read_tool_reply(NO, tools()) == ToolReply(answer="no")
    assert refused(NO, tools(allow_answer=False))[0] == [("$.name", "unknown_tool")]


def test_a_tool_that_does_not_exist_is_named_with_the_nearest():
    found, message = refused('{"name": "get_wether", "arguments": {}}', tools())
    assert found == [("$.name", "unknown_tool")]
    assert "one of get_weather, add (nearest: get_weather), got 'get_wether'" in message


def test_of_many_tools_only_some_are_listed():
    many = ToolCallConstraint(tools=tuple(spec(f"tool_{i}") for i in range(100)))
    _, message = refused('{"name": "tool_1000", "arguments": {}}', many)
    assert "tool_29 and 70 more (nearest: tool_100" not in message
    assert "tool_29 and 70 more (nearest: tool_" in message


@pytest.mark.parametrize(
    ("text", "options", "found"),
    [
        ("", {}, [("$", "json_invalid")]),
        ("I would call add.", {}, [("$", "json_invalid")]),
        ("[" * 100_000, {}, [("$", "json_invalid")]),
        ("7", {}, [("$", "object_type")]),
        ("[]", {}, [("$", "call_count")]),
        (f"[{ROME}, {SUM}]", {}, [("$", "call_count")]),
        (f"[{ROME}, {SUM}]", {"min_calls": 3, "max_calls": 4}, [("$", "call_count")]),
        (ROME, {"max_calls": 0}, [("$", "call_count")]),
        ("<think>for ever", {"reasoning": Reasoning()}, [("$", "reasoning_unfinished")]),
        ('{"name": "add"}', {}, [("$.arguments", "object_type")]),
        ('{"name": "add", "arguments": "{"}', {}, [("$.arguments", "object_type")]),
        ('{"name": ["add"], "arguments": {}}', {}, [("$.name", "unknown_tool")]),
        ('{"tool_calls": {}}', {}, [("$.tool_calls", "list_type")]),
        (
            f'[{ROME},{{"name":"x","arguments":{{}}}},3]',
            {"max_calls": 4},
            [("$[1].name", "unknown_tool"), ("$[2]", "object_type")],
        ),
    ],
)
def test_what_is_no_reply_is_refused_with_its_place(text, options, found):
    assert refused(text, tools(**options))[0] == found


@given(st.text(max_size=200))
def test_any_text_reads_or_fails_with_our_error(text):
    for constraint in (tools(), tools(max_calls=3, reasoning=Reasoning(required=False))):
        with contextlib.suppress(ValidationFailed):
            assert isinstance(read_tool_reply(text, constraint), ToolReply)


@given(st.integers(0, 10_000), st.integers(0, 3), st.booleans(), st.booleans())
def test_whatever_the_grammar_lets_through_reads(seed, calls, allow_answer, thinks):
    constraint = tools(
        max_calls=calls,
        allow_answer=allow_answer or not calls,
        reasoning=Reasoning(required=seed % 2 == 0, max_characters=40) if thinks else None,
    )
    text = sample(constraint, seed, max_bytes=20_000)
    reply = read_tool_reply(text, constraint)
    assert len(reply.calls) <= calls
    assert bool(reply.calls) != bool(reply.answer)


# -- schemas and grammars --------------------------------------------------------------------


def test_references_of_each_tool_stay_its_own():
    def tree(leaf):
        return ToolSpec(
            name=f"tree_{leaf}",
            parameters_text=json.dumps(
                {
                    "type": "object",
                    "properties": {"leaf": {"$ref": "#/$defs/Leaf"}, "child": {"$ref": "#"}},
                    "required": ["leaf"],
                    "additionalProperties": False,
                    "$defs": {"Leaf": {"type": leaf}},
                }
            ),
        )

    constraint = ToolCallConstraint(tools=(tree("integer"), tree("boolean")))
    as_schema = JsonConstraint(schema_text=json.dumps(tool_call_schema(constraint)))
    good = '{"name": "tree_integer", "arguments": {"leaf": 1, "child": {"leaf": 2}}}'
    bad = '{"name": "tree_boolean", "arguments": {"leaf": true, "child": {"leaf": 2}}}'
    for one in (constraint, as_schema):
        assert takes(one, good)
        assert not takes(one, bad)


def test_the_grammar_is_a_plain_constraint():
    """What is sent to a server that knows nothing of tools says the same."""
    constraint = tools(max_calls=2, reasoning=Reasoning(required=False))
    plain = LarkConstraint(grammar=to_lark(constraint).text)
    for text in (f"[{ROME}, {SUM}]", f"<think>hm</think>{NO}"):
        assert takes(plain, text)
    assert not takes(plain, SUM)


def test_a_hundred_tools_compile_quickly():
    """Within a bound that only a different order of growth would break."""
    many = tuple(
        spec(
            f"tool_{i}",
            a={"enum": [f"x{i}", "y"]},
            b={"type": "array", "items": {"type": "number"}},
        )
        for i in range(100)
    )
    constraint = ToolCallConstraint(tools=many, max_calls=4)
    started = time.perf_counter()
    assert takes(constraint, '[{"name": "tool_99", "arguments": {"a": "x99", "b": [1.5]}}]')
    assert time.perf_counter() - started < 2
    assert not takes(constraint, '[{"name": "tool_99", "arguments": {"a": "x98", "b": [1.5]}}]')
