"""Every error of this layer reaches another process unchanged."""

import copy
import pickle
from collections.abc import Iterator

import pytest

import structured
from structured.errors import (
    ByzerError,
    CompilationTooExpensive,
    ConstraintError,
    EngineNotInstalled,
    SchemaError,
    ToolDefinitionError,
    UnknownEngine,
    ValidationFailed,
    Violation,
    json_path,
    shorten,
)
from structured.partial import NotYetThere
from structured.scanner import NotJson

VIOLATIONS = [Violation("$.a", "a number", "'x'", "number"), Violation("$", "more", "nothing")]
EXAMPLES: dict[type[ByzerError], ByzerError] = {
    ByzerError: ByzerError("it broke", hint="mend it"),
    SchemaError: SchemaError("no schema", path="$.a", hint="try"),
    ToolDefinitionError: ToolDefinitionError("bad", tool="t", parameter="p", hint="fix"),
    ConstraintError: ConstraintError("no", path="$.b", keyword="not", engine="e", hint="h"),
    UnknownEngine: UnknownEngine("nope", known=("a", "b")),
    EngineNotInstalled: EngineNotInstalled("xgrammar", package="xgrammar", extra="xgrammar"),
    CompilationTooExpensive: CompilationTooExpensive(
        "too slow", bound="time", limit=1.0, spent=1.5, engine="e", hint="smaller"
    ),
    ValidationFailed: ValidationFailed("Person", VIOLATIONS, '{"a": "x"}', hint="again"),
}


ELSEWHERE: dict[type[ByzerError], ByzerError] = {
    NotJson: NotJson("a number", "'x'", 3),
    NotYetThere: NotYetThere("age", ("name",), complete=False),
}
"""Those of modules of their own."""


def kinds(root: type[ByzerError] = ByzerError) -> Iterator[type[ByzerError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def test_every_error_of_this_package_has_an_example_here():
    assert structured.ByzerError is ByzerError
    ours = {kind for kind in kinds() if kind.__module__.partition(".")[0] == "structured"}
    assert ours == {*EXAMPLES, *ELSEWHERE}


@pytest.mark.parametrize(
    "error", [*EXAMPLES.values(), *ELSEWHERE.values()], ids=lambda error: type(error).__name__
)
def test_an_error_survives_pickling(error: ByzerError):
    error.add_note("seen on worker 3")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.args == error.args
        assert vars(again) == vars(error)
        assert again.__notes__ == ["seen on worker 3"]
    assert vars(copy.copy(error)) == vars(error)


@pytest.mark.parametrize("error", EXAMPLES.values(), ids=lambda error: type(error).__name__)
def test_an_error_reads_as_one_message_with_its_hint(error: ByzerError):
    assert str(error) == f"{error.message}\n  → {error.hint}"
    assert error.retryable is False


def test_without_a_hint_there_is_no_arrow():
    assert str(ByzerError("it broke")) == "it broke"


def test_a_failed_validation_lists_what_is_broken():
    error = EXAMPLES[ValidationFailed]
    assert isinstance(error, ValidationFailed)
    assert error.message == "not a valid Person:\n  $.a: a number, got 'x'\n  $: more, got nothing"
    assert error.violations == tuple(VIOLATIONS)
    assert error.text == '{"a": "x"}'


def test_paths_read_as_json_paths():
    assert json_path([]) == "$"
    assert json_path(["items", 2, "price"]) == "$.items[2].price"
    assert json_path(["a b", "", "it's", 0]) == """$['a b']['']["it's"][0]"""


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_value_is_shown_at_most_eighty_characters_long():
    assert shorten("a" * 78) == repr("a" * 78)
    assert len(shorten("a" * 79)) == 80
    assert shorten("a" * 79).endswith("…")
    assert shorten([1, 2], limit=4) == "[1,…"
    assert shorten(Rude()) == "<Rude whose repr failed: RuntimeError>"
