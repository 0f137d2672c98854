"""Reports of pydantic and of JSON Schema validators as violations, and schemas that are refused."""

import datetime
import json
import math
import pickle
import time
from typing import Any

import pydantic
import pytest

from structured import OutputSchema, SchemaError, ValidationFailed
from structured.validation import MAX_DEPTH, MAX_VIOLATIONS, schema_validator, violations
from structured.validation.schema_size import MAX_CHAIN

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def found(schema: Any, value: object) -> list[tuple[str, str]]:
    return [(violation.path, violation.kind) for violation in schema_validator(schema)(value)]


def refusal(schema: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        schema_validator(schema)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.path, again.keyword) == (caught.value.path, caught.value.keyword)
    return caught.value


def test_each_broken_rule_of_a_schema_with_its_place():
    schema = {
        "type": "object",
        "properties": {"a b": {"type": "array", "items": {"enum": [1, 2]}}, "c": {"minimum": 3}},
        "required": ["d"],
    }
    assert sorted(found(schema, {"a b": [1, 3], "c": 2})) == [
        ("$", "required"),
        ("$.c", "minimum"),
        ("$['a b'][1]", "enum"),
    ]
    (violation,) = schema_validator({"enum": [1, 2]})("x" * 200)
    assert violation.message == "enum [1, 2]"
    assert len(violation.got) == 80
    assert str(violation).startswith("$: enum [1, 2], got 'xxx")


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"required": ["a"]}, {}, "$: required 'a', got {}"),
        (
            {"dependentRequired": {"a": ["b"]}},
            {"a": 1},
            "$: dependentRequired 'b', got {'a': 1}",
        ),
        (
            {"properties": {"x": {}}, "additionalProperties": False},
            {"x": 1, "y": [2]},
            "$.y: additionalProperties False, got [2]",
        ),
        (
            {"properties": {"x": {}}, "unevaluatedProperties": False},
            {"x": 1, "y": 2},
            "$.y: unevaluatedProperties False, got 2",
        ),
        (
            {"properties": {"x": {}}, "unevaluatedProperties": {"type": "null"}},
            {"x": 1, "y": 2},
            "$.y: unevaluatedProperties {'type': 'null'}, got 2",
        ),
        (
            {"$schema": DRAFT_7, "items": [{}], "additionalItems": False},
            [1, 2],
            "$[1]: additionalItems False, got 2",
        ),
        (
            {"prefixItems": [{}], "unevaluatedItems": False},
            [1, 2],
            "$: unevaluatedItems False, got [1, 2]",
        ),
        ({"patternProperties": {"^y": False}}, {"y": 2}, "$.y: patternProperties False, got 2"),
        ({"properties": {"y": False}}, {"y": 2}, "$.y: properties False, got 2"),
        ({"properties": {"properties": False}}, {"properties": 2},
         "$.properties: properties False, got 2"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1},
         "$.ab: propertyNames maxLength 1, got 'ab'"),
        ({"prefixItems": [{}], "items": False}, [1, 2], "$[1]: items False, got 2"),
        ({"uniqueItems": True}, [{"a": 1}, 2, {"a": 1.0}],
         "$[2]: uniqueItems (item 0 is equal), got {'a': 1.0}"),
        ({"contains": {"const": 1}, "minContains": 2}, [1], "$: minContains 2, got [1]"),
        ({"$defs": {"d": {"const": 1}}, "items": {"$ref": "#/$defs/d"}}, [2],
         "$[0]: const 1, got 2"),
        ({"anyOf": [{"minimum": 4}, {"minimum": 3}]}, 1,
         "$: anyOf [{'minimum': 4}, {'minimum': 3}], got 1"),
        (False, 1, "$: false False, got 1"),
    ],
)  # fmt: skip
def test_a_violation_names_the_offending_value_and_the_rule(schema: Any, value: Any, said: str):
    assert [str(violation) for violation in schema_validator(schema)(value)] == [said]


def test_the_choice_that_was_meant_says_what_is_wrong():
    point = {"properties": {"kind": {"const": "point"}, "x": {"type": "integer"}}}
    circle = {"properties": {"kind": {"const": "circle"}, "r": {"type": "integer"}}}
    for keyword in ("anyOf", "oneOf"):
        shapes = {"items": {keyword: [{"type": "null"}, {**point, "type": "object"}, circle]}}
        assert found(shapes, [{"kind": "point", "x": "1"}]) == [("$[0].x", "type")]
        assert found(shapes, [{"kind": "circle", "r": "1"}]) == [("$[0].r", "type")]
        assert found(shapes, [{"kind": "square"}]) == [("$[0]", keyword)]
        assert found({keyword: [{"minimum": 3}, {"minimum": 4}]}, 1) == [("$", keyword)]
    assert found({"oneOf": [{"type": "integer"}, {"minimum": 0}]}, 1) == [("$", "oneOf")]
    deep = {"anyOf": [{"anyOf": [{"type": "null"}, {"maxItems": 1}]}, {"type": "string"}]}
    assert found(deep, [1, 2]) == [("$", "maxItems")]


def test_one_is_not_true_but_one_point_nought():
    assert found({"uniqueItems": True}, [1, True, "1", [1], {"1": 1}]) == []
    assert found({"const": 1}, 1.0) == []
    assert found({"const": 1}, True) == [("$", "const")]


def test_a_report_ends_after_fifty_violations():
    schema = {"items": {"type": "integer"}}
    assert len(schema_validator(schema)(["x"] * 500)) == MAX_VIOLATIONS == 50
    adapter = pydantic.TypeAdapter(list[int])
    with pytest.raises(pydantic.ValidationError) as caught:
        adapter.validate_python(["x"] * 500)
    assert len(violations(caught.value)) == MAX_VIOLATIONS


@pytest.mark.parametrize("draft", [None, DRAFT_4, DRAFT_7])
@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("date", ["2024-02-29"], ["2023-02-29", "2024-1-1", "tomorrow"]),
        (
            "date-time",
            ["2016-12-31T23:59:60Z", "2024-02-29t00:00:00.123456789+01:00"],
            [
                "2024-02-30T00:00:00Z",
                "2024-02-29T00:00:00",
                "2024-W01-1T00:00:00Z",
                "2024-02-29",
                "",
            ],
        ),
        ("time", ["00:00:00Z", "23:59:59.5-05:30"], ["24:00:00Z", "12:00:00", "12:00Z", ""]),
        ("duration", ["P1D", "P1Y2M3DT4H5M6S", "P3W", "PT36H"], ["P", "PT", "1D", "P1DT", "P1H"]),
        ("uuid", ["00000000-0000-0000-0000-000000000000"], ["0000"]),
        ("ipv4", ["127.0.0.1"], ["256.0.0.1"]),
        ("unheard-of", ["anything"], []),
    ],
)
def test_formats_are_checked(draft: str | None, name: str, valid: list[str], invalid: list[str]):
    check = schema_validator({"format": name, **({"$schema": draft} if draft else {})})
    assert [text for text in valid if check(text)] == []
    assert [text for text in invalid if not check(text)] == []
    assert check(3) == ()  # a format is about texts only


def test_references_are_resolved_inside_the_schema_and_nowhere_else():
    nested = {"$defs": {"a": {"$defs": {"b": {"type": "null"}}, "$ref": "#/$defs/a/$defs/b"}}}
    assert found({**nested, "$ref": "#/$defs/a"}, 1) == [("$", "type")]
    identified = {"$id": "http://x/y", "$defs": {"n": {"type": "null"}}, "$ref": "y#/$defs/n"}
    assert found(identified, None) == []


@pytest.mark.parametrize("own", [None, DRAFT_4, DRAFT_7])
@pytest.mark.parametrize(
    "other", [DRAFT_4, DRAFT_7, "https://json-schema.org/draft/2020-12/schema"]
)
def test_the_metaschemas_are_there_without_a_network(own: str | None, other: str):
    schema = {"properties": {"a": {"$ref": other}}, **({"$schema": own} if own else {})}
    check = schema_validator(schema)
    assert check({"a": {"minLength": 3}}) == ()
    assert [violation.path for violation in check({"a": {"minLength": -3}})] == ["$.a.minLength"]


@pytest.mark.parametrize(
    ("schema", "path", "keyword", "said"),
    [
        ({"type": "intger"}, "$", "type", "intger"),
        ({"properties": {"a": {"minimum": "1"}}}, "$.properties.a", "minimum", "number"),
        ({"properties": {"a": 3}}, "$", "properties", "3"),
        ({"allOf": [{}, {"required": [1]}]}, "$.allOf[1]", "required", "string"),
        ({"items": {"pattern": "("}}, "$.items", "pattern", "'(' is not one of ECMA-262"),
        ({"items": {"patternProperties": {"(": {}}}}, "$.items", "patternProperties", "'('"),
        ({"not": {"$ref": "#/$defs/none"}}, "$.not", "$ref", "'#/$defs/none' leads nowhere"),
        ({"not": {"$dynamicRef": "#gone"}}, "$.not", "$dynamicRef", "'#gone' leads nowhere"),
        ({"items": {"$ref": "other.json#/x"}}, "$.items", "$ref", "'other.json#/x' leads nowhere"),
        (
            {"$id": "http://127.0.0.1:9/a/b.json", "items": {"$ref": "other.json"}},
            "$.items",
            "$ref",
            "'other.json' leads nowhere",
        ),
        ({"items": {"$ref": "http://127.0.0.1:9/x"}}, "$.items", "$ref", "nothing is fetched"),
        ({"items": {"$ref": "file:///etc/passwd"}}, "$.items", "$ref", "nothing is fetched"),
        ({"$schema": 3}, "$", "$schema", "URI"),
        ({"maximum": math.inf}, "$", "maximum", "number"),
        (
            {"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": 3},
            "$",
            "exclusiveMinimum",
            "boolean",
        ),
        ({"const": {1, 2}}, "$", "", "JSON"),
    ],
)
def test_a_schema_is_refused_with_the_path_and_the_keyword(
    schema: Any, path: str, keyword: str, said: str
):
    error = refusal(schema)
    assert (error.path, error.keyword) == (path, keyword)
    assert said in str(error)


@pytest.mark.parametrize(
    ("draft", "tuple_keyword"),
    [
        ("http://json-schema.org/draft-03/schema#", "items"),
        ("http://json-schema.org/draft-04/schema", "items"),
        ("https://json-schema.org/draft-07/schema#", "items"),
        ("https://json-schema.org/draft/2019-09/schema#", "items"),
        ("https://json-schema.org/draft/2020-12/schema", "prefixItems"),
        ("http://json-schema.org/schema#", "prefixItems"),
        ("https://example.com/my-own-dialect", "prefixItems"),
        ("", "prefixItems"),
    ],
)
def test_the_draft_is_read_from_schema_and_an_unknown_one_is_the_latest(
    draft: str, tuple_keyword: str
):
    assert found({"$schema": draft, tuple_keyword: [{"type": "null"}]}, [1]) == [("$[0]", "type")]


@pytest.mark.parametrize(
    ("pattern", "match", "other"),
    [
        (r"^[\w-.]+$", "a-b.c", "a b"),  # Annex B of ECMA-262
        (r"^[\d-x]$", "-", "a"),
        (r"^[^]$", "\n", ""),
        (r"^a{$", "a{", "a"),
        (r"^a{,3}$", "a{,3}", "aaa"),
        (r"^\h\_$", "h_", "\\h"),
        (r"^[\b]$", "\b", "b"),
        (r"^(?<x>a|b)\k<x>$", "aa", "ab"),
        (r"\A(?P<x>a|b)(?P=x)\Z", "bb", "xbb"),  # Python
        (r"^a(?#remark)b$", "ab", "a"),
        (r"^.{1,65536}$", "a" * 65536, "a" * 65537),  # too large to be an automaton
        (r"^[^\]]{3,100000}$", "a" * 3, "aa"),
        (r"^[\s\S]{70000}$", "a" * 70000, "a" * 69999),
        (r"^\p{L}{1,256}$", "é" * 256, "é" * 257),
        (r"^(?=a)\w+(?<!b)$", "aba", "ab"),
        (r"^\d$", "1", "\u0663"),  # ASCII only
        (r"^\w$", "a", "é"),
        (r"^\S\s$", "a\ufeff", "ab"),
    ],
)
def test_patterns_are_read_as_ecmas_and_as_people_write_them(pattern: str, match: str, other: str):
    check = schema_validator({"pattern": pattern})
    assert check(match) == ()
    assert len(check(other)) == 1
    if len(match) < 1000 and "000}" not in pattern:
        names = schema_validator({"patternProperties": {pattern: False}})
        assert [violation.kind for violation in names({match: 1})] == ["patternProperties"]
        assert names({other: 1}) == ()


def test_a_hostile_pattern_ends():
    began = time.monotonic()
    for pattern in (r"^(a+)+$", r"^(?=(a+)+$)(a|aa)+$", r"^(a+)+\1$", r"(x+x+)+y"):
        assert found({"pattern": pattern}, "a" * 40 + "b") == [("$", "pattern")]
    error = refusal({"pattern": "^((a{1,1000}){1,1000}){1,1000}$"})
    assert (error.keyword, "too large" in str(error)) == ("pattern", True)
    assert time.monotonic() - began < 10


def test_endless_schemas_end():
    assert found({"$ref": "#"}, 1) == []
    assert found({"allOf": [{"$ref": "#"}, {"type": "null"}]}, 1) == [("$", "type")]
    assert found({"anyOf": [{"$ref": "#"}]}, 1) == []


def test_schemas_that_multiply_are_refused():
    doubled = {"$defs": {"d0": {"type": "integer"}}, "$ref": "#/$defs/d60"}
    for i in range(60):
        each = {"$ref": f"#/$defs/d{i}"}
        doubled["$defs"][f"d{i + 1}"] = {"oneOf": [each, each]}
    assert refusal(doubled).keyword == "$ref"
    chained = {"$defs": {"d0": {"items": {"$ref": "#"}}}, "$ref": "#/$defs/d5000"}
    for i in range(5000):
        chained["$defs"][f"d{i + 1}"] = {"allOf": [{"$ref": f"#/$defs/d{i}"}]}
    assert refusal(chained)
    nested: Any = {}
    for _ in range(20_000):
        nested = {"not": nested}
    assert "too deeply" in str(refusal(nested))
    wide = {"$defs": {f"d{i}": {"const": i} for i in range(5000)}}
    wide["oneOf"] = [{"$ref": f"#/$defs/d{i}"} for i in range(5000)]
    assert found(wide, 4999) == []


def test_values_that_are_nested_too_deeply_are_violations():
    chain = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}]} for i in range(MAX_CHAIN // 2 - 2)}
    last = f"d{MAX_CHAIN // 2 - 2}"
    deep = {"$defs": {**chain, last: {"items": {"$ref": "#"}}}, "$ref": "#/$defs/d0"}
    value: Any = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert found(deep, value) == []
    for _ in range(10_000):
        value = [value]
    assert found(deep, value) == [("$", "depth")]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"multipleOf": 0.5}, 10**400, []),
        ({"multipleOf": 0.01}, 4.35, []),
        ({"type": "integer", "maximum": 10**400}, 10**400 + 1, [("$", "maximum")]),
        ({"type": "integer"}, 1.0, []),
        ({}, {"a": [math.inf]}, [("$.a[0]", "finite_number")]),
        ({}, math.nan, [("$", "finite_number")]),
        ({"type": "array"}, {1, 2}, [("$", "json")]),
        ({"type": "object"}, {1: 2}, [("$", "json")]),
        ({"type": "string"}, "\ud800", [("$", "json")]),
        ({"type": "string"}, datetime.date(2020, 1, 1), [("$", "json")]),
        ({"type": "string", "maxLength": 1}, "😀", []),
    ],
)
def test_what_is_not_json_is_a_violation_and_big_numbers_are_numbers(
    schema: Any, value: object, expected: list[tuple[str, str]]
):
    assert found(schema, value) == expected


def test_json_texts_with_constants_that_json_does_not_have():
    contract = OutputSchema.from_json_schema({})
    for text in ("NaN", "[Infinity]", "-Infinity", "1e400"):
        with pytest.raises(ValidationFailed):
            contract.validate_json(text)
    assert contract.validate_json("1" + "0" * 400) == 10**400
    assert contract.validate_json('{"a":1,"a":2}') == {"a": 2}


def test_a_schema_that_is_ready_is_quick_to_come():
    # The first token waits for it. A ratio to the smallest work there is, not a time.
    schema = {
        "type": "object",
        "properties": {f"p{i}": {"type": "string", "maxLength": i} for i in range(20)},
    }
    text = json.dumps(schema)

    def least(work: Any) -> float:
        times = []
        for _ in range(20):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        return min(times)

    schema_validator({})
    assert least(lambda: schema_validator(schema)) < 30 * least(lambda: json.loads(text))
