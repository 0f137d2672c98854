"""Constraints are data: frozen, comparable, and the same on the other side of a process border."""

import pickle

import pydantic
import pytest

from structured import (
    ChoiceConstraint,
    Constraint,
    JsonConstraint,
    LarkConstraint,
    OutputSchema,
    RegexConstraint,
    ToolCallConstraint,
    ToolSpec,
    constraint_from_json,
)

TOOL = ToolSpec(name="搜索", parameters_text='{"type":"object"}')
OTHER_TOOL = ToolSpec(name="other", parameters_text='{"type":"object"}')
ALL = [
    JsonConstraint(schema_text='{"type": "string"}'),
    JsonConstraint(schema_text='{"type": "number"}'),
    RegexConstraint(pattern=r"a/\d+\n é"),
    ChoiceConstraint(options=("yes", "no", "", '"')),
    ChoiceConstraint(options=("no", "yes")),
    LarkConstraint(grammar='start: "a" | /b\\/c/'),
    ToolCallConstraint(tools=(TOOL,)),
    ToolCallConstraint(tools=(TOOL,), allow_answer=False),
    ToolCallConstraint(tools=(TOOL, OTHER_TOOL)),
    ToolCallConstraint(tools=(OTHER_TOOL, TOOL)),
]


@pytest.mark.parametrize("constraint", ALL, ids=repr)
def test_a_constraint_survives_the_trip(constraint: Constraint):
    for again in (
        constraint_from_json(constraint.model_dump_json()),
        constraint_from_json(constraint.model_dump_json().encode()),
        pickle.loads(pickle.dumps(constraint)),
    ):
        assert again == constraint
        assert type(again) is type(constraint)
        assert hash(again) == hash(constraint)


def test_different_constraints_differ():
    assert len(set(ALL)) == len(ALL)
    assert all((a == b) == (i == j) for i, a in enumerate(ALL) for j, b in enumerate(ALL))


def test_equal_types_have_equal_constraints():
    assert OutputSchema.of(list[int]).constraint == OutputSchema.of(list[int]).constraint
    assert OutputSchema.of(list[int]).constraint != OutputSchema.of(list[str]).constraint


def test_looking_at_the_schema_changes_nothing():
    looked_at = JsonConstraint(schema_text='{"type": "string"}')
    assert looked_at.json_schema == {"type": "string"}
    assert looked_at == ALL[0]
    assert hash(looked_at) == hash(ALL[0])
    assert constraint_from_json(looked_at.model_dump_json()) == ALL[0]


@pytest.mark.parametrize("constraint", ALL, ids=repr)
def test_a_constraint_cannot_be_changed(constraint: Constraint):
    with pytest.raises(pydantic.ValidationError):
        constraint.type = "other"  # type: ignore[assignment]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"type":"yaml"}',
        '{"type":"json"}',
        '{"type":"json","schema_text":{}}',
        '{"type":"regex","pattern":"a","flags":"i"}',
        '{"type":"choice","options":[]}',
        '{"type":"choice","options":[1]}',
        '{"type":"tool_call","tools":[]}',
        '{"type":"tool_call","tools":[{"name":"a"}]}',
    ],
)
def test_what_is_no_constraint_is_refused(text: str):
    with pytest.raises(pydantic.ValidationError):
        constraint_from_json(text)


def test_tools_of_one_name_are_refused():
    with pytest.raises(pydantic.ValidationError, match="given twice: 搜索"):
        ToolCallConstraint(tools=(TOOL, OTHER_TOOL, TOOL))
