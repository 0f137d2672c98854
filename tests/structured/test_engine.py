"""Grammars and matchers of the llguidance engine."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel

from structured import (
    ChoiceConstraint,
    Constraint,
    ConstraintError,
    JsonConstraint,
    LarkConstraint,
    Matcher,
    OutputSchema,
    RegexConstraint,
    ToolCallConstraint,
    ToolSpec,
    Vocabulary,
    sample,
)
from structured.engines.lark import to_lark
from structured.engines.llguidance_engine import LLGuidanceEngine

from .strategies import BYTES, ENGINE, refused_at

END = 256
YES_NO = ChoiceConstraint(options=("yes", "no"))


def of_schema(schema: Any) -> JsonConstraint:
    return JsonConstraint(schema_text=json.dumps(schema))


def begin(constraint: Constraint, vocabulary: Vocabulary = BYTES) -> Matcher:
    return ENGINE.compile(constraint, vocabulary).matcher()


def allowed(matcher: Matcher, size: int = END + 1) -> set[int]:
    mask = int.from_bytes(matcher.mask(), "little")
    return {token for token in range(size) if mask >> token & 1}


def takes(constraint: Constraint, text: str) -> bool:
    return not refused_at(constraint, text)


# --- matcher --------------------------------------------------------------------------------


def test_a_matcher_goes_as_far_as_the_grammar():
    matcher = begin(YES_NO)
    assert allowed(matcher) == set(b"yn")
    assert not matcher.accepting
    assert not matcher.finished
    assert matcher.accept(list(b"yex")) == 2
    assert matcher.accept(list(b"x")) == 0
    assert matcher.accept([]) == 0
    assert matcher.accept(list(b"s")) == 1
    assert matcher.accepting
    assert matcher.finished
    assert allowed(matcher) == {END}
    assert matcher.accept(list(b"s")) == 0


def test_a_mask_has_a_bit_for_every_token():
    mask = begin(YES_NO).mask()
    assert len(mask) % 4 == 0
    assert len(mask) * 8 >= BYTES.size


def test_where_a_text_may_end_or_go_on_the_end_token_is_one_of_the_choices():
    matcher = begin(ChoiceConstraint(options=("a", "ab")))
    matcher.accept(list(b"a"))
    assert matcher.accepting
    assert not matcher.finished
    assert allowed(matcher) == {ord("b"), END}
    goes_on = matcher.copy()
    assert matcher.accept([END]) == 1
    assert matcher.finished
    assert goes_on.accept(list(b"b")) == 1
    assert goes_on.finished


def test_tokens_are_taken_back():
    matcher = begin(OutputSchema.of(list[int]).constraint)
    start = allowed(matcher)
    matcher.accept(list(b"[12, 3]"))
    assert matcher.finished
    matcher.rollback(2)
    assert not matcher.accepting
    assert matcher.accept(list(b"45]")) == 3
    matcher.rollback(8)
    assert allowed(matcher) == start
    with pytest.raises(ConstraintError):
        matcher.rollback(1)


def test_what_is_without_a_choice_is_forced():
    matcher = begin(YES_NO)
    assert matcher.forced() == []
    matcher.accept(list(b"y"))
    assert matcher.forced() == list(b"es")
    assert matcher.accept(matcher.forced()) == 2
    assert matcher.forced() == []

    class Person(BaseModel):
        name: str

    assert bytes(begin(OutputSchema.of(Person).constraint).forced()) == b'{"name": "'


def test_a_copy_goes_its_own_way():
    matcher = begin(YES_NO)
    matcher.accept(list(b"y"))
    copy = matcher.copy()
    copy.accept(list(b"es"))
    assert copy.finished
    assert not matcher.finished
    assert allowed(matcher) == {ord("e")}


def test_matchers_of_one_grammar_are_independent():
    grammar = ENGINE.compile(YES_NO, BYTES)
    first, second = grammar.matcher(), grammar.matcher()
    first.accept(list(b"no"))
    assert allowed(second) == set(b"yn")


def test_a_token_that_there_is_not_is_an_error():
    with pytest.raises(ConstraintError, match="out of range"):
        begin(YES_NO).accept([5000])


# --- vocabularies ---------------------------------------------------------------------------

PIECES = [b"", b"yes", b"no", b"y", b"e", b"s", b"n", b"o", b" ", b"<|im_end|>", b"<|eot|>"]
WORDS = Vocabulary.of_tokens(
    PIECES,
    special=frozenset([9, 10]),
    eos=(10, 9),
    encode=lambda text: [1] if text == "yes" else [PIECES.index(bytes([b])) for b in text.encode()],
)


def test_every_spelling_is_allowed_and_the_models_own_is_forced():
    assert allowed(begin(YES_NO, WORDS), WORDS.size) == {1, 2, 3, 6}
    assert begin(ChoiceConstraint(options=("yes",)), WORDS).forced() == [1]
    spelled = begin(YES_NO, WORDS)
    assert spelled.accept([3, 4, 5]) == 3
    assert spelled.finished


def test_text_is_not_spelled_with_control_tokens_and_each_end_token_ends_it():
    anything = begin(RegexConstraint(pattern="(?s:.*)"), WORDS)
    assert allowed(anything, WORDS.size) == set(range(1, WORDS.size))
    looks_alike = ChoiceConstraint(options=("<|im_end|>no",))
    with_letters = Vocabulary.of_tokens(
        [*PIECES, *(bytes([i]) for i in range(256))],
        special=WORDS.special,
        eos=WORDS.eos,
        encode=lambda text: [len(PIECES) + b for b in text.encode()],
    )
    assert allowed(begin(looks_alike, with_letters), with_letters.size) == {len(PIECES) + ord("<")}
    for end in WORDS.eos:
        matcher = begin(ChoiceConstraint(options=("no", "noo")), WORDS)
        matcher.accept([2])
        assert matcher.accept([end]) == 1
        assert matcher.finished


def test_bytes_are_enough_of_a_vocabulary():
    text = "日本 é 😀"
    matcher = begin(ChoiceConstraint(options=(text,)))
    assert bytes(matcher.forced()).decode() == text
    assert matcher.accept(list(text.encode())) == len(text.encode())
    assert BYTES.size == 257
    assert BYTES.encode is not None
    assert BYTES.encode("é") == [0xC3, 0xA9]


def test_vocabularies_are_compared_by_identity():
    assert Vocabulary.of_bytes() != Vocabulary.of_bytes()
    assert len({BYTES, Vocabulary.of_bytes()}) == 2


# --- cache and threads ----------------------------------------------------------------------


def test_a_grammar_is_made_once_for_a_vocabulary():
    engine = LLGuidanceEngine()
    again = ChoiceConstraint(options=("yes", "no"))
    assert engine.compile(YES_NO, BYTES) is engine.compile(again, BYTES)
    assert engine.compile(YES_NO, WORDS) is not engine.compile(YES_NO, BYTES)
    forgetful = LLGuidanceEngine(cache_mb=0)
    first = forgetful.compile(YES_NO, BYTES)
    forgetful.compile(ChoiceConstraint(options=("a",)), BYTES)
    assert forgetful.compile(YES_NO, BYTES) is not first


def test_threads_may_compile_and_match_at_once():
    engine = LLGuidanceEngine()
    vocabulary = Vocabulary.of_bytes()
    constraints = [of_schema({"enum": [f"{i}", f"{i + 1}"]}) for i in range(8)]

    def work(i: int) -> tuple[int, str]:
        constraint = constraints[i % len(constraints)]
        matcher = engine.compile(constraint, vocabulary).matcher()
        matcher.accept(list(f'"{i % len(constraints)}"'.encode()))
        assert matcher.finished
        return i % len(constraints), sample(constraint, 5, engine=engine)

    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(work, range(120)))
    assert len(texts) == len(constraints)


# --- kinds of constraints -------------------------------------------------------------------

AWKWARD = [
    *("", " ", "a/b", "/a/", "//", '"', "\\", '\\"', "a\nb", "\t\r\b\f\x01\x7f", "\x00", "é日😀"),
    *("<|eos|>", "<eos>", "%json {}", "a|b", "(", "start: a", "{}", "\u2028", "'", "`", "#"),
]


@pytest.mark.parametrize("text", AWKWARD)
def test_a_choice_may_be_any_text(text: str):
    assert takes(ChoiceConstraint(options=(text,)), text)
    both = ChoiceConstraint(options=(text, "other"))
    assert takes(both, text)
    assert takes(both, "other")
    assert not takes(both, "oth")
    assert not takes(both, text + "x")


@pytest.mark.parametrize(
    ("pattern", "match", "others"),
    [
        ("", "", ["a"]),
        ("a/b", "a/b", ["ab", "a"]),
        (r"a\/b", "a/b", ["a\\/b"]),
        ("[/]+", "//", [""]),
        (r"\\/", "\\/", ["/"]),
        ("//", "//", ["/"]),
        ('"x"', '"x"', ["x"]),
        ("a\nb", "a\nb", ["ab"]),
        (r"(?i)yes", "YeS", ["no"]),
        (r"(?s).", "\n", [""]),
        (r"\p{L}{2}", "日é", ["12"]),
        ("a|bc", "bc", ["ac", "abc"]),
        ("^a$", "a", ["aa"]),
        ("é{2}", "éé", ["é"]),
    ],
)
def test_a_regular_expression_is_matched_from_end_to_end(
    pattern: str, match: str, others: list[str]
):
    assert takes(RegexConstraint(pattern=pattern), match)
    assert [text for text in others if takes(RegexConstraint(pattern=pattern), text)] == []


def test_a_lark_grammar():
    constraint = LarkConstraint(
        grammar='start: "<" word ">" | value\nword: /[a-z]+/\nvalue: %json {"type": "boolean"}'
    )
    assert takes(constraint, "<ab>")
    assert takes(constraint, "true")
    assert not takes(constraint, "<>")
    assert to_lark(constraint).text == constraint.grammar


TOOLS = (
    ToolSpec(
        name="搜索",
        parameters_text=json.dumps(
            {
                "type": "object",
                "properties": {"at": {"$ref": "#/$defs/Place"}},
                "required": ["at"],
                "additionalProperties": False,
                "$defs": {"Place": {"enum": ["here", "there"]}},
            }
        ),
    ),
    ToolSpec(
        name='say "hi"\n',
        parameters_text=json.dumps(
            {
                "type": "object",
                "properties": {"at": {"$ref": "#/$defs/Place"}},
                "required": ["at"],
                "additionalProperties": False,
                "$defs": {"Place": {"type": "integer"}},
            }
        ),
    ),
)


@pytest.mark.parametrize("allow_answer", [True, False])
def test_a_tool_call_names_one_tool_and_has_its_arguments(allow_answer: bool):
    constraint = ToolCallConstraint(tools=TOOLS, allow_answer=allow_answer)
    assert takes(constraint, '{"name": "搜索", "arguments": {"at": "here"}}')
    assert takes(constraint, '{"name": "say \\"hi\\"\\n", "arguments": {"at": 12}}')
    assert not takes(constraint, '{"name": "搜索", "arguments": {"at": 12}}')
    assert not takes(constraint, '{"name": "say \\"hi\\"\\n", "arguments": {"at": "here"}}')
    assert not takes(constraint, '{"name": "other", "arguments": {}}')
    assert takes(constraint, '{"answer": "no tool fits, 好的"}') is allow_answer
    assert not takes(constraint, '{"answer": ""}')
    for seed in range(10):
        reply = json.loads(sample(constraint, seed))
        assert "answer" in reply if allow_answer and "name" not in reply else "arguments" in reply


def test_of_one_tool_everything_but_its_arguments_is_forced():
    constraint = ToolCallConstraint(tools=TOOLS[:1], allow_answer=False)
    assert bytes(begin(constraint).forced()).decode() == '{"name": "搜索", "arguments": {"at": "'


# --- relaxations ----------------------------------------------------------------------------


def relaxed(schema: Any) -> list[tuple[str, str]]:
    constraint = of_schema(schema)
    found = ENGINE.check(constraint)
    assert found == ENGINE.compile(constraint, BYTES).relaxed == to_lark(constraint).relaxed
    return [(item.path, item.reason) for item in found]


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "array", "contains": {"type": "null"}}, "contains"),
        ({"not": {"minimum": 3}}, "not"),
        ({"if": {"type": "null"}, "then": False}, "branch"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({"dependentSchemas": {"a": {"maxProperties": 1}}}, "dependentSchemas"),
        ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties"),
        ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, "oneOf"),
        ({"type": "string", "format": "iri"}, "format"),
        ({"type": "string", "pattern": "a(?=b)"}, "pattern"),
        ({"type": "string", "pattern": r"\bword\b"}, "pattern"),
        ({"type": "string", "pattern": r"(a)\1"}, "pattern"),
        ({"type": "object", "patternProperties": {"(?!x)": {}}}, "patternProperties"),
        ({"patternProperties": {"^a": {"type": "null"}, "b$": {}}}, "patternProperties"),
        ({"type": "object", "propertyNames": {"format": "iri"}}, "propertyNames"),
        ({"type": "integer", "minimum": 2**63}, "minimum"),
        ({"type": "number", "maximum": -1e300}, "maximum"),
        ({"type": "number", "exclusiveMinimum": 1e-100}, "exclusiveMinimum"),
        ({"type": "integer", "multipleOf": 2**31}, "multipleOf"),
        ({"type": "number", "multipleOf": 1 / 3}, "multipleOf"),
        (
            {
                "type": "object",
                "properties": {"a": {}, "b": {}},
                "required": ["a"],
                "maxProperties": 1,
            },
            "maxProperties",
        ),
        ({"type": "string", "x-rules": ["a palindrome"]}, "a palindrome"),
    ],
)
def test_what_the_grammar_leaves_out_is_reported_with_its_place(schema: Any, keyword: str):
    found = relaxed(schema)
    assert {path for path, _ in found} == {"$"}
    assert all(keyword in reason for _, reason in found)
    inside = relaxed({"properties": {"a b": {"anyOf": [{"type": "null"}, schema]}}})
    assert sorted(inside) == sorted(("$.properties['a b'].anyOf[1]", r) for _, r in found)


def test_each_tools_relaxations_are_reported():
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    tool = ToolSpec(name="t", parameters_text=json.dumps(schema))
    found = ENGINE.check(ToolCallConstraint(tools=(tool,)))
    assert [item.path for item in found] == ["$.properties.a"]
    assert found[0].reason.startswith("uniqueItems: ")


@pytest.mark.parametrize(
    ("schema", "texts"),
    [
        ({"type": "string", "pattern": "a(?=b)"}, ['"ab"']),
        ({"type": "integer", "minimum": 2**63}, [str(2**63), str(2**80)]),
        ({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}, [str(2**63 - 1), "-1"]),
        ({"type": "integer", "multipleOf": 2**31}, ["0", str(2**31)]),
        (
            {"patternProperties": {"(?!x)": {"type": "null"}}, "additionalProperties": False},
            ['{"a": null}'],
        ),
        (
            {"patternProperties": {"^a": {"type": "integer"}, "b$": {"minimum": 1}}},
            ['{"ab": 1}', '{"a": 0, "b": 1}'],
        ),
        (
            {"properties": {"a": {}, "b": {}}, "minProperties": 2},
            ['{"a": 1, "b": 2}', '{"a": 1, "c": 2}'],
        ),
        ({"propertyNames": {"enum": ["a b", "c.d"]}}, ['{"c.d": 1, "a b": 2}', "{}", "3"]),
        (
            {"propertyNames": {"minLength": 2}, "additionalProperties": {"type": "null"}},
            ['{"日本": null}'],
        ),
        (
            {"$defs": {"n": {"pattern": "^[a-z]$"}}, "propertyNames": {"$ref": "#/$defs/n"}},
            ['{"a": 1}'],
        ),
    ],
)
def test_what_meets_the_schema_meets_the_relaxed_grammar(schema: Any, texts: list[str]):
    contract = OutputSchema.from_json_schema(schema)
    for text in texts:
        contract.validate_json(text)
        assert takes(contract.constraint, text), text


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"propertyNames": {"enum": ["a b", "c.d"]}}, '{"cxd": 1}'),
        ({"propertyNames": {"minLength": 2}}, '{"a": 1}'),
        (
            {"propertyNames": {"pattern": "^a"}, "additionalProperties": {"type": "null"}},
            '{"a": 1}',
        ),
        (
            {"properties": {"a": {}, "b": {}}, "maxProperties": 1, "additionalProperties": False},
            '{"a": 1, "b": 1}',
        ),
        ({"type": "string", "format": "date", "pattern": "^2"}, '"1999-01-01"'),
    ],
)
def test_rules_that_it_can_state_the_grammar_enforces(schema: Any, text: str):
    contract = OutputSchema.from_json_schema(schema)
    assert all("backslash" in left.reason for left in ENGINE.check(contract.constraint))
    assert not takes(contract.constraint, text)


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "path", "keyword"),
    [
        ({"type": "string", "minLength": 3, "maxLength": 2}, "$", "minLength"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "$", "minimum"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "$", "minItems"),
        ({"enum": []}, "$", "enum"),
        ({"anyOf": []}, "$", "anyOf"),
        ({"type": "object", "properties": {"a": False}, "required": ["a"]}, "$", "required"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "$", "required"),
        (
            {"required": ["a"], "type": "object", "properties": {"a": {"type": "intger"}}},
            "$.properties.a",
            "type",
        ),
        ({"type": "array", "minItems": 1, "items": {"enum": []}}, "$.items", "enum"),
        ({"$ref": "#/$defs/gone"}, "$", "$ref"),
        ({"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"}, "$['$defs'].A", "$ref"),
    ],
)
def test_a_schema_that_nothing_can_meet_is_refused_with_its_place(
    schema: Any, path: str, keyword: str
):
    for constraint in (
        of_schema(schema),
        ToolCallConstraint(tools=(ToolSpec(name="t", parameters_text=json.dumps(schema)),)),
    ):
        with pytest.raises(ConstraintError) as caught:
            ENGINE.check(constraint)
        assert (caught.value.path, caught.value.keyword) == (path, keyword)
        assert caught.value.engine == ENGINE.name == "llguidance"
        assert "| start:" not in str(caught.value)


ENDLESS = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}},
    "required": ["n", "next"],
}


def test_a_value_that_would_have_to_be_infinitely_deep_is_refused():
    class Loop(BaseModel):
        n: int
        more: "list[Loop]"

    class Endless(BaseModel):
        n: int
        next: "Endless"

    Optional = {**ENDLESS, "required": ["n"]}
    assert ENGINE.check(of_schema(Optional)) == ()
    assert ENGINE.check(OutputSchema.of(Loop).constraint) == ()
    for constraint in (
        of_schema(ENDLESS),
        of_schema(
            {
                "$defs": {"L": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/L"}}},
                "$ref": "#/$defs/L",
            }
        ),
        of_schema(
            {"$defs": {"L": {"anyOf": [{"$ref": "#/$defs/L"}]}}, "allOf": [{"$ref": "#/$defs/L"}]}
        ),
        OutputSchema.of(Endless).constraint,
    ):
        with pytest.raises(ConstraintError, match="needs itself") as caught:
            ENGINE.check(constraint)
        assert caught.value.keyword == "$ref"


@pytest.mark.parametrize(
    "constraint",
    [
        *(
            RegexConstraint(pattern=pattern)
            for pattern in ("(", "[", "\\", "(?=a)", r"\b", "a{2,1}")
        ),
        *(
            LarkConstraint(grammar=text)
            for text in ("", "start: gone", "start: /(/", "\x00", "a: b")
        ),
        LarkConstraint(grammar='start: %json {"type": "intger"}'),
        LarkConstraint(grammar="start: start"),
        LarkConstraint(grammar="start: <|no_such_token|>"),
        *(JsonConstraint(schema_text=text) for text in ("", "{", "[]", "3", '"x"', "null", "NaN")),
        *(JsonConstraint(schema_text=text) for text in ("false", '{"a": NaN}')),
        JsonConstraint(schema_text='{"$ref": "https://example.com/x"}'),
        JsonConstraint(schema_text='{"not":' * 3000 + "{}" + "}" * 3000),
        ToolCallConstraint(tools=(ToolSpec(name="t", parameters_text="{"),)),
        ToolCallConstraint(tools=(ToolSpec(name="t", parameters_text="false"),)),
        ChoiceConstraint.model_construct(options=("\ud800",)),
        RegexConstraint.model_construct(pattern="\ud800"),
    ],
    ids=lambda constraint: repr(constraint)[:60],
)
def test_what_has_no_grammar_is_refused_and_never_a_crash(constraint: Constraint):
    for refuse in (ENGINE.check, lambda c: ENGINE.compile(c, BYTES), to_lark):
        with pytest.raises(ConstraintError) as caught:
            refuse(constraint)
        assert caught.value.engine == "llguidance"
        assert len(str(caught.value)) < 1000


def test_any_json_is_a_schema_without_rules():
    assert takes(JsonConstraint(schema_text="true"), '{"a": [1]}')
    assert takes(JsonConstraint(schema_text="{}"), "null")
    assert not takes(JsonConstraint(schema_text="{}"), "nil")


def test_a_request_that_reaches_a_limit_of_the_lexer_does_not_spoil_the_next_one():
    grammar = r"start: TEXT" + "\n" + r"TEXT: /(?s:.{0,2000})(END)?/ & ~/(?s:.*)END(?s:.+)/"
    compiled = ENGINE.compile(LarkConstraint(grammar=grammar), BYTES)
    first = compiled.matcher()
    first.accept(list(b"abENDx"))
    with pytest.raises(ConstraintError, match="lexer error"):
        first.mask()
    second = compiled.matcher()
    assert second.accept(list(b"abc")) == 3
