"""Texts as output types: regular expressions, Lark grammars, choices, plain text."""

import pickle
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from structured import ConstraintError, OutputSchema, SchemaError, ValidationFailed, sample
from structured.contract import output_schema
from structured.text import Choices, Lark, Regex, Text, TextSchema

from .strategies import ENGINE, refused_at

SUM = Lark("start: NUMBER (SIGN NUMBER)*\nNUMBER: /[0-9]+/\nSIGN: /[-+]/", name="sum")


@pytest.mark.parametrize(
    ("type_", "texts"),
    [
        (Regex(r"\d{4}-\d{2}"), ["2024-01", "0000-99"]),
        (Regex("a/b|日本"), ["a/b", "日本"]),
        (SUM, ["1", "12+3-4"]),
        (Choices("red", "green", "gr"), ["red", "green", "gr"]),
        (Choices('a"b\n', "", "\\"), ['a"b\n', "", "\\"]),
        (Text(), ["", "anything\nat all \x00é"]),
        (Text(min_chars=1, max_chars=3), ["a", "日本語", "\n\n"]),
        (Text(one_line=True), ["", "one line\t"]),
    ],
)
def test_a_text_that_matches_is_the_value(type_: Any, texts: list[str]):
    schema = output_schema(type_)
    for text in texts:
        assert schema.validate_json(text) == text
        assert schema.validate_json(text.encode()) == text
        assert schema.validate_python(text) == text
        assert schema.dump_json(text) == schema.dump(text) == text
        assert refused_at(schema.constraint, text) == ""
        for end in range(len(text)):
            assert schema.validate_partial(text[:end]) == text[:end]


@pytest.mark.parametrize(
    ("type_", "text", "path", "said", "got"),
    [
        (Regex(r"[0-9]{4}-[0-9]{2}"), "2024-1x", "$[6]", "'0'-'9'", "'x'"),
        (Regex(r"[0-9]{4}-[0-9]{2}"), "2024-012", "$[7]", "the end", "'2'"),
        (Regex(r"[0-9]{4}-[0-9]{2}"), "2024-", "$[5]", "'0'-'9'", "the end"),
        (Regex("日本|日曜"), "日月", "$[1]", "a character beyond ASCII", "'月'"),
        (SUM, "1+", "$[2]", "'0'-'9'", "the end"),
        (SUM, "1*2", "$[1]", "'+', '-', '0'-'9' or the end", "'*2'"),
        (Choices("red", "green"), "grey", "$[3]", "'e'", "'y'"),
        (Choices("red", "green"), "", "$[0]", "'g' or 'r'", "the end"),
        (Text(max_chars=3), "abcd", "$[3]", "at most 3 characters", "'d'"),
        (Text(min_chars=3), "ab", "$[2]", "at least 3 characters", "the end"),
        (Text(one_line=True), "ab\u2028c", "$[2]", "one line", "'\\u2028c'"),
    ],
)
def test_a_text_that_does_not_match_is_refused_where_it_stops_matching(
    type_: Any, text: str, path: str, said: str, got: str
):
    schema = output_schema(type_)
    with pytest.raises(ValidationFailed) as caught:
        schema.validate_json(text)
    assert caught.value.text == text
    assert caught.value.contract == schema.name
    (violation,) = caught.value.violations
    assert (violation.path, violation.message, violation.got) == (path, said, got)
    assert refused_at(schema.constraint, text)


def test_a_beginning_that_can_not_go_on_is_refused_and_one_that_can_is_not():
    schema = output_schema(Regex("ab+c"))
    assert schema.validate_partial("abb") == "abb"
    with pytest.raises(ValidationFailed, match=r"\$\[1\]"):
        schema.validate_partial("ac")
    assert output_schema(Text(min_chars=5)).validate_partial("ab") == "ab"
    with pytest.raises(ValidationFailed):
        output_schema(Text(max_chars=1)).validate_partial("ab")


@pytest.mark.parametrize("max_chars", [None, 6, 3000])
def test_a_marker_ends_a_text_and_is_no_part_of_it(max_chars: int | None):
    schema = output_schema(Text(min_chars=2, max_chars=max_chars, stop="</a>"))
    assert schema.validate_json("abc</a>") == "abc"
    assert schema.validate_json("abc") == "abc"
    assert schema.validate_json("a<</a>") == "a<"
    assert schema.validate_partial("a") == "a"
    with pytest.raises(ValidationFailed, match="at least 2"):
        schema.validate_json("a</a>")
    with pytest.raises(ValidationFailed, match="at least 2"):
        schema.validate_partial("a</a>")
    for text in ("abc</a>", "abc", "a<</a>", "ab</a"):
        assert refused_at(schema.constraint, text) == ""
    assert refused_at(schema.constraint, "abc</a>x") == "x"
    assert refused_at(schema.constraint, "a</a>")
    # What the marker's letters mean in a pattern is of no matter.
    for stop in ("\n\n", "/", ".*", '"', "日", "\\"):
        schema = output_schema(Text(stop=stop))
        assert refused_at(schema.constraint, f"ab{stop}") == ""
        assert refused_at(schema.constraint, f"ab{stop}c") == "c"
        assert schema.validate_json(f"ab{stop}") == "ab"


@pytest.mark.parametrize("type_", [Regex("a+b?"), SUM, Choices("x", "yz"), Text(max_chars=9)])
@given(st.integers(0, 2**32))
@settings(max_examples=25)
def test_what_the_grammar_lets_through_validates(type_: Any, seed: int):
    schema = output_schema(type_)
    text = sample(schema.constraint, seed, engine=ENGINE)
    assert schema.validate_json(text) == text


LINES = Text(max_chars=5, min_chars=1, one_line=True)


@given(st.text(max_size=7))
def test_a_line_is_what_splitlines_calls_one(text: str):
    schema = output_schema(LINES)
    fits = len(text.splitlines()) == 1 and 1 <= len(text) <= 5 and text == text.splitlines()[0]
    assert (refused_at(schema.constraint, text) == "") == fits
    try:
        assert schema.validate_json(text) == text
        assert fits
    except ValidationFailed:
        assert not fits


def test_a_pattern_that_looks_around_is_refused_or_relaxed_and_checked():
    with pytest.raises(ConstraintError) as caught:
        output_schema(Regex(r"(?!0)[0-9]+"))
    assert (caught.value.keyword, caught.value.path) == ("lookahead", "$[0]")
    assert pickle.loads(pickle.dumps(caught.value)).keyword == "lookahead"

    schema = output_schema(Regex(r"(?!0)[0-9]+", relax=True))
    assert refused_at(schema.constraint, "012") == ""
    assert schema.json_schema["x-rules"] == [
        "the lookahead at character 0 of the pattern (?!0)[0-9]+"
    ]
    assert schema.validate_json("120") == "120"
    assert schema.validate_partial("0") == "0"
    with pytest.raises(ValidationFailed, match="regular expression"):
        schema.validate_json("012")


@pytest.mark.parametrize(
    ("type_", "error", "said"),
    [
        (Regex("("), SchemaError, "not a regular expression"),
        (Regex(3), SchemaError, "a pattern as text"),  # type: ignore[arg-type]
        (Regex("a^b"), ConstraintError, "leave ^ and $ out"),
        (Lark("start: a"), ConstraintError, 'unknown name: "a"'),
        (Lark(""), ConstraintError, "Lark grammar"),
        (Lark(b"start: a"), SchemaError, "a grammar as text"),  # type: ignore[arg-type]
        (Choices(), SchemaError, "at least one choice"),
        (Choices("a", 1), SchemaError, "Literal"),  # type: ignore[arg-type]
        (Text(min_chars=3, max_chars=2), SchemaError, "min_chars <= max_chars"),
        (Text(min_chars=-1), SchemaError, "min_chars"),
        (Text(stop=""), SchemaError, "not empty"),
    ],
)
def test_what_is_no_text_type_is_refused(type_: Any, error: type[Exception], said: str):
    with pytest.raises(error) as caught:
        output_schema(type_)
    assert said in str(caught.value)


def test_bytes_and_objects_that_are_no_text():
    schema = output_schema(Text())
    with pytest.raises(ValidationFailed, match="UTF-8"):
        schema.validate_json(b"a\xff")
    with pytest.raises(ValidationFailed, match="a text, got 3"):
        schema.validate_python(3)


def test_names_descriptions_and_shapes():
    assert output_schema(Regex("a+")).name == "Regex('a+')"
    assert output_schema(SUM).name == "sum"
    assert output_schema(Choices("a", "b")).name == "Choices('a', 'b')"
    assert output_schema(Text(one_line=True)).name == "line"
    assert repr(output_schema(Text())) == "TextSchema[text]"
    schema = output_schema(Regex("[A-Z]{2}", name="country", description="ISO 3166"))
    assert (schema.name, schema.description) == ("country", "ISO 3166")
    assert schema.json_schema["description"] == "ISO 3166"
    assert schema.shape == "text that matches the regular expression [A-Z]{2}"
    assert output_schema(Choices("a", "b")).shape == 'one of: "a" | "b"'
    assert "at most 3 characters" in output_schema(Text(max_chars=3)).shape
    assert "start: NUMBER" in output_schema(SUM).shape
    assert output_schema(list[int]).shape == "integer[]"


def test_whether_a_reply_is_json_or_text():
    assert output_schema(Text()).form == "text"
    assert isinstance(output_schema(Text()), TextSchema)
    assert output_schema(str).form == output_schema({"type": "string"}).form == "json"


def test_everything_else_goes_through_the_same_door():
    schema = {"type": "integer", "title": "n"}
    assert output_schema(int) is OutputSchema.of(int)
    assert output_schema(schema).json_schema == schema
    assert output_schema('{"type": "integer", "title": "n"}').name == "n"
    made = output_schema(Text())
    assert output_schema(made) is made
    with pytest.raises(SchemaError):
        output_schema("no JSON")


# --- inside other types ---------------------------------------------------------------------


class Invoice(BaseModel):
    number: Annotated[str, Regex("INV-[0-9]+")]
    colour: Annotated[str, Choices("red", "green")]
    note: Annotated[str, Text(max_chars=3, one_line=True)] = ""


def test_a_text_type_stands_in_a_class_as_a_json_string():
    schema = output_schema(Invoice)
    text = '{"number": "INV-12", "colour": "red", "note": "abc"}'
    assert schema.validate_json(text).number == "INV-12"
    assert refused_at(schema.constraint, text) == ""
    for wrong in (
        '{"number": "INV-x", "colour": "red"}',
        '{"number": "INV-1", "colour": "blue"}',
        '{"number": "INV-1", "colour": "red", "note": "abcd"}',
        '{"number": "INV-1", "colour": "red", "note": "a\\n"}',
    ):
        assert refused_at(schema.constraint, wrong)
        with pytest.raises(ValidationFailed):
            schema.validate_json(wrong)
    assert not ENGINE.check(schema.constraint)


def test_the_violation_in_a_class_says_what_was_expected():
    with pytest.raises(ValidationFailed) as caught:
        output_schema(Invoice).validate_json('{"number": "INV-", "colour": "red"}')
    (violation,) = caught.value.violations
    assert (violation.path, violation.kind) == ("$.number", "text_mismatch")
    assert "'0'-'9'" in violation.message


def test_a_grammar_in_a_class_is_left_to_the_validator_and_said_so():
    class Task(BaseModel):
        sum: Annotated[str, SUM]

    schema = output_schema(Task)
    assert schema.validate_json('{"sum": "1+2"}').sum == "1+2"
    with pytest.raises(ValidationFailed):
        schema.validate_json('{"sum": "1+"}')
    assert any("Lark" in relaxed.reason for relaxed in ENGINE.check(schema.constraint))


def test_a_text_type_stands_in_a_list():
    schema: OutputSchema[list[str]] = output_schema(list[Regex("[a-z]")])  # type: ignore[misc]
    assert schema.validate_json('["a", "b"]') == ["a", "b"]
    assert refused_at(schema.constraint, '["a", "1"]')
