"""Rolling back: what of a rejected text stands, and what must not follow it."""

import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from structured import OutputSchema, ValidationFailed, Violation
from structured.errors import json_path
from structured.prefix import location_of, remedies, repetition
from structured.scanner import scan, scan_beginning


@given(st.lists(st.integers(-5, 10**6) | st.text()))
def test_a_location_comes_back_from_its_path(location):
    assert location_of(json_path(location)) == tuple(location)


def not_bad(text: str) -> str:
    if text == "bad":
        raise ValueError("bad")
    return text


Good = Annotated[str, AfterValidator(not_bad)]


class Inner(BaseModel):
    name: Good
    size: int = 0


class Outer(BaseModel):
    first: Good = ""
    inner: Inner | None = None
    listed: list[Good] = []
    keyed: dict[Good, int] = {}
    either: int | Good = 0
    pair: tuple[int, int] = (0, 0)
    chosen: set[str] = Field(default=set(), min_length=0)


class Between(BaseModel):
    low: int
    high: int
    note: str = ""

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Closed(BaseModel, extra="forbid"):
    a: int = 0


def unique(items: list[int]) -> list[int]:
    if len(set(items)) != len(items):
        raise ValueError("some are equal")
    return items


def proposals(type_, text):
    """``(kept text, what must not follow)``, in the order of trying, for each violation."""
    schema = OutputSchema.from_json_schema(type_) if isinstance(type_, dict) else None
    with pytest.raises(ValidationFailed) as caught:
        (schema or OutputSchema.of(type_)).validate_json(text)
    return [
        [(text[: r.offset], r.avoid) for r in (*remedy.first, *remedy.in_turn)]
        for remedy in remedies(text, scan(text), caught.value.violations)
    ]


@pytest.mark.parametrize(
    ("text", "kept", "avoid"),
    [
        ('{"first":"bad","listed":[]}', '{"first":', '"bad"'),
        ('{"first": "bad" }', '{"first": ', '"bad"'),
        ('{"inner":{"name":"bad","size":1}}', '{"inner":{"name":', '"bad"'),
        ('{"listed":["a","bad","c"]}', '{"listed":["a",', '"bad"'),
        ('{"keyed":{"a":1,"bad":2}}', '{"keyed":{"a":1,', '"bad"'),
        ('{"either":"bad"}', '{"either":', '"bad"'),
        ('{"inner":{"size":1}}', '{"inner":{"size":1', "}"),
        ('{"pair":[1]}', '{"pair":[1', "]"),
        ('{"first":"good","first":"bad"}', '{"first":"good","first":', '"bad"'),
    ],
)
def test_a_value_is_rolled_back_to_its_beginning(text, kept, avoid):
    assert proposals(Outer, text)[0][0] == (kept, (avoid,))


def test_every_violation_has_a_remedy():
    found = proposals(Outer, '{"first":"bad","listed":["bad","a","bad"]}')
    assert [kept for ((kept, _), *_) in found] == [
        '{"first":',
        '{"first":"bad","listed":[',
        '{"first":"bad","listed":["bad","a",',
    ]


def test_a_rule_across_fields_goes_back_one_field_a_time():
    [found] = proposals(Between, '{"low":5,"high":3,"note":"x"}')
    assert found == [
        ('{"low":5,"high":3,"note":', ('"x"',)),
        ('{"low":5,"high":', ("3",)),
        ('{"low":', ("5",)),
        ("", ('{"low":5,"high":3,"note":"x"}',)),
    ]


def test_a_key_that_is_too_much():
    [[first]] = proposals(Closed, '{"a":1,"b":2}')
    assert first == ('{"a":1,', ('"b"',))


def test_items_that_are_equal_roll_back_to_the_second_and_avoid_all_before_it():
    [found] = proposals(Annotated[list[int], AfterValidator(unique)], "[1,2,3,2,1]")
    assert found[0] == ("[1,2,3", (",2", ",3", ",1"))
    assert found[1] == ("[1,2,3,2,", ("1",))


@pytest.mark.parametrize(
    ("text", "kept", "avoid"),
    [
        ("[1,2,1.0,3]", "[1,2", (",1.0", ",2", ",1")),
        (
            '[{"a":1,"b":[]},{"b":[],"a":1}]',
            '[{"a":1,"b":[]}',
            (',{"b":[],"a":1}', ',{"a":1,"b":[]}'),
        ),
        ("[1,true,0,false,true]", "[1,true,0,false", (",true", ",false", ",0", ",1")),
    ],
)
def test_equal_as_json_schema_has_it(text, kept, avoid):
    [found] = proposals({"uniqueItems": True}, text)
    assert found[0] == (kept, avoid)


def test_a_set_that_is_too_short_has_repeated_items():
    [found] = proposals(Annotated[set[str], Field(min_length=2)], '["a","a"]')
    assert found[0] == ('["a"', (',"a"',))


@pytest.mark.parametrize(
    ("schema", "text", "first"),
    [
        ({"required": ["b"]}, '{"a":1}', ('{"a":1', ("}",))),
        ({"dependentRequired": {"a": ["b"]}}, '{"a":1}', ('{"a":1', ("}",))),
        ({"minItems": 2}, "[[]]", ("[[]", ("]",))),
        ({"contains": {"const": 1}}, "[2]", ("[2", ("]",))),
        ({"propertyNames": {"maxLength": 1}}, '{"ab":1,"c":2}', ("{", ('"ab"',))),
        ({"properties": {"a": {"not": {"const": 1}}}}, '{"a":1}', ('{"a":', ("1",))),
        ({"not": {"const": 5}}, "5", ("", ("5",))),
    ],
)
def test_rules_of_json_schema(schema, text, first):
    assert proposals(schema, text)[0][0] == first


def test_an_empty_list_must_not_end_there():
    def filled(items: list[int]) -> list[int]:
        if not items:
            raise ValueError("none")
        return items

    [found] = proposals(Annotated[list[int], AfterValidator(filled)], "[]")
    assert found == [("[", ("]",)), ("", ("[]",))]


def test_a_cut_text_rolls_back_within_what_is_complete():
    text = '{"listed":["bad","ok","o'
    root = scan_beginning(text)
    [remedy] = remedies(text, root, [Violation("$.listed[0]", "no", "'bad'", "value_error")])
    assert remedy.first[0].offset == len('{"listed":[')
    [remedy] = remedies(text, root, [Violation("$.listed", "no", "…", "value_error")])
    assert [r.avoid for r in remedy.in_turn] == [('"ok"',), ('"bad"',)]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('["a","a","a', "$"),
        ('{"x":["a","b"],"y":{"z":[[1],[1],[1', "$.y.z"),
        ('[{"a":[1,1]},{"a":[1,2', None),
        ('{"a":["a","a"],"b":"a', None),
        ('["a","a"]', None),
        ("[", None),
    ],
)
def test_repetition_in_the_list_under_way(text, path):
    found = repetition(scan_beginning(text), lists=True)
    assert (found and found.path) == path
    assert repetition(scan_beginning(text), lists=False) is None


@pytest.mark.parametrize(
    ("text", "path", "kept", "avoid"),
    [
        ('{"a": 1, "b": 2, "a": 3, "b', "$", '{"a": 1, "b": 2', (', "a"', ', "b"')),
        ('{"x": {"a": {}, "a"', "$.x", '{"x": {"a": {}', (', "a"',)),
        ('[{"a": 1, "a": 2}, {"a": 1', None, "", ()),
        ('{"a": 1, "b', None, "", ()),
    ],
)
def test_repeated_names_in_the_object_under_way(text, path, kept, avoid):
    root = scan_beginning(text)
    found = repetition(root, lists=False)
    assert (found and found.path) == path
    if found:
        [remedy] = remedies(text, root, [found])
        [rollback] = remedy.first
        assert (text[: rollback.offset], rollback.avoid) == (kept, avoid)


class Strict(BaseModel):
    numbers: list[int]
    by_name: dict[str, Inner]

    @field_validator("numbers")
    @classmethod
    def _small(cls, numbers):
        if sum(numbers) > 50:
            raise ValueError("too much")
        return numbers


@given(
    st.lists(st.integers(0, 40), max_size=5),
    st.dictionaries(
        st.text(max_size=5),
        st.fixed_dictionaries({"name": st.sampled_from(["ok", "bad"])}),
        max_size=4,
    ),
)
def test_what_is_kept_is_good_and_what_is_avoided_stands_there(numbers, by_name):
    value = {"numbers": numbers, "by_name": by_name}
    text = json.dumps(value)
    bad = [
        f"$.by_name{json_path([name])[1:]}.name"
        for name in by_name
        if by_name[name]["name"] == "bad"
    ]
    if sum(numbers) > 50:
        bad.insert(0, "$.numbers")
    if not bad:
        assert OutputSchema.of(Strict).validate_json(text)
        return
    with pytest.raises(ValidationFailed) as caught:
        OutputSchema.of(Strict).validate_json(text)
    found = remedies(text, scan(text), caught.value.violations)
    assert [remedy.place for remedy in found] == bad
    for remedy in found:
        for rollback in (*remedy.first, *remedy.in_turn):
            assert text.startswith(rollback.avoid[0], rollback.offset)
