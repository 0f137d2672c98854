"""Engines by name, and what all of them have in common."""

import builtins
import json
import pickle
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from structured import (
    ChoiceConstraint,
    Constraint,
    ConstraintError,
    JsonConstraint,
    LarkConstraint,
    Matcher,
    RegexConstraint,
    ToolCallConstraint,
    ToolSpec,
    Vocabulary,
)
from structured.constraint import Reasoning
from structured.engine import Engine
from structured.engines import DEFAULT, ENGINES, bare_engine, engine
from structured.engines.quoted_patterns import in_json_text
from structured.engines.spelling import spelling
from structured.errors import EngineNotInstalled, UnknownEngine

from .strategies import BYTES

PACKAGES = {"xgrammar": "xgrammar", "outlines": "outlines_core"}
END = BYTES.eos[0]
YES_NO = ChoiceConstraint(options=("yes", "no"))
PIECES = [b"", b"yes", b"no", b"y", b"e", b"s", b"n", b"o", b" ", b"<|im_end|>", b"<|eot|>"]
WORDS = Vocabulary.of_tokens(
    PIECES,
    special=frozenset([9, 10]),
    eos=(10, 9),
    encode=lambda text: [1] if text == "yes" else [PIECES.index(bytes([b])) for b in text.encode()],
)


@pytest.fixture(params=ENGINES)
def chosen(request: pytest.FixtureRequest) -> Engine:
    if request.param in PACKAGES:
        pytest.importorskip(PACKAGES[request.param])
    return engine(request.param)


def of_schema(schema: Any) -> JsonConstraint:
    return JsonConstraint(schema_text=json.dumps(schema))


def allowed(matcher: Matcher, size: int = END + 1) -> set[int]:
    mask = int.from_bytes(matcher.mask(), "little")
    return {token for token in range(size) if mask >> token & 1}


def takes(tried: Engine, constraint: Constraint, text: str) -> bool:
    matcher = tried.compile(constraint, BYTES).matcher()
    return matcher.accept(list(text.encode())) == len(text.encode()) and matcher.accepting


# --- the registry ------------------------------------------------------------------------------


def test_everybody_gets_the_same_engine(chosen):
    assert engine(chosen.name) is chosen
    assert engine() is engine(DEFAULT)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownEngine, match="llguidance") as caught:
        engine("lm-format-enforcer")
    assert pickle.loads(pickle.dumps(caught.value)).known == ENGINES


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_missing_package_names_the_extra(name, monkeypatch):
    original = builtins.__import__

    def without(module: str, *args: Any, **kwargs: Any) -> Any:
        if module == PACKAGES[name]:
            raise ImportError(f"no module named {module}")
        return original(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EngineNotInstalled, match=rf"pip install 'byzer-agents\[{name}\]'"):
        bare_engine(name)


# --- matchers -----------------------------------------------------------------------------------


def test_a_matcher_goes_as_far_as_the_grammar(chosen):
    matcher = chosen.compile(YES_NO, BYTES).matcher()
    assert allowed(matcher) == set(b"yn")
    assert not matcher.accepting
    assert not matcher.finished
    assert matcher.accept(list(b"yex")) == 2
    assert matcher.accept(list(b"s")) == 1
    assert matcher.accepting
    assert matcher.finished
    assert allowed(matcher) == {END}
    assert matcher.accept(list(b"s")) == 0


def test_where_a_text_may_end_or_go_on_the_end_token_is_a_choice(chosen):
    matcher = chosen.compile(ChoiceConstraint(options=("a", "ab")), BYTES).matcher()
    matcher.accept(list(b"a"))
    assert allowed(matcher) == {ord("b"), END}
    goes_on = matcher.copy()
    assert matcher.accept([END]) == 1
    assert matcher.finished
    assert matcher.accept([END]) == 0
    assert goes_on.accept(list(b"b")) == 1
    assert goes_on.finished
    matcher.rollback(1)
    assert allowed(matcher) == {ord("b"), END}


def test_tokens_are_taken_back(chosen):
    matcher = chosen.compile(of_schema({"type": "array", "items": {"type": "integer"}}), BYTES)
    matcher = matcher.matcher()
    start = allowed(matcher)
    assert matcher.accept(list(b"[12, 3]")) == 7
    matcher.rollback(2)
    assert matcher.accept(list(b"45]")) == 3
    matcher.rollback(8)
    assert allowed(matcher) == start
    with pytest.raises(ConstraintError):
        matcher.rollback(1)


def test_a_token_that_there_is_not_is_an_error(chosen):
    with pytest.raises(ConstraintError, match="out of range"):
        chosen.compile(YES_NO, BYTES).matcher().accept([5000])


def test_what_is_without_a_choice_is_forced(chosen):
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    matcher = chosen.compile(of_schema(schema), BYTES).matcher()
    assert bytes(matcher.forced()) == b'{"name": "'
    matcher = chosen.compile(YES_NO, BYTES).matcher()
    assert matcher.forced() == []
    matcher.accept(list(b"y"))
    assert matcher.forced() == list(b"es")


def test_every_spelling_is_allowed_and_the_models_own_is_forced(chosen):
    assert allowed(chosen.compile(YES_NO, WORDS).matcher(), WORDS.size) == {1, 2, 3, 6}
    yes = chosen.compile(ChoiceConstraint(options=("yes",)), WORDS).matcher()
    assert yes.forced() == [1]
    assert yes.accept([3, 4, 5]) == 3
    assert yes.finished
    for end in WORDS.eos:
        matcher = chosen.compile(ChoiceConstraint(options=("no", "noo")), WORDS).matcher()
        matcher.accept([2])
        assert matcher.accept([end]) == 1


TOKENIZERS = {
    "byte-level": {
        "vocab": {
            "Ċ": 0,
            "Ġ": 1,
            '"': 2,
            "a": 3,
            "ab": 4,
            "Ã": 5,
            "©": 6,
            "b": 7,
            "{": 8,
            "<end>": 9,
        },
        "decoder": {"type": "ByteLevel"},
        "bytes": [b"\n", b" ", b'"', b"a", b"ab", b"\xc3", b"\xa9", b"b", b"{", b""],
    },
    "sentencepiece": {
        "vocab": {
            "<0x0A>": 0,
            "▁": 1,
            '"': 2,
            "a": 3,
            "ab": 4,
            "é": 5,
            "▁a": 6,
            "b": 7,
            "{": 8,
            "<end>": 9,
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "bytes": [b"\n", b" ", b'"', b"a", b"ab", "é".encode(), b" a", b"b", b"{", b""],
    },
}


def tokenizer_json(kind: str) -> str:
    told = TOKENIZERS[kind]
    level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [
                {"id": 9, "content": "<end>", "special": True, "single_word": False}
                | {"lstrip": False, "rstrip": False, "normalized": False}
            ],
            "normalizer": None,
            "pre_tokenizer": level if kind == "byte-level" else None,
            "post_processor": None,
            "decoder": level if kind == "byte-level" else told["decoder"],
            "model": {
                "type": "BPE",
                "vocab": told["vocab"],
                "merges": [["a", "b"]],
                "byte_fallback": kind == "sentencepiece",
            },
        }
    )


@pytest.mark.parametrize("kind", sorted(TOKENIZERS))
def test_a_tokenizer_json_is_read_as_bytes(kind, chosen):
    vocabulary = Vocabulary.of_tokenizer_json(tokenizer_json(kind), size=12, eos=(9,))
    assert list(spelling(vocabulary).pieces[:10]) == TOKENIZERS[kind]["bytes"]
    matcher = chosen.compile(ChoiceConstraint(options=("ab", "é")), vocabulary).matcher()
    assert allowed(matcher, 12) == {3, 4, 5}
    assert matcher.accept([4]) == 1
    assert matcher.finished
    assert allowed(matcher, 12) == {9}


# --- constraints -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a(cb)?", ["a", "acb"], ["ac", ""]),
        ("(ab|abc)", ["ab", "abc"], ["abcc"]),
        (r"-?[0-9]+(\.[0-9]+)?", ["-1", "2.5"], ["2.", "x"]),
        ("^[a-z]{2,3}$", ["ab", "abc"], ["a", "abcd"]),
        ("é+", ["éé"], ["e"]),
    ],
)
def test_a_regular_expression_is_of_the_whole_text(chosen, pattern, yes, no):
    constraint = RegexConstraint(pattern=pattern)
    assert all(takes(chosen, constraint, text) for text in yes)
    assert not any(takes(chosen, constraint, text) for text in no)


def test_a_choice_is_text_whatever_is_in_it(chosen):
    options = ('"quoted" \\ back', "new\nline", "a.b*c", "日本 😀", "\x7f\x1b[0m")
    constraint = ChoiceConstraint(options=options)
    assert all(takes(chosen, constraint, option) for option in options)
    assert not takes(chosen, constraint, "aXb*c")


def test_a_lark_grammar_is_decoded_under(chosen):
    constraint = LarkConstraint(grammar='start: "(" start ")" | "x"')
    assert takes(chosen, constraint, "((x))")
    assert not takes(chosen, constraint, "((x)")


TOOLS = ToolCallConstraint(
    tools=(
        ToolSpec(
            name="add",
            parameters_text=json.dumps(
                {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}},
                    "required": ["a"],
                    "additionalProperties": False,
                }
            ),
        ),
        ToolSpec(name="stop", parameters_text='{"type": "object", "additionalProperties": false}'),
    )
)


def test_tools_are_called_in_the_same_way(chosen):
    for text in (
        '{"name": "add", "arguments": {"a": 1}}',
        '{"name": "stop", "arguments": {}}',
        '{"answer": "x"}',
    ):
        assert takes(chosen, TOOLS, text), text
    for text in ('{"name": "add", "arguments": {}}', '{"name": "sub", "arguments": {}}', "{}"):
        assert not takes(chosen, TOOLS, text), text


def test_reasoning_comes_first_or_is_refused(chosen):
    thinking = TOOLS.model_copy(update={"reasoning": Reasoning(max_characters=50)})
    call = '{"name": "stop", "arguments": {}}'
    if chosen.name == "outlines":
        with pytest.raises(ConstraintError, match="reasoning"):
            chosen.compile(thinking, BYTES)
        return
    assert takes(chosen, thinking, f"<think>a < b </ c</think>{call}")
    assert not takes(chosen, thinking, call)
    assert not takes(chosen, thinking, f"<think>{'x' * 60}</think>{call}")


# --- schemas: what is let through, and what is owned up to --------------------------------------

SCHEMAS: list[tuple[Any, list[Any], list[Any]]] = [
    ({"type": ["integer", "null"]}, [1, -20, None], ["a", 1.5]),
    ({"enum": [1, "a", None, "x\ny"], "type": ["string", "null"]}, ["a", None, "x\ny"], [1, "b"]),
    ({"const": {"a\n": [1, 'x"', {}]}}, [{"a\n": [1, 'x"', {}]}], [{}]),
    ({"type": "integer", "minimum": 3, "maximum": 120}, [3, 99, 120], [2, 121]),
    ({"type": "number", "exclusiveMinimum": 0}, [0.5, 3], [0, -1]),
    ({"type": "integer", "multipleOf": 3}, [0, 9], [4]),
    ({"type": "integer", "multipleOf": 3, "minimum": 4}, [6, 9], [3, 7]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
    ({"type": "string", "pattern": "a"}, ["bab", "a"], ["b"]),
    ({"type": "string", "pattern": "^a|b$"}, ["ax", "xb"], ["xa"]),
    ({"type": "string", "pattern": "^[^a].$"}, ["bc"], ["ac", "b"]),
    ({"type": "string", "pattern": "^a+$", "maxLength": 2}, ["a", "aa"], ["b", "aaa"]),
    ({"type": "string", "pattern": '^"'}, ['"x'], ["x"]),
    ({"type": "string", "format": "date"}, ["2020-01-31"], ["x"]),
    ({"type": "string", "format": "ipv4"}, ["127.0.0.1"], ["x"]),
    (
        {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
        [[1], [1, 2]],
        [[], [1, 2, 3]],
    ),
    (
        {
            "type": "array",
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "items": False,
            "minItems": 2,
        },
        [[1, "a"]],
        [["a", 1], [1]],
    ),
    ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, [[1, 2]], [[1, 1]]),
    ({"type": "array", "contains": {"const": 1}}, [[1], [2, 1]], [[2], []]),
    (
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]},
        [{"a": 1}, {"a": 1, "b": "x"}],
        [{}, {"a": "x"}],
    ),
    ({"type": "object", "additionalProperties": False}, [{}], [{"a": 1}]),
    (
        {"type": "object", "additionalProperties": {"type": "integer"}},
        [{}, {"a": 1, "b": 2}],
        [{"a": "x"}],
    ),
    ({"type": "object", "required": ["a"]}, [{"a": 1}], [{}]),
    (
        {"type": "object", "properties": {"a": False, "b": {"type": "integer"}}},
        [{}, {"b": 1}],
        [{"a": 1}],
    ),
    (
        {"type": "object", "patternProperties": {"^s": {"type": "string"}}},
        [{"sa": "x"}, {"b": 1}],
        [{"sa": 1}],
    ),
    ({"type": "object", "propertyNames": {"pattern": "^a+$"}}, [{"a": 1}], [{"b": 1}]),
    (
        {"type": "object", "properties": {'k"\n': {"type": "integer"}}, "required": ['k"\n']},
        [{'k"\n': 1}],
        [{}],
    ),
    (
        {"type": "object", "minProperties": 1, "maxProperties": 1},
        [{"a": 1}],
        [{}, {"a": 1, "b": 2}],
    ),
    (
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "dependentRequired": {"a": ["b"]},
        },
        [{}, {"a": 1, "b": 2}],
        [{"a": 1}],
    ),
    (
        {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "null"}}]},
        [1, [None]],
        ["a"],
    ),
    ({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 2}]}, [5, 2], ["a", 3]),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, [1.5], [1, "a"]),
    ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, [3], [2, "a"]),
    ({"not": {"type": "integer"}}, ["a", None], [3]),
    (
        {"if": {"type": "integer"}, "then": {"minimum": 3}, "else": {"type": "string"}},
        [3, "a"],
        [2, None],
    ),
    ({"$ref": "#/$defs/a~1b", "minimum": 4, "$defs": {"a/b": {"type": "integer"}}}, [4], [1, "x"]),
    ({"minimum": 3}, [3, "a", None], [2]),
    ({"type": "integer", "x-rules": ["is odd"]}, [3], ["a"]),
    ({}, [1, "a", None, [1, "b"], {"a": 1, "b": None}], []),
]


@pytest.mark.parametrize(("schema", "yes", "no"), SCHEMAS, ids=[str(s[0])[:60] for s in SCHEMAS])
def test_what_is_let_through_wrongly_is_owned_up_to(chosen, schema, yes, no):
    constraint = of_schema(schema)
    judge = Draft202012Validator(schema, format_checker=FormatChecker())
    assert all(judge.is_valid(value) for value in yes)
    assert not any(judge.is_valid(value) for value in no if "x-rules" not in schema)
    for value in yes:
        text = json.dumps(value, ensure_ascii=False)
        assert takes(chosen, constraint, text), text
    for value in no:
        text = json.dumps(value, ensure_ascii=False)
        assert not takes(chosen, constraint, text) or chosen.check(constraint), text
    assert chosen.compile(constraint, BYTES).relaxed == chosen.check(constraint)
    assert chosen.audit(constraint).subject == chosen.name


def test_what_is_left_to_the_validator_is_told_with_its_path(chosen):
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    (found,) = chosen.audit(of_schema(schema)).by("validator")
    assert (found.path, found.keyword) == ("$.properties.a", "uniqueItems")


def test_what_no_text_can_meet_is_refused(chosen):
    for schema in (False, {"type": "object", "required": ["a"], "additionalProperties": False}):
        with pytest.raises(ConstraintError):
            chosen.check(of_schema(schema))
    with pytest.raises(ConstraintError) as caught:
        chosen.check(of_schema({"properties": {"a": {"$ref": "#/nowhere"}}}))
    assert (caught.value.path, caught.value.keyword) == ("$.properties.a", "$ref")


def test_a_schema_that_refers_to_itself_is_decoded_under_or_refused(chosen):
    schema = {"type": "object", "properties": {"n": {"$ref": "#"}}, "additionalProperties": False}
    if chosen.name == "outlines":
        with pytest.raises(ConstraintError, match="refers to itself"):
            chosen.compile(of_schema(schema), BYTES)
        return
    assert takes(chosen, of_schema(schema), '{"n": {"n": {}}}')
    assert not takes(chosen, of_schema(schema), '{"n": 1}')


@pytest.mark.parametrize(
    ("regex", "inside"),
    [
        ("(?:abc)", "(?:abc)"),
        ("(?s:.)*", r'[^"\\\x00-\x1F]*'),
        (r"[^a\n]", r'[^"\\\x00-\x1Fa\n]'),
        (r"a\s", "a "),
        ('a"', None),
        (r"\\", None),
        (r"\n", None),
        (r"\x{22}", None),
        (r"\x{2028}", r"\x{2028}"),
        (r"\W", None),
        (".", None),
        ("[.]", "[.]"),
    ],
)
def test_patterns_are_read_as_what_json_writes(regex, inside):
    assert in_json_text(regex) == inside
