"""Grammar and validator read the same schema: what one lets through, so must the other."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from structured import ConstraintError, JsonConstraint, Vocabulary, sample
from structured.engines.llguidance_engine import LLGuidanceEngine
from structured.validation import schema_validator
from tests.structured.schema_strategies import a_change, a_schema, a_value

BYTES = Vocabulary.of_bytes()
ENGINE = LLGuidanceEngine()


def constraint_of(schema: Any) -> JsonConstraint:
    return JsonConstraint(schema_text=json.dumps(schema), key_order="any")


def written(schema: Any, value: Any) -> bool:
    """Whether the grammar lets the value's compact text through."""
    data = json.dumps(value, ensure_ascii=False).encode()
    matcher = ENGINE.compile(constraint_of(schema), BYTES).matcher()
    return matcher.accept(list(data)) == len(data) and matcher.accepting


def whole_numbers_without_fractions(value: Any) -> Any:
    """``4`` for ``4.0``: a grammar knows one spelling of a number."""
    if isinstance(value, dict):
        return {key: whole_numbers_without_fractions(child) for key, child in value.items()}
    if isinstance(value, list):
        return [whole_numbers_without_fractions(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def what_is_valid_can_be_written(random: Random) -> None:
    schema = a_schema(random)
    check = schema_validator(schema)
    for _ in range(8):
        value = a_value(random)
        for candidate in (value, a_change(random, value)):
            candidate = whole_numbers_without_fractions(candidate)
            if not check(candidate):
                assert written(schema, candidate), (schema, candidate)


def what_can_be_written_is_valid_where_the_grammar_says_so(random: Random) -> None:
    schema = a_schema(random)
    check, constraint = schema_validator(schema), constraint_of(schema)
    try:
        exact = ENGINE.audit(constraint).exact
        texts = [sample(constraint, seed, max_bytes=300, engine=ENGINE) for seed in range(4)]
    except ConstraintError:
        return
    if exact:
        for text in texts:
            found = check(json.loads(text))
            # A number may have any exponent in JSON, and be infinite as a float.
            assert all(v.kind == "finite_number" for v in found), (schema, text, found)


RANDOMS = st.randoms(use_true_random=False)


@hypothesis.given(RANDOMS)
@hypothesis.settings(max_examples=150)
def test_what_is_valid_can_be_written(random: Random):
    what_is_valid_can_be_written(random)


@hypothesis.given(RANDOMS)
@hypothesis.settings(max_examples=150)
def test_what_can_be_written_is_valid_where_the_grammar_says_so(random: Random):
    what_can_be_written_is_valid_where_the_grammar_says_so(random)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_schemas(block: int):
    for seed in range(block * 200, (block + 1) * 200):
        what_is_valid_can_be_written(Random(seed))
        what_can_be_written_is_valid_where_the_grammar_says_so(Random(seed))
