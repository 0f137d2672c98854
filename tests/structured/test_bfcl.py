"""BFCL's 2,501 single-turn answers under our tool-call grammar."""

import json

import jsonschema
import pytest

from structured import (
    ToolCallConstraint,
    Vocabulary,
    constraint_from_json,
    read_tool_reply,
    tool_call_schema,
)
from structured.engines.llguidance_engine import LLGuidanceEngine
from tests.benchmarks import bfcl_cases as bfcl

if not bfcl.installed():
    pytest.skip("needs BFCL's cases: pip install --no-deps bfcl-eval", allow_module_level=True)

BYTES = Vocabulary.of_bytes()
ENGINE = LLGuidanceEngine()
CASES = [case for category in bfcl.WITH_ANSWERS for case in bfcl.cases(category)]
MOST_REPLIES = 8
"""Of each case: the first alternatives, then others."""

BREAK_THEIR_OWN_SCHEMA = {
    # A required argument is missing.
    "simple_python_200",
    "live_simple_106-63-0",
    "live_simple_112-68-0",
    "live_multiple_144-56-0",
    "live_multiple_507-149-4",
    "live_multiple_834-178-9",
    "live_multiple_964-207-0",
    # An argument that the function does not have.
    "parallel_multiple_26",
    "live_multiple_189-83-0",
    "live_multiple_862-181-3",
    # Text for a list or a number.
    "parallel_multiple_21",
    "parallel_multiple_94",
    "live_multiple_947-197-0",
    # true or 2 where the enum has "True" or "2".
    "live_multiple_552-153-1",
    "live_multiple_595-158-1",
    "live_multiple_596-158-2",
    "live_multiple_731-167-2",
    "live_multiple_733-167-4",
    "live_multiple_735-167-6",
    # A value that is not in the enum.
    "live_multiple_87-38-4",
    "live_multiple_750-169-5",
    "live_multiple_756-169-11",
    "live_multiple_835-178-10",
    "live_multiple_871-182-8",
    "live_parallel_multiple_2-2-0",
}
"""Cases whose first answer is not valid under the schema that they offer, which jsonschema says
too: no grammar of that schema can let it through."""


def constraint_of(case):
    several = "parallel" in case.category
    return ToolCallConstraint(tools=bfcl.specs(case), max_calls=8 if several else 1)


def written(case, calls):
    reply = calls if "parallel" in case.category else calls[0]
    return json.dumps(reply, ensure_ascii=False)


def takes(grammar, text):
    matcher = grammar.matcher()
    data = list(text.encode())
    return matcher.accept(data) == len(data) and matcher.accepting


def is_valid(case, calls):
    """Whether each call's arguments meet the schema, as jsonschema sees it."""
    schemas = {tool["name"]: tool["parameters"] for tool in bfcl.tools(case)}
    checker = jsonschema.Draft202012Validator
    return all(
        checker(schemas[call["name"]], format_checker=checker.FORMAT_CHECKER).is_valid(
            call["arguments"]
        )
        for call in calls
    )


def check(cases):
    """Every right answer is taken, unless it breaks its own schema; nothing else is."""
    for case in cases:
        constraint = constraint_of(case)
        grammar = ENGINE.compile(constraint, BYTES)
        assert not grammar.relaxed, case.id
        replies = list(bfcl.right_replies(case, MOST_REPLIES))
        for calls in replies:
            text = written(case, calls)
            assert takes(grammar, text) == is_valid(case, calls), (case.id, text)
            if takes(grammar, text):
                read = read_tool_reply(text, constraint).calls
                assert [{"name": c.name, "arguments": c.arguments} for c in read] == calls
        first = replies[0]
        assert is_valid(case, first) == (case.id not in BREAK_THEIR_OWN_SCHEMA), case.id
        check_refusals(case, grammar, first)


def check_refusals(case, grammar, calls):
    required = {tool["name"]: tool["parameters"].get("required", ()) for tool in bfcl.tools(case)}
    for i, call in enumerate(calls):
        wrong = [{**call, "name": name} for name in (call["name"] + "_x", call["name"][1:], "")]
        wrong += [
            {**call, "arguments": {k: v for k, v in call["arguments"].items() if k != name}}
            for name in required[call["name"]]
        ]
        for changed in wrong:
            text = written(case, [*calls[:i], changed, *calls[i + 1 :]])
            assert not takes(grammar, text), (case.id, text)


def test_there_are_2501_cases():
    assert len(CASES) == 2501
    assert {case.id for case in CASES} >= BREAK_THEIR_OWN_SCHEMA
    assert len(BREAK_THEIR_OWN_SCHEMA) == 25


def test_right_calls_are_taken_and_wrong_ones_are_not():
    check(CASES[::25])


@pytest.mark.slow
@pytest.mark.parametrize("category", bfcl.WITH_ANSWERS)
def test_every_right_call_is_taken_and_every_wrong_one_is_not(category):
    check(bfcl.cases(category))


def test_the_schema_of_a_constraint_says_the_same():
    for case in CASES[::50]:
        constraint = constraint_of(case)
        validator = jsonschema.Draft202012Validator(tool_call_schema(constraint))
        for calls in bfcl.right_replies(case, 2):
            text = written(case, calls)
            assert takes(ENGINE.compile(constraint, BYTES), text) == validator.is_valid(
                json.loads(text)
            )


def test_bfcl_judges_its_own_answers_right():
    """What is written for the model's reply is what BFCL's checker expects there."""
    python = [case for case in CASES[::10] if "java" not in case.category]
    wrong = {c.id for c in python if bfcl.judged(c, next(bfcl.right_replies(c, 1)))}
    assert wrong <= BREAK_THEIR_OWN_SCHEMA


def test_a_constraint_of_many_functions_crosses_as_json():
    case = max(CASES, key=lambda case: len(case.functions))
    constraint = constraint_of(case)
    assert len(constraint.tools) == 37
    assert constraint_from_json(constraint.model_dump_json()) == constraint
