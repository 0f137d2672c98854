"""Terms of outlines wherever a type can be given."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

pytest.importorskip("outlines")

import outlines.grammars
import outlines.types as ot
from outlines.types import dsl

from structured import ConstraintError, OutputSchema, SchemaError, ValidationFailed, output_schema
from structured.outlines_types import is_term

from .strategies import ENGINE, refused_at

POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}},
    "required": ["x"],
    "additionalProperties": False,
}


def reads(type_: Any, text: str) -> bool:
    schema = output_schema(type_)
    try:
        schema.validate_json(text)
    except ValidationFailed:
        return False
    assert refused_at(schema.constraint, text) == ""
    return True


EXAMPLES = {
    "integer": (["-12", "0"], ["007", "1.5", ""]),
    "number": (["1.5e3", "-2"], ["1."]),
    "boolean": (["True", "False"], ["true"]),
    "string": (['"a"'], ["a"]),
    "date": (["2024-02-29"], ["2024-13-01"]),
    "time": (["23:59:59"], ["24:00:00"]),
    "datetime": (["2024-02-29 23:59:59"], ["2024-02-29T23:59:59"]),
    "email": (["a.b@example.com"], ["a.b@", "@example.com"]),
    "ipv4": (["127.0.0.1"], ["256.0.0.1"]),
    "ipv6": (["::1", "fe80:0:0:0:0:0:0:1"], ["1:2"]),
    "uuid4": (["4b9e5a0e-3c43-4f0e-9d1c-0d6f0e6b8a11"], ["4b9e5a0e"]),
    "isbn": (["0-19-852663-6", "9780198526636"], ["12345", "0-19-852663"]),
    "sentence": (["Hello there."], ["hello."]),
    "slug": (["a-b"], ["a--b", "-a"]),
    "iban": (["GB82WEST12345698765432"], ["GB8"]),
    "hex_color": (["#a0f"], ["#a0"]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_predefined_type_takes_what_it_names(name: str):
    good, bad = EXAMPLES[name]
    term = getattr(ot, name)
    assert {text: reads(term, text) for text in good + bad} == {
        **dict.fromkeys(good, True),
        **dict.fromkeys(bad, False),
    }


def test_every_predefined_type_has_a_contract_that_agrees_with_outlines():
    terms = {name: getattr(ot, name) for name in ot.__all__ if is_term(getattr(ot, name))}
    assert len(terms) >= 20
    texts = [text for good, bad in EXAMPLES.values() for text in good + bad]
    for name, term in terms.items():
        found = {text: reads(term, text) for text in texts}
        assert found == {text: term.matches(text) for text in texts}, name


@pytest.mark.parametrize(
    ("term", "good", "bad"),
    [
        (dsl.String("a.b"), ["a.b"], ["axb"]),
        (dsl.Regex("a|b"), ["a", "b"], ["ab"]),
        ("n = " + ot.digit + dsl.either(" kg", " g"), ["n = 5 kg"], ["n = 5", "5 kg"]),
        (ot.digit.exactly(2), ["12"], ["1", "123"]),
        (ot.digit.at_least(2), ["12", "1234"], ["1"]),
        (ot.digit.at_most(2), ["", "12"], ["123"]),
        (ot.digit.between(1, 2), ["1", "12"], ["", "123"]),
        (dsl.exactly(2, "ab"), ["abab"], ["abb"]),
        (dsl.zero_or_more("ab"), ["", "abab"], ["aba"]),
        (dsl.one_or_more(dsl.either("a", ot.digit)), ["a1a"], [""]),
        (dsl.optional("-") + ot.digit, ["-1", "1"], ["--1"]),
        (dsl.Choice(["a", "b"]), ["a", "b"], ["c", "ab"]),
        (dsl.Choice([1, 2.5, True, "x|y", int]), ["1", "2.5", "True", "x|y", "77"], ["2x5", "x"]),
        (dsl.Alternatives([dsl.String("a"), ot.digit + ot.digit]), ["a", "12"], ["1"]),
        (dsl.CFG(outlines.grammars.arithmetic), ["1+2*(3)"], ["1+", ""]),
        (dsl.String("p/q: ") + dsl.JsonSchema(POINT), ['p/q: {"x": 1}'], ["p/q: {}"]),
        (dsl.one_or_more(ot.digit + dsl.JsonSchema(POINT)), ['1{"x": 1}2{"x": 2}'], ["1"]),
    ],
)
def test_terms_are_texts(term: Any, good: list[str], bad: list[str]):
    assert [text for text in good if not reads(term, text)] == []
    assert [text for text in bad if reads(term, text)] == []
    schema = output_schema(term)
    assert (schema.form, schema.validate_json(good[0])) == ("text", good[0])


def test_a_json_schema_is_a_value_and_not_a_text():
    schema = output_schema(dsl.JsonSchema(POINT))
    assert schema.form == "json"
    assert schema.validate_json('{"x": 1}') == {"x": 1}

    class Point(BaseModel):
        x: int

    of_class = output_schema(dsl.JsonSchema(Point))
    assert of_class.name == "Point"
    assert of_class.validate_json('{"x": 1}') == {"x": 1}


def test_what_no_grammar_says_is_checked_and_said_so():
    schema = output_schema(ot.isbn)
    (rule,) = schema.json_schema["x-rules"]
    assert rule.startswith("the lookahead at character")
    assert refused_at(schema.constraint, "1234") == ""
    with pytest.raises(ValidationFailed, match="regular expression"):
        schema.validate_json("1234")


@pytest.mark.parametrize(
    ("term", "said"),
    [
        (ot.email | None, "got None"),  # outlines puts it among the terms
        (dsl.Choice([[1]]), "got [1]"),
        (dsl.String("a") + dsl.CFG("start: /b/"), "stand alone"),
    ],
)
def test_a_term_of_anything_else_is_refused(term: Any, said: str):
    with pytest.raises(SchemaError, match=re.escape(said)):
        output_schema(term)
    with pytest.raises(ConstraintError):
        output_schema(dsl.CFG("start: nowhere"))


# --- inside other types ---------------------------------------------------------------------


class User(BaseModel):
    mail: ot.email
    code: dsl.Regex("[A-Z]{2}")  # type: ignore[valid-type]
    size: dsl.either("S", "M", "L") = "M"


def test_a_term_is_the_type_of_a_field():
    schema = output_schema(User)
    text = '{"mail": "a@b.de", "code": "XY"}'
    assert schema.validate_json(text) == User(mail="a@b.de", code="XY")
    assert refused_at(schema.constraint, text) == ""
    for wrong in ({"mail": "a@b.de", "code": "XYZ"}, {"mail": "a", "code": "XY"}):
        written = json.dumps(wrong)
        assert refused_at(schema.constraint, written)
        with pytest.raises(ValidationFailed):
            schema.validate_json(written)
    assert not ENGINE.check(schema.constraint)


def test_a_term_is_the_type_of_items():
    schema: OutputSchema[list[str]] = output_schema(list[ot.hex_color])
    assert schema.validate_json('["#fff"]') == ["#fff"]
    assert refused_at(schema.constraint, '["fff"]')


@pytest.mark.parametrize("term", [dsl.CFG("start: /a/"), dsl.JsonSchema(POINT)])
def test_a_term_that_outlines_cannot_validate_is_no_type_of_a_field(term: Any):
    class Holder(BaseModel):
        value: term

    with pytest.raises(SchemaError, match="inside another type"):
        output_schema(Holder)


def test_outlines_is_not_imported():
    code = "import sys, structured; structured.output_schema(int); print('outlines' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
