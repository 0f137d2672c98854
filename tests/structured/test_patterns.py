"""Python's regular expressions in the engines' spelling."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from structured import ConstraintError, RegexConstraint, SchemaError
from structured.language import stop_of
from structured.patterns import portable

# Python warns of [[ and [a&&b]; what they mean to it today is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:Possible (nested set|set):FutureWarning")


def matches(pattern: str, text: str, *, relax: bool = False) -> bool:
    return stop_of(RegexConstraint(pattern=portable(pattern, relax=relax).rust), text) is None


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"\d{4}-\d{2}", ["2024-01", "2024-1", "2024-012", ""]),
        (r"^a|b$", ["a", "b", "ab"]),
        (r"\Aab?\Z", ["a", "ab", "abb"]),
        (r"a{,2}", ["", "a", "aa", "aaa", "a{,2}"]),
        (r"a{2", ["a{2", "aa"]),
        (r"{x}", ["{x}", "x"]),
        (r"a(?#once)*b", ["b", "aab", "a"]),
        (r"[a&&b]+", ["a&&b", "b", "&", "c"]),
        (r"[[a]+", ["[a", "b"]),
        (r"[]a-]+", ["]-a", "b"]),
        (r"[^]a]", ["b", "]", "a"]),
        (r"[a~~b]+", ["~a", "c"]),
        (r"[+--]", ["+", ",", "-", ".", "/"]),
        (r"\<a\>", ["<a>", "a"]),
        (r"\/\-\ \"\'", ["/- \"'", "/"]),
        (r"a]}", ["a]}", "a"]),
        (r"\x41\u00e9\U0001f600\n\t\0\101", ["Aé😀\n\t\0A", "A"]),
        (r"\N{BULLET}[\b]", ["•\b", "b"]),
        (r"(?P<y>a)(?i:B)(?s:.).", ["ab\nc", "AB\nc", "aB\n\n"]),
        (r"(?i)ab(?-i:c)", ["ABc", "ABC"]),
        (r"(?si)a.", ["A\n", "ab", "a"]),
        (r"(a|b)*?c", ["ababc", "c", "abd"]),
        (r"()*x", ["x", ""]),
        (r"|a", ["", "a", "b"]),
        ("a\nb", ["a\nb", "ab"]),
        ("é日+", ["é日日", "é"]),
        (r"\é", ["é", "e"]),
        ("", ["", "a"]),
    ],
)
def test_a_pattern_means_to_the_engine_what_it_means_to_python(pattern: str, texts: list[str]):
    expected = {text: re.fullmatch(pattern, text) is not None for text in texts}
    assert {text: matches(pattern, text) for text in texts} == expected
    assert set(expected.values()) == {True, False} or len(texts) == 1


def test_a_class_of_characters_that_python_does_not_know():
    assert matches(r"\p{Lu}\P{L}[\p{Greek}x]", "É1λ")
    assert not matches(r"\p{Lu}", "é")


@pytest.mark.parametrize(
    ("pattern", "keyword", "at"),
    [
        (r"a(?=b)b", "lookahead", 1),
        (r"(?!b)a", "lookahead", 0),
        (r"ab(?<=b)", "lookbehind", 2),
        (r"ab(?<!c)", "lookbehind", 2),
        (r"(a|b)\1", "backreference", 5),
        (r"(?P<x>a)(?P=x)", "backreference", 8),
        (r"\ba", "word boundary", 0),
        (r"a\B", "word boundary", 1),
        (r"(a)?(?(1)b|c)", "conditional group", 4),
        (r"(?>a+)b", "atomic group", 0),
        (r"a*+b", "possessive quantifier", 1),
        (r"(?x)a b", "flag x", 0),
        (r"a(?a:\d)", "flag a", 1),
    ],
)
def test_what_no_engine_can_spell_is_named_with_its_place(pattern: str, keyword: str, at: int):
    with pytest.raises(ConstraintError) as caught:
        portable(pattern)
    assert (caught.value.keyword, caught.value.path) == (keyword, f"$[{at}]")
    assert caught.value.hint
    assert repr(pattern) in str(caught.value)


@pytest.mark.parametrize("pattern", ["(", "a**", "[b-a]", "(?P<x>a)(?P<x>b)", r"\q", "a{2,1}", "["])
def test_what_is_no_pattern_is_refused(pattern: str):
    with pytest.raises(SchemaError, match="not a regular expression"):
        portable(pattern)


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"(?=.*\d)(?=.*[a-z])[a-z0-9]{2}", ["a1", "1a"]),
        (r"(?i:(a)b)\1", ["aBa", "ABA"]),
        (r"(?P<q>['\"])x(?P=q)", ["'x'", '"x"']),
        (r"\bab\b(?!c)", ["ab"]),
        (r"(a)?b(?(1)c|d)", ["abc", "bd"]),
        (r"(?>a|ab)c", ["ac"]),
        (r"a?+b", ["b", "ab"]),
        (r"a(?=(b))b\1", ["abb"]),
    ],
)
def test_what_is_left_out_lets_more_through_and_no_less(pattern: str, texts: list[str]):
    assert portable(pattern, relax=True).left_out
    assert [text for text in texts if re.fullmatch(pattern, text) is None] == []
    assert [text for text in texts if not matches(pattern, text, relax=True)] == []


ATOMS = st.sampled_from(
    [
        *("a", "b", "é", " ", "-", "/", "&", "~", "{", "}", "]", ",", r"\.", r"\-", r"\n", "."),
        *("[ab]", "[^a]", "[a-c&&b]", "[--/]", "[]~~]", "[[a]", r"\x61", r"\101", r"[\b\n]"),
    ]
)
COUNTS = st.sampled_from(["", "", "*", "+", "?", "*?", "{2}", "{1,}", "{,2}", "{0,3}?"])
TEXTS = st.text("abcé &~-/{}[],.\n\b2", max_size=6)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, COUNTS),
        st.builds("(?s:{})".format, inner),
    )


PATTERNS = st.recursive(st.builds("{}{}".format, ATOMS, COUNTS), _larger, max_leaves=5)


@settings(max_examples=200, deadline=None)
@given(PATTERNS, st.data())
def test_any_pattern_matches_what_it_matches_in_python(pattern: str, data: st.DataObject):
    try:
        compiled = re.compile(pattern)
    except re.error:
        return
    text = data.draw(st.one_of(TEXTS, st.from_regex(compiled, fullmatch=True)))
    assert matches(pattern, text) == (compiled.fullmatch(text) is not None), portable(pattern)


@settings(max_examples=300, deadline=None)
@given(st.text(r"ab\()[]{}?:=!<>PxiN^$.*+-|,019#&~", max_size=10))
def test_any_text_is_a_pattern_or_refused(pattern: str):
    for relax in (False, True):
        refusal = refusal_of(pattern, relax)
        if isinstance(refusal, SchemaError):
            with pytest.raises((re.error, OverflowError)):
                re.compile(pattern)
        elif isinstance(refusal, ConstraintError):
            assert refusal.keyword
        else:
            assert relax or not portable(pattern).left_out


def refusal_of(pattern: str, relax: bool) -> Exception | None:
    try:
        portable(pattern, relax=relax)
    except (SchemaError, ConstraintError) as error:
        return error
    return None
