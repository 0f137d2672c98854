"""Types ⇄ schemas ⇄ grammars ⇄ values, for types and functions that hypothesis makes up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from structured import (
    ConstraintError,
    JsonConstraint,
    OutputSchema,
    ToolCallConstraint,
    ToolSchema,
    ToolSpec,
    ValidationFailed,
    sample,
)

from .strategies import CASES, ENGINE, Call, Case, calls, refused_at

SEEDS = st.integers(0, 2**32)

SLOW_TO_MAKE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def drawn(constraint: Any, seed: int) -> str:
    """A text of the constraint; types without an end in sight are left out."""
    try:
        return sample(constraint, seed, engine=ENGINE)
    except ConstraintError as error:
        assume("no text of at most" not in error.message)
        raise


def outcome(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except ValidationFailed as failed:
        return failed


@settings(max_examples=150, suppress_health_check=SLOW_TO_MAKE)
@given(CASES, SEEDS)
def test_what_the_grammar_lets_through_validates(case: Case, seed: int):
    schema = OutputSchema.of(case.type)
    text = drawn(schema.constraint, seed)
    value = outcome(lambda: schema.validate_json(text))
    if isinstance(value, ValidationFailed):
        left = ENGINE.check(schema.constraint)
        assert left, f"{value}\nbut the grammar of {schema.json_schema} leaves nothing out"
    elif "inf" not in repr(value):  # 1e999: JSON has no infinite number to write it as
        assert schema.validate_json(schema.dump_json(value)) == value


@settings(max_examples=150, suppress_health_check=SLOW_TO_MAKE)
@given(CASES, st.data())
def test_what_is_written_is_let_through_and_read_back(case: Case, data: st.DataObject):
    schema = OutputSchema.of(case.type)
    value = data.draw(case.values)
    text = schema.dump_json(value)
    assert refused_at(schema.constraint, text) == "", text
    assert schema.validate_json(text) == value


@settings(max_examples=50, suppress_health_check=SLOW_TO_MAKE)
@given(calls(), SEEDS)
def test_a_call_that_the_grammar_lets_through_can_be_made(call: Call, seed: int):
    tool = ToolSchema.of(call.function)
    parameters = json.dumps(tool.parameters)
    spec = ToolSpec(name="工具", parameters_text=parameters)
    text = drawn(ToolCallConstraint(tools=(spec,), allow_answer=False), seed)
    written = text.removeprefix('{"name": "工具", "arguments": ').removesuffix("}")
    assert refused_at(JsonConstraint(schema_text=parameters), written) == ""
    arguments = json.loads(written)
    assume("inf" not in repr(arguments))
    returned = outcome(lambda: tool.call(written))
    if isinstance(returned, ValidationFailed):
        left = ENGINE.check(JsonConstraint(schema_text=parameters))
        assert left or returned.violations[0].kind == "taken_name", returned
    else:
        assert returned == called_directly(call, arguments)


def called_directly(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the function returns for the arguments, each coerced on its own."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter in call.signature.parameters.items():
        if name not in arguments:
            if parameter.kind < parameter.VAR_POSITIONAL:
                args.append(parameter.default)  # what comes after it may be given
            continue
        value = OutputSchema.of(call.types[name]).validate_json(json.dumps(arguments[name]))
        if parameter.kind == parameter.VAR_POSITIONAL:
            args += value
        elif parameter.kind == parameter.VAR_KEYWORD:
            kwargs |= value
        elif parameter.kind == parameter.KEYWORD_ONLY:
            kwargs[name] = value
        else:
            args.append(value)
    return call.function(*args, **kwargs)
