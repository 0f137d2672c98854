"""The JSON Schema that each provider's strict mode accepts."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from structured import (
    ConstraintError,
    OutputSchema,
    Regex,
    SchemaError,
    Text,
    ValidationFailed,
    output_schema,
)
from structured.dialects import DIALECTS, DialectSchema, dialect
from structured.dialects.limits import depth
from structured.dialects.notes import SAYS_NOTHING
from structured.dialects.profiles import PROFILES, Profile
from structured.json_schema import RULES, JsonSchema, subschemas

from .strategies import CASES, Case

STRICT = [name for name in DIALECTS if name != "compatible"]
SLOW_TO_MAKE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def accepts(schema: JsonSchema, value: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(value)


def of(name: str, type_: Any) -> DialectSchema[Any]:
    return dialect(name).schema(output_schema(type_))


def left(schema: DialectSchema[Any]) -> set[tuple[str, str]]:
    return {(finding.path, finding.keyword) for finding in schema.audit.by("validator")}


# --- any type ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DIALECTS)
@settings(max_examples=60, suppress_health_check=SLOW_TO_MAKE, deadline=None)
@given(case=CASES, data=st.data())
def test_every_value_can_be_written_in_the_dialect_and_is_read_back(
    name: str, case: Case, data: st.DataObject
):
    contract = OutputSchema.of(case.type)
    schema = dialect(name).schema(contract)
    value = data.draw(case.values)
    dumped = contract.as_input(value)
    written = json.loads(json.dumps(schema.encode(dumped)))
    assert accepts(schema.plain, written), (schema.plain, written)
    assert schema.decode(written) == dumped
    assert schema.read(json.dumps(written)) == value
    assert obeys(schema.plain, PROFILES[name]) == []


def replies(schema: JsonSchema, node: Any, rng: random.Random, fuel: int = 12) -> Any:
    """A random value of a schema in one of the dialects."""
    if "$ref" in node:
        target = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        return replies(schema, target, rng, fuel - 1)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return rng.choice(node["enum"])
    if "anyOf" in node:
        # The last is null, where there is a null: so what is recursive ends.
        option = rng.choice(node["anyOf"]) if fuel > 0 else node["anyOf"][-1]
        return replies(schema, option, rng, fuel - 1)
    kind = node["type"]
    if kind == "object":
        required = node.get("required", ())
        names = [n for n in node.get("properties", ()) if n in required or rng.random() < 0.5]
        return {n: replies(schema, node["properties"][n], rng, fuel - 1) for n in names}
    if kind == "array":
        first = [replies(schema, item, rng, fuel - 1) for item in node.get("prefixItems", ())]
        least = node.get("minItems", 0) - len(first)
        more = max(least, 0) if fuel <= 0 or node.get("maxItems") == len(first) else max(least, 1)
        if node.get("maxItems") == 0 or (first and "items" not in node):
            more = 0
        return first + [replies(schema, node["items"], rng, fuel - 1) for _ in range(more)]
    texts = ["", "a", "1", "2024-01-01", "[1]"]
    return {
        "string": rng.choice(texts),
        "integer": rng.randint(-3, 9),
        "number": rng.choice([0.5, 3]),
        "boolean": rng.random() < 0.5,
        "null": None,
    }[kind]


@pytest.mark.parametrize("name", STRICT)
@settings(max_examples=40, suppress_health_check=SLOW_TO_MAKE, deadline=None)
@given(case=CASES, seed=st.integers(0, 2**32))
def test_any_reply_is_a_value_or_breaks_a_rule_that_is_known_to_be_left(
    name: str, case: Case, seed: int
):
    schema = of(name, case.type)
    reply = replies(schema.plain, schema.plain, random.Random(seed))
    if not accepts(schema.plain, reply):  # a pattern, a bound: not looked at when it was drawn
        return
    refusal = refusal_of(schema, json.dumps(reply))
    assert not refusal or left(schema), f"{refusal}\nbut nothing is left out of {schema.plain}"


def refusal_of(schema: DialectSchema[Any], reply: str) -> ValidationFailed | None:
    try:
        schema.read(reply)
    except ValidationFailed as error:
        return error
    return None


# --- what each dialect allows -----------------------------------------------------------------

ALWAYS = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum"}


def obeys(schema: JsonSchema, profile: Profile) -> list[str]:
    """What is in a schema that a provider documents not to take."""
    if profile.passes_all:
        return []
    return [*_broken(schema, profile)]


def _broken(schema: JsonSchema, profile: Profile) -> Iterator[str]:
    allowed = ALWAYS | profile.keywords | profile.annotations | {"format", "$defs"}
    allowed |= {"prefixItems"} if profile.tuples else set()
    allowed |= {"const"} if profile.const else set()
    allowed |= {"$ref"} if profile.references else set()
    if profile.tuples or profile.largest_min_items is not None:
        allowed |= {"minItems", "maxItems"}
    if profile.object_root and schema.get("type") != "object":
        yield "the root is no object"
    for location, node in subschemas(schema):
        if unknown := set(node) - allowed:
            yield f"{location}: {unknown}"
        if "$ref" in node and len(node) > 1:
            yield f"{location}: beside a $ref"
        if not {"type", "anyOf", "$ref"} & set(node):
            yield f"{location}: no type"
        if node.get("type") == "object" and not profile.maps:
            if node.get("additionalProperties") is not False:
                yield f"{location}: open"
            if profile.all_required and node.get("required") != list(node["properties"]):
                yield f"{location}: optional properties"
        if node.get("type") == "array" and not {"items", "prefixItems"} & set(node):
            yield f"{location}: no items"
        if "format" in node and node["format"] not in profile.formats:
            yield f"{location}: format {node['format']}"
        if profile.largest_min_items is not None and node.get("minItems", 0) > 1:
            yield f"{location}: minItems"


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    number: Annotated[int, Field(ge=1, le=9999)]


class Person(BaseModel):
    name: Annotated[str, Field(min_length=1, description="in full")]
    born: Annotated[str, Field(pattern="^[0-9]{4}$")] | None = None
    homes: Annotated[list[Address], Field(max_length=3)] = []
    tags: dict[str, float] = {}
    rating: Literal[1, 2, 3] = 1


PERSON = Person(name="Ada", homes=[Address(street="a", number=1)], tags={"x": 0.5})


def test_openai_requires_all_and_takes_null_for_what_is_missing():
    schema = of("openai", Person)
    assert schema.json_schema == schema.plain
    properties = schema.json_schema["properties"]
    assert schema.json_schema["required"] == list(properties)
    assert properties["name"] == {"type": "string", "description": "in full"}
    assert properties["born"] == {
        "anyOf": [{"type": "string", "pattern": "^[0-9]{4}$"}, {"type": "null"}]
    }
    assert properties["rating"] == {
        "anyOf": [{"type": "integer", "enum": [1, 2, 3]}, {"type": "null"}]
    }
    assert properties["homes"]["anyOf"][0]["maxItems"] == 3
    address = schema.json_schema["$defs"]["Address"]
    assert address["properties"]["number"] == {"type": "integer", "minimum": 1, "maximum": 9999}
    assert left(schema) == {("$.properties.name", "minLength")}

    reply = {"name": "Ada", "born": None, "homes": None, "tags": None, "rating": None}
    assert schema.decode(reply) == {"name": "Ada", "born": None}
    assert schema.read(json.dumps(reply)) == Person(name="Ada")
    assert schema.read(json.dumps(schema.encode(PERSON.model_dump()))) == PERSON


def test_azure_enforces_no_bounds_and_says_so():
    schema = of("azure", Person)
    number = schema.json_schema["$defs"]["Address"]["properties"]["number"]
    assert number == {"type": "integer"}
    assert left(schema) == {
        ("$.properties.name", "minLength"),
        ("$.properties.born.anyOf[0]", "pattern"),
        ("$.properties.homes", "maxItems"),
        ("$['$defs'].Address.properties.number", "minimum"),
        ("$['$defs'].Address.properties.number", "maximum"),
    }
    with pytest.raises(ValidationFailed, match="at least 1 character"):
        schema.read('{"name": "", "born": null, "homes": null, "tags": null, "rating": null}')


def test_anthropic_may_leave_out_but_knows_no_free_keys():
    schema = of("anthropic", Person)
    assert schema.json_schema["required"] == ["name"]
    pair = schema.json_schema["properties"]["tags"]["items"]
    assert pair["properties"] == {"key": {"type": "string"}, "value": {"type": "number"}}
    assert schema.read('{"name": "A", "tags": [{"key": "a", "value": 1}]}').tags == {"a": 1}
    one = of("anthropic", Annotated[list[int], Field(min_length=1)])
    assert one.json_schema["properties"]["value"]["minItems"] == 1
    two = of("anthropic", Annotated[list[int], Field(min_length=2)])
    assert "minItems" not in two.json_schema["properties"]["value"]
    assert left(two) == {("$", "minItems")}


def test_gemini_has_maps_tuples_and_no_const():
    schema = of("gemini", tuple[int, Literal["a"], dict[str, int]])
    assert schema.identical
    assert schema.json_schema == {
        "type": "array",
        "prefixItems": [
            {"type": "integer"},
            {"type": "string", "enum": ["a"]},
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ],
        "minItems": 3,
        "maxItems": 3,
    }


def test_geminis_other_form_is_openapis():
    schema = of("gemini-openapi", Person)
    address = {
        "type": "OBJECT",
        "title": "Address",
        "description": "Where somebody lives.",
        "properties": {
            "street": {"type": "STRING"},
            "number": {"type": "INTEGER", "minimum": 1, "maximum": 9999},
        },
        "propertyOrdering": ["street", "number"],
        "required": ["street", "number"],
    }
    properties = schema.json_schema["properties"]
    assert properties["homes"] == {"type": "ARRAY", "items": address, "maxItems": "3"}
    assert properties["born"] == {"type": "STRING", "pattern": "^[0-9]{4}$", "nullable": True}
    assert properties["name"]["minLength"] == "1"
    assert properties["rating"] == {"type": "INTEGER"}
    assert ("$.properties.rating", "enum") in left(schema)
    assert schema.json_schema["propertyOrdering"] == list(Person.model_fields)
    assert "$defs" not in schema.json_schema


def test_the_official_package_takes_what_is_sent_to_gemini():
    types = pytest.importorskip("google.genai.types")
    for type_ in (Person, Tree, list[Address], int | None, Literal["a", "b"], dict[str, int]):
        types.Schema.model_validate(of("gemini-openapi", type_).json_schema)


def test_openais_own_schemas_of_plain_classes_are_ours():
    strict = pytest.importorskip("openai.lib._pydantic").to_strict_json_schema

    class Item(BaseModel):
        """A thing."""

        name: str
        count: Annotated[int, Field(ge=0)]
        colours: list[Literal["red", "green"]]

    class Basket(BaseModel):
        owner: str | None
        items: list[Item]
        best: Item

    def bare(schema: JsonSchema) -> Any:
        keep = ALWAYS | {"$ref", "$defs", "minimum"}
        found = {key: value for key, value in schema.items() if key in keep}
        for key in ("properties", "$defs"):
            if key in found:
                found[key] = {name: bare(child) for name, child in found[key].items()}
        if "items" in found:
            found["items"] = bare(found["items"])
        if "anyOf" in found:
            found["anyOf"] = [bare(option) for option in found["anyOf"]]
        return found

    assert bare(of("openai", Basket).json_schema) == bare(strict(Basket))


def test_a_compatible_server_is_sent_everything_but_our_own_keyword():
    contract = OutputSchema.of(Annotated[set[FiniteNumber], Field(min_length=1)])
    schema = dialect("compatible").schema(contract)
    assert RULES in contract.json_schema["items"]
    assert schema.json_schema == {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 1,
        "uniqueItems": True,
    }
    assert not schema.audit.by("grammar")
    assert schema.identical


FiniteNumber = Annotated[float, Field(allow_inf_nan=False)]


# --- forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai", "azure", "anthropic"])
@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        (int, 3, {"value": 3}),
        (list[int], [1, 2], {"value": [1, 2]}),
        (str | None, None, {"value": None}),
        (Any, {"a": [1]}, {"value": '{"a": [1]}'}),
        (dict[str, Any], {"a": 1}, {"value": [{"key": "a", "value": "1"}]}),
        (tuple[int, str], [1, "a"], {"item_1": 1, "item_2": "a"}),
        (tuple[int, ...], [1, 2], {"value": [1, 2]}),
        (list[tuple[int]], [[1]], {"value": [{"item_1": 1}]}),
        (dict[str, dict[str, int]], {}, {"value": []}),
        (list[Any] | None, [1], {"value": ["1"]}),
    ],
)
def test_what_the_dialect_has_no_word_for_takes_another_form(
    name: str, type_: Any, value: Any, written: Any
):
    schema = of(name, type_)
    assert schema.encode(value) == written
    assert accepts(schema.plain, written)
    assert schema.decode(written) == value
    assert not schema.identical


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


class Clash(BaseModel):
    model_config = ConfigDict(extra="allow")
    additional_properties: int


def test_keys_that_a_class_wants_beyond_its_own_are_a_list():
    schema = of("openai", Open)
    value = Open(a=1, b=[2], c=None)
    written = schema.encode(value.model_dump())
    pairs = [{"key": "b", "value": "[2]"}, {"key": "c", "value": "null"}]
    assert written == {"a": 1, "additional_properties": pairs}
    assert schema.read(json.dumps(written)) == value
    clash = of("openai", Clash)
    assert clash.encode({"additional_properties": 1, "x": 2}) == {
        "additional_properties": 1,
        "additional_properties_": [{"key": "x", "value": "2"}],
    }


class Tree(BaseModel):
    label: str
    children: list[Tree] = []


TREE = Tree(label="a", children=[Tree(label="b", children=[Tree(label="c")])])


@pytest.mark.parametrize("name", DIALECTS)
def test_a_recursive_type(name: str):
    schema = of(name, Tree)
    written = schema.encode(TREE.model_dump())
    assert accepts(schema.plain, written)
    assert schema.read(json.dumps(written)) == TREE
    recursive = {"openai": True, "azure": True, "gemini": True, "compatible": True}.get(name, False)
    cut = [f for f in schema.audit.by("validator") if "recursion" in f.reason]
    assert bool(cut) is not recursive
    assert (
        ("#/$defs/Tree" in json.dumps(schema.json_schema["$defs"])) is recursive
        if ("$defs" in schema.json_schema)
        else not recursive
    )


def test_gemini_has_recursion_only_in_what_may_be_left_out():
    class Chain(BaseModel):
        next: Chain | None

    schema = of("gemini", Chain)
    assert [f.keyword for f in schema.audit.by("validator")] == ["$ref"]
    chain = Chain(next=Chain(next=None))
    assert schema.encode(chain.model_dump()) == {"next": '{"next": null}'}
    assert schema.read('{"next": "{\\"next\\":null}"}') == chain


def test_null_is_told_from_what_is_missing():
    class Both(BaseModel):
        a: int | None = 5
        b: int | None = None

    schema = of("openai", Both)
    for value in ({}, {"a": None}, {"a": 1, "b": None}, {"b": 2}):
        written = schema.encode(value)
        assert accepts(schema.plain, written)
        assert schema.read(json.dumps(written)) == Both(**value)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


def test_a_discriminated_union_is_anyof_and_loses_nothing():
    schema = of("openai", Annotated[Cat | Dog, Field(discriminator="kind")])
    assert [set(option) for option in schema.json_schema["properties"]["value"]["anyOf"]] == [
        {"$ref"},
        {"$ref"},
    ]
    assert left(schema) == set()
    reply = {"value": {"kind": "dog", "tricks": None}}
    assert schema.read(json.dumps(reply)) == Dog(kind="dog")


def test_alternatives_that_look_alike_in_the_dialect_are_json_text():
    schema = of("openai", list[int] | dict[str, int])
    for value in ([], {}, [1], {"a": 1}):
        assert schema.decode(schema.encode(value)) == value
    assert schema.encode({}) == {"value": "{}"}
    assert any("look alike" in finding.reason for finding in schema.audit.by("validator"))


def test_what_is_beyond_a_limit_is_json_text():
    properties = {f"p{i}": {"type": "integer"} for i in range(101)}
    contract = OutputSchema.from_json_schema(
        {"type": "object", "properties": properties, "required": list(properties)}
    )
    assert len(dialect("openai").schema(contract).json_schema["properties"]) == 101
    schema = dialect("azure").schema(contract)
    assert list(schema.json_schema["properties"]) == ["value"]
    assert (
        schema.audit.by("validator")[0].reason == "101 properties, of which the dialect takes 100"
    )
    value = dict.fromkeys(properties, 1)
    assert schema.read(json.dumps(schema.encode(value))) == value


def nested(levels: int) -> JsonSchema:
    schema: JsonSchema = {"type": "integer"}
    for _ in range(levels):
        schema = {
            "type": "object",
            "properties": {"a": schema},
            "required": ["a"],
            "additionalProperties": False,
        }
    return schema


@pytest.mark.parametrize(("name", "most"), [("openai", 10), ("azure", 5)])
def test_what_is_deeper_than_a_dialect_goes_is_json_text(name: str, most: int):
    fits = dialect(name).schema(OutputSchema.from_json_schema(nested(most)))
    assert fits.identical
    assert fits.audit.exact
    deep = dialect(name).schema(OutputSchema.from_json_schema(nested(most + 3)))
    assert depth(deep.plain) == most
    value: Any = 1
    for _ in range(most + 3):
        value = {"a": value}
    assert deep.decode(deep.encode(value)) == value
    assert accepts(deep.plain, deep.encode(value))
    # A part that is referred to may stand deeper than where it was met first.
    inner = {"$ref": "#/$defs/deep"}
    for _ in range(3):
        inner = {"type": "object", "properties": {"a": inner}, "required": ["a"]}
    both = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/deep"}, "y": inner},
        "required": ["x", "y"],
        "$defs": {"deep": nested(most - 1)},
    }
    assert depth(dialect(name).schema(OutputSchema.from_json_schema(both)).plain) <= most


def test_a_limit_of_optional_properties():
    for count in (24, 25):
        many = create_model("Many", **{f"f{i}": (int, 0) for i in range(count)})
        in_words = "value" not in of("anthropic", many).json_schema["properties"]
        assert in_words is (count == 24)


@pytest.mark.parametrize(
    ("type_", "reply", "value"),
    [
        (Regex("[a-z]+"), {"value": "abc"}, "abc"),
        (Text(max_chars=3), {"value": "日本"}, "日本"),
    ],
)
def test_a_text_type_is_a_string_to_a_provider(type_: Any, reply: Any, value: str):
    for name in ("openai", "azure", "anthropic"):
        schema = of(name, type_)
        assert accepts(schema.plain, reply)
        assert schema.read(json.dumps(reply)) == value
        with pytest.raises(ValidationFailed):
            schema.read('{"value": "1234"}')


# --- JSON Schemas -----------------------------------------------------------------------------

SCHEMAS: list[tuple[JsonSchema, list[Any]]] = [
    ({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}]}, [{"a": 1}, {}]),
    ({"type": ["string", "null"]}, ["a", None]),
    ({"not": {"type": "string"}}, [1, None, {"a": [1]}]),
    ({"properties": {"a": {"const": {"x": 1}}}, "required": ["a"]}, [{"a": {"x": 1}}]),
    ({"enum": ["a", 1, None, True]}, ["a", 1, None, True]),
    ({"enum": [[1], {}]}, [[1], {}]),
    ({"type": "array", "contains": {"const": 1}}, [[1, "a"]]),
    ({"patternProperties": {"^a": {"type": "integer"}}, "type": "object"}, [{"ab": 1}]),
    ({"type": "array", "prefixItems": [{"type": "integer"}]}, [[], [1], [1, "x"]]),
    ({"type": "array", "items": False}, [[]]),
    ({"type": "object", "properties": {"a": False, "b": True}}, [{"b": [None]}]),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}}, [3]),
    ({"$defs": {"x": {"$anchor": "here", "type": "integer"}}, "$ref": "#here"}, [3]),
    ({"type": "object", "properties": {"n": {"$ref": "#"}}}, [{"n": {"n": {}}}]),
    ({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 3}]}, [1, 3.5]),
    ({"type": "string", "pattern": "(?=a)a"}, ["a"]),
    ({"if": {"type": "string"}, "then": {"maxLength": 1}}, ["a", 7]),
    ({"type": "object", "anyOf": [{"required": ["a"]}], "properties": {"a": {}}}, [{"a": 1}]),
    ({"type": "integer", "$ref": "#/$defs/x", "$defs": {"x": {"minimum": 2}}}, [2]),
    ({"anyOf": [True, {"type": "integer"}]}, [1, "a", [None]]),
    ({"allOf": [{"$ref": "#/$defs/x"}, {"minimum": 2}], "$defs": {"x": {"type": "integer"}}}, [2]),
]


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(("json_schema", "values"), SCHEMAS)
def test_any_json_schema_can_be_carried(name: str, json_schema: JsonSchema, values: list[Any]):
    schema = dialect(name).schema(OutputSchema.from_json_schema(json_schema))
    assert obeys(schema.plain, PROFILES[name]) == []
    for value in values:
        written = schema.encode(value)
        assert accepts(schema.plain, written)
        assert schema.read(json.dumps(written)) == value


@pytest.mark.parametrize("name", STRICT)
@pytest.mark.parametrize(("json_schema", "values"), SCHEMAS)
def test_each_keyword_is_in_the_audit(name: str, json_schema: JsonSchema, values: list[Any]):
    schema = dialect(name).schema(OutputSchema.from_json_schema(json_schema))
    known = {finding.keyword for finding in schema.audit.findings}
    outermost = set(json_schema) - SAYS_NOTHING
    assert outermost <= known
    assert all(f.reason for f in schema.audit.by("validator"))
    assert {f.by for f in schema.audit.findings} <= set(get_args(Literal["grammar", "validator"]))


def test_a_schema_of_no_value_is_refused():
    contract = OutputSchema(
        name="none", description="", json_schema=FALSE, adapter=TypeAdapter(Any)
    )
    with pytest.raises(ConstraintError, match="no value") as caught:
        dialect("openai").schema(contract)
    assert caught.value.path == "$.properties.a"


FALSE: JsonSchema = {"type": "object", "properties": {"a": False}, "required": ["a"]}


def diamond(levels: int) -> JsonSchema:
    """Two ways to the next level from each: 2 ** levels ways in all."""
    definitions: JsonSchema = {"l0": {"type": "integer"}}
    for i in range(1, levels + 1):
        below = {"$ref": f"#/$defs/l{i - 1}"}
        definitions[f"l{i}"] = {
            "type": "object",
            "properties": {"a": below, "b": below},
            "required": ["a", "b"],
        }
    return {"$ref": f"#/$defs/l{levels}", "$defs": definitions}


HOSTILE = [
    diamond(40),
    nested(300),
    {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
    {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "allOf": [{"$ref": "#/$defs/a"}]},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    {"oneOf": [{"type": "object", "properties": {f"p{i}": {}}} for i in range(1000)]},
    {"enum": [f"value {i}" for i in range(10_000)]},
    {"type": "object", "properties": {f"p{i}": {"type": "null"} for i in range(10_000)}},
    {"anyOf": [{"anyOf": [{"$ref": "#"}, {"type": "null"}]}, {"$ref": "#"}]},
]


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("json_schema", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_schema_is_written_in_little_time(name: str, json_schema: JsonSchema):
    began = time.process_time()
    contract = OutputSchema(
        name="hostile", description="", json_schema=json_schema, adapter=TypeAdapter(Any)
    )
    schema = dialect(name).schema(contract)
    assert time.process_time() - began < 10
    assert obeys(schema.plain, PROFILES[name]) == []
    assert len(json.dumps(schema.json_schema)) < 3_000_000


# --- replies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["", "{", "[1", b"\xff", "NaN"])
def test_a_reply_that_is_no_json_is_refused(reply: Any):
    with pytest.raises(ValidationFailed):
        of("openai", Person).read(reply)


@pytest.mark.parametrize("reply", ["3", "[3]", '{"value": 3, "x": "a"}', '{"a": {"b": []}}'])
@pytest.mark.parametrize(
    "type_", [Person, Open, dict[str, int], tuple[int, str], Cat | Dog, Tree, list[Tree] | None]
)
def test_a_reply_in_another_form_is_refused_by_the_contract(reply: str, type_: Any):
    with pytest.raises(ValidationFailed):
        of("openai", type_).read(reply)


def test_json_text_that_is_no_json_is_what_it_says():
    assert of("openai", Any).read('{"value": "plain words"}') == "plain words"


def test_unknown_dialects_are_refused():
    with pytest.raises(SchemaError, match="expected one of openai, azure"):
        dialect("openia")
    assert dialect("openai-compatible").name == "compatible"


def test_each_profile_names_its_source():
    for profile in PROFILES.values():
        assert "20" in profile.source
        assert len(profile.source) > 30
