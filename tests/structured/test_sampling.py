"""Random texts of a constraint."""

import json
import re

import pytest
from pydantic import BaseModel

from structured import (
    ChoiceConstraint,
    ConstraintError,
    JsonConstraint,
    LarkConstraint,
    OutputSchema,
    RegexConstraint,
    sample,
)
from structured.engines.llguidance_engine import LLGuidanceEngine


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


def test_the_same_seed_gives_the_same_text_and_another_one_another():
    constraint = OutputSchema.of(Tree).constraint
    texts = [sample(constraint, seed) for seed in range(20)]
    assert texts == [sample(constraint, seed) for seed in range(20)]
    assert len(set(texts)) > 15
    assert sample(constraint, 3, engine=LLGuidanceEngine()) == texts[3]


def test_every_choice_is_drawn_sooner_or_later():
    options = ("red", "green", "blue", "")
    drawn = {sample(ChoiceConstraint(options=options), seed) for seed in range(200)}
    assert drawn == set(options)


def test_texts_meet_their_constraint():
    pattern = r"[a-c]{2}(?:-\d+)?/é"
    for seed in range(30):
        assert re.fullmatch(pattern, sample(RegexConstraint(pattern=pattern), seed))
        assert sample(LarkConstraint(grammar='start: "a" b\nb: "b" | "c" b'), seed).startswith("a")
        OutputSchema.of(Tree).validate_json(sample(OutputSchema.of(Tree).constraint, seed))


def test_texts_are_of_different_lengths_and_end():
    lengths = {len(sample(OutputSchema.of(list[int]).constraint, seed)) for seed in range(60)}
    assert len(lengths) > 8
    assert max(lengths) < 500


def test_a_text_is_never_longer_than_allowed():
    constraint = JsonConstraint(schema_text=json.dumps({"type": "string", "minLength": 50}))
    assert len(sample(constraint, 1, max_bytes=1000).encode()) <= 1000
    with pytest.raises(ConstraintError, match="at most 20 bytes") as caught:
        sample(constraint, 1, max_bytes=20)
    assert caught.value.hint == "raise max_bytes"


def test_a_constraint_without_a_grammar_is_refused():
    with pytest.raises(ConstraintError):
        sample(RegexConstraint(pattern="(?=a)"), 0)
