"""From JSON Schema to a grammar: orders of keys, counts, what must be there together, budgets."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from structured import (
    ConstraintError,
    JsonConstraint,
    OutputSchema,
    ValidationFailed,
    Vocabulary,
)
from structured.engine import Matcher
from structured.engines.llguidance_engine import LLGuidanceEngine
from structured.grammar import Budget, lower
from structured.grammar.patterns import translated

ENGINE = LLGuidanceEngine()
BYTES = Vocabulary.of_bytes()


def start(schema: Any, key_order: str = "any") -> Matcher:
    constraint = JsonConstraint(schema_text=json.dumps(schema), key_order=key_order)  # type: ignore[arg-type]
    return ENGINE.compile(constraint, BYTES).matcher()


def takes(schema: Any, value: Any, key_order: str = "any") -> bool:
    text = value if isinstance(value, Raw) else json.dumps(value)
    matcher, data = start(schema, key_order), list(text.encode())
    return matcher.accept(data) == len(data) and matcher.accepting


def exact(schema: Any) -> bool:
    return ENGINE.audit(JsonConstraint(schema_text=json.dumps(schema), key_order="any")).exact


class Raw(str):
    """JSON as it stands, where a value would not say which spelling is meant."""


ABC = {
    "type": "object",
    "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}},
    "additionalProperties": False,
}
VALUES = {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("names", list(itertools.permutations("abc")))
def test_members_come_in_any_order_each_once(names: tuple[str, ...]):
    value = {name: VALUES[name] for name in names}
    assert takes({**ABC, "required": ["a", "c"]}, value)
    text = json.dumps(value)
    assert not takes(ABC, Raw(text[:-1] + f',"{names[0]}":{VALUES[names[0]]}}}'))
    assert takes(ABC, value, "schema") is (names == ("a", "b", "c"))


SUBSETS = [s for n in range(4) for s in itertools.combinations("abc", n)]


@pytest.mark.parametrize(
    ("rules", "meets"),
    [
        ({"required": ["b"]}, lambda s: "b" in s),
        ({"minProperties": 2}, lambda s: len(s) >= 2),
        ({"maxProperties": 1}, lambda s: len(s) <= 1),
        ({"required": ["c"], "maxProperties": 2}, lambda s: "c" in s and len(s) <= 2),
        ({"dependentRequired": {"a": ["c"]}}, lambda s: "a" not in s or "c" in s),
        ({"dependencies": {"a": ["b", "c"]}}, lambda s: "a" not in s or {"b", "c"} <= set(s)),
        (
            {"anyOf": [{"required": ["a"]}, {"required": ["b", "c"]}]},
            lambda s: "a" in s or len(s) > 1,
        ),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, lambda s: ("a" in s) != ("b" in s)),
        ({"not": {"required": ["b"]}}, lambda s: "b" not in s),
        ({"propertyNames": {"enum": ["a", "c"]}}, lambda s: "b" not in s),
        ({"allOf": [{"required": ["a"]}, {"required": ["b"]}]}, lambda s: {"a", "b"} <= set(s)),
    ],
)
def test_rules_about_which_members_are_there_are_the_grammars(rules: Any, meets: Any):
    schema = {**ABC, **rules}
    assert exact(schema)
    for names in SUBSETS:
        for order in itertools.permutations(names):
            assert takes(schema, {n: VALUES[n] for n in order}) is meets(names), order


@st.composite
def object_schemas(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=5))
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: {"enum": [0, "x"]} for name in names},
        "additionalProperties": draw(st.sampled_from([False, {"type": "null"}])),
    }
    some = st.lists(st.sampled_from("abcdef"), max_size=2, unique=True)
    if draw(st.booleans()):
        schema["required"] = draw(some)
    if draw(st.booleans()):
        schema["dependentRequired"] = {draw(st.sampled_from("abcdef")): draw(some)}
    for keyword in ("minProperties", "maxProperties"):
        if draw(st.booleans()):
            schema[keyword] = draw(st.integers(0, 4))
    for keyword in ("anyOf", "oneOf"):
        if draw(st.booleans()):
            schema[keyword] = [{"required": draw(some)} for _ in range(draw(st.integers(1, 3)))]
    return schema


LIKELY = frozenset(b'}"abcdef:0x,n')


@settings(max_examples=300)
@given(object_schemas(), st.data())
def test_no_comma_and_no_key_leads_to_a_dead_end(schema: dict[str, Any], data: st.DataObject):
    if lower(schema, key_order="any").impossible:
        with pytest.raises(ConstraintError, match="no text can meet"):
            start(schema)
        return
    matcher = start(schema)
    for _ in range(100):
        mask = int.from_bytes(matcher.mask(), "little")
        allowed = [token for token in range(256) if mask >> token & 1]
        if not allowed:
            assert matcher.accepting, "stuck"
            return
        likely = [token for token in allowed if token in LIKELY] or allowed
        assert matcher.accept([data.draw(st.sampled_from(likely))]) == 1


def test_of_two_branches_the_one_that_leaves_a_key_free_is_not_forgotten():
    schema = {"anyOf": [{"properties": {"x": {"type": "string"}}}, {"minProperties": 1}]}
    assert takes(schema, {"x": None})
    assert takes(schema, {"x": "text"})


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (  # the branch is told by one member
            {
                "type": "object",
                "properties": {"kind": {"enum": ["a", "b"]}},
                "required": ["kind"],
                "if": {"properties": {"kind": {"const": "a"}}},
                "then": {"properties": {"n": {"type": "integer"}}, "required": ["n"]},
                "else": {"properties": {"n": False}},
            },
            [{"kind": "a", "n": 1}, {"kind": "b"}],
            [{"kind": "a"}, {"kind": "b", "n": 1}],
        ),
        (
            {"allOf": [{"minimum": 3}, {"maximum": 5}], "type": "integer"},
            [3, 4, 5],
            [2, 6, 3.5],
        ),
        ({"type": ["integer", "string"], "not": {"type": "string"}}, [1], ["1"]),
        ({"enum": [1, 2, "a"], "not": {"const": 2}}, [1, "a"], [2]),
        ({"enum": ["ab", "b", 7], "pattern": "^a", "maximum": 6}, ["ab"], ["b", 7]),
        ({"prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 2}, [[1, 2, 2]], [[1]]),
        (
            {"patternProperties": {"^x": {"type": "null"}}, "additionalProperties": {"const": 1}},
            [{"x1": None, "y": 1}],
            [{"x1": 1}, {"y": None}],
        ),
        (
            {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
            [{"a": 1}, {}],
            [{"b": 1}],
        ),
        ({"type": "integer"}, [1, Raw("1.0"), -3], [1.5, Raw("1.00"), True]),
        ({"const": {"a": 1, "b": [2]}}, [Raw('{"b": [2], "a": 1}')], [{"a": 1}]),
    ],
)
def test_keywords_that_hold_together(schema: Any, good: list[Any], bad: list[Any]):
    for value in good:
        assert takes(schema, value), value
    for value in bad:
        assert not takes(schema, value), value


@pytest.mark.parametrize(
    "reference", ["#/$defs/n", "#name", "http://h/n", "n", "http://h/root#/$defs/n"]
)
def test_references_lead_to_pointers_anchors_and_ids(reference: str):
    schema = {
        "$id": "http://h/root",
        "$defs": {
            "n": {"$id": "http://h/n", "type": "null"},
            "m": {"$anchor": "name", "const": None},
        },
        "items": {"$ref": reference},
        "type": "array",
    }
    assert takes(schema, [None])
    assert not takes(schema, [1])


def test_a_reference_that_leads_nowhere_is_refused_with_its_place():
    with pytest.raises(ConstraintError) as caught:
        start({"properties": {"a": {"$ref": "http://example.com/gone"}}})
    assert (caught.value.path, caught.value.keyword) == ("$.properties.a", "$ref")


def many_choices(count: int) -> dict[str, Any]:
    """2 ** count combinations, all different."""
    options = [
        {"anyOf": [{"properties": {f"p{i}": {"const": v}}, "required": [f"p{i}"]} for v in (1, 2)]}
        for i in range(count)
    ]
    return {"type": "object", "allOf": options}


def test_combinations_beyond_the_budget_are_left_to_the_validator():
    schema, value = many_choices(24), {f"p{i}": 1 + i % 2 for i in range(24)}
    began = time.perf_counter()
    audit = ENGINE.audit(JsonConstraint(schema_text=json.dumps(schema), key_order="any"))
    assert time.perf_counter() - began < 5
    assert {finding.keyword for finding in audit.by("validator")} == {"anyOf"}
    assert takes(schema, value)
    OutputSchema.from_json_schema(schema).validate_json(json.dumps(value))


def test_cases_that_one_member_tells_apart_do_not_multiply():
    cases = [
        {
            "if": {"properties": {"kind": {"const": str(i)}}, "required": ["kind"]},
            "then": {"properties": {f"p{i}": {"type": "null"}}, "required": [f"p{i}"]},
        }
        for i in range(30)
    ]
    kinds = {"properties": {"kind": {"enum": [str(i) for i in range(30)]}}, "required": ["kind"]}
    schema = {"type": "object", **kinds, "allOf": cases}
    lowered = lower(schema, key_order="any")
    assert set(lowered.findings.values()) == {"which branch holds is checked afterwards"}
    assert takes(schema, {"kind": "7", "p7": None})
    assert not takes(schema, {"kind": "7"})


def test_what_a_budget_does_not_reach_lets_anything_through_and_says_so():
    deep: dict[str, Any] = {"type": "null"}
    for _ in range(50):
        deep = {"type": "array", "items": deep, "minItems": 1}
    lowered = lower(deep, key_order="any", budget=Budget(nodes=10))
    assert any("too large" in reason for reason in lowered.findings.values())
    assert not lower(deep, key_order="any").findings


TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", max_codepoint=0x2FF), max_size=8),
    st.sampled_from(["a", "b", "ab", "abc", "a/b", "12", "a\nc", "A", "_", "é"]),
)


@pytest.mark.parametrize(
    "pattern",
    [
        *("^a", "b$", "^a|b$", "(^a$)|(^b$)", "^(a|b)+$", "a.c", r"\d{2}", r"^\w+$", r"\W", r"\s"),
        *(
            r"^[^/]+$",
            r"^a/b$",
            r"[\w.-]+@",
            "^$",
            "",
            "a{2,3}",
            "x*",
            r"\x41|\u0042",
            "^(?<n>a)b$",
        ),
        *(r"^[a-z]{,3}$", r"a\-b", r"[]-a]", "{", "^.*$", r"[\d-x]", r"^(?:a|b)|c"),
    ],
)
@settings(max_examples=60)
@given(st.data())
def test_a_pattern_means_what_it_means_to_the_validator(pattern: str, data: st.DataObject):
    found = translated(pattern)
    if found is None:
        return
    contract = OutputSchema.from_json_schema({"type": "string", "pattern": pattern})
    text = json.dumps(data.draw(TEXTS), ensure_ascii=False).replace("\x7f", "\\u007f")
    try:
        contract.validate_json(text)
        valid = True
    except ValidationFailed:
        valid = False
    if valid or found.exact:
        assert takes({"type": "string", "pattern": pattern}, Raw(text)) is valid, text
