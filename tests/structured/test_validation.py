"""Reports of pydantic and jsonschema as violations."""

import pydantic
import pytest

from structured import OutputSchema, SchemaError, ValidationFailed
from structured.validation import MAX_VIOLATIONS, schema_validator, violations


def found(schema: dict[str, object], value: object) -> list[tuple[str, str]]:
    return [(violation.path, violation.kind) for violation in schema_validator(schema)(value)]


def test_each_broken_rule_of_a_schema_with_its_place():
    schema = {
        "type": "object",
        "properties": {"a b": {"type": "array", "items": {"enum": [1, 2]}}, "c": {"minimum": 3}},
        "required": ["d"],
    }
    assert found(schema, {"a b": [1, 3], "c": 2}) == [
        ("$['a b'][1]", "enum"),
        ("$.c", "minimum"),
        ("$", "required"),
    ]
    (violation,) = schema_validator({"enum": [1, 2]})("x" * 200)
    assert violation.message == "enum [1, 2]"
    assert len(violation.got) == 80
    assert str(violation).startswith("$: enum [1, 2], got 'xxx")


def test_a_report_ends_after_fifty_violations():
    schema = {"items": {"type": "integer"}}
    assert len(schema_validator(schema)(["x"] * 500)) == MAX_VIOLATIONS == 50
    adapter = pydantic.TypeAdapter(list[int])
    with pytest.raises(pydantic.ValidationError) as caught:
        adapter.validate_python(["x"] * 500)
    assert len(violations(caught.value)) == MAX_VIOLATIONS


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("date", ["2024-02-29"], ["2023-02-29", "2024-1-1", "tomorrow"]),
        (
            "date-time",
            ["2024-02-29T23:59:60Z", "2024-02-29t00:00:00.123456789+01:00"],
            [
                "2024-02-30T00:00:00Z",
                "2024-02-29T00:00:00",
                "2024-W01-1T00:00:00Z",
                "2024-02-29",
                "",
            ],
        ),
        ("time", ["00:00:00Z", "23:59:60.5-05:30"], ["24:00:00Z", "12:00:00", "12:00Z", ""]),
        ("duration", ["P1D", "P1Y2M3DT4H5M6S", "P3W", "PT36H"], ["P", "PT", "1D", "P1DT", "P1H"]),
        ("uuid", ["00000000-0000-0000-0000-000000000000"], ["0000"]),
        ("ipv4", ["127.0.0.1"], ["256.0.0.1"]),
        ("unheard-of", ["anything"], []),
    ],
)
def test_formats_are_checked(name: str, valid: list[str], invalid: list[str]):
    check = schema_validator({"format": name})
    assert [text for text in valid if check(text)] == []
    assert [text for text in invalid if not check(text)] == []
    assert check(3) == ()  # a format is about texts only


def test_references_are_resolved_inside_the_schema_and_nowhere_else():
    nested = {"$defs": {"a": {"$defs": {"b": {"type": "null"}}, "$ref": "#/$defs/a/$defs/b"}}}
    assert found({**nested, "$ref": "#/$defs/a"}, 1) == [("$", "type")]
    identified = {"$id": "http://x/y", "$defs": {"n": {"type": "null"}}, "$ref": "y#/$defs/n"}
    assert found(identified, None) == []
    with pytest.raises(SchemaError, match="leads nowhere"):
        schema_validator({"$ref": "http://json-schema.org/draft-07/schema#"})


def test_a_reference_that_is_noticed_only_at_use():
    check = schema_validator({"not": {"$dynamicRef": "#gone"}})
    with pytest.raises(SchemaError, match="gone"):
        check(1)


def test_endless_schemas_and_endless_numbers_are_violations():
    assert found({"$ref": "#"}, 1) == [("$", "depth")]
    assert found({"multipleOf": 0.5}, 10**400) == [("$", "number")]
    with pytest.raises(ValidationFailed):
        OutputSchema.from_json_schema({"multipleOf": 0.5}).validate_json("1" + "0" * 400)
