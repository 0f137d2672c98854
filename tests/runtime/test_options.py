"""``backend.*`` keys as options dataclasses."""

from dataclasses import dataclass
from typing import Any, Literal, Optional

import pytest

from runtime.backends.llama_cpp import LlamaCppOptions
from runtime.backends.options import parse_options
from runtime.errors import InvalidParameter, UnknownParameter


@dataclass(frozen=True)
class Options:
    name: str = "auto"
    size: int = 8
    share: float = 0.5
    fast: bool = False
    kind: Literal["a", "b"] = "a"
    limit: int | None = None
    other: Optional[str] = None  # noqa: UP045
    choice: Literal["x", "y"] | None = None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("name", "x", "x"),
        ("size", 3, 3),
        ("size", "3", 3),
        ("size", "-3", -3),
        ("share", 1, 1.0),
        ("share", "0.25", 0.25),
        ("fast", True, True),
        ("fast", "true", True),
        ("fast", "0", False),
        ("kind", "b", "b"),
        ("limit", None, None),
        ("limit", "7", 7),
        ("other", None, None),
        ("other", "z", "z"),
        ("choice", "y", "y"),
        ("choice", None, None),
    ],
)
@pytest.mark.parametrize("prefix", ["", "backend."])
def test_values_of_every_kind(prefix: str, key: str, value: Any, expected: Any):
    options = parse_options(Options, {prefix + key: value})
    assert getattr(options, key) == expected
    assert type(getattr(options, key)) is type(expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("size", value) for value in ("x", "1.5", None, True, 1.5, [], "")),
        *(("share", value) for value in ("x", None, [])),
        *(("fast", value) for value in ("maybe", None, 2)),
        *(("kind", value) for value in ("c", "", None, 1)),
        *(("name", value) for value in (3, None, True)),
        *(("choice", value) for value in ("z", 1)),
        ("limit", "x"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(key: str, value: Any):
    with pytest.raises(InvalidParameter) as caught:
        parse_options(Options, {f"backend.{key}": value})
    assert caught.value.key == f"backend.{key}"


def test_a_key_that_the_backend_does_not_have_is_refused():
    with pytest.raises(UnknownParameter) as caught:
        parse_options(Options, {"backend.siz": 1})
    assert caught.value.hint.startswith("did you mean 'backend.size'?")
    with pytest.raises(UnknownParameter):
        parse_options(Options, {3: 1})  # type: ignore[dict-item]


def test_nothing_given_leaves_the_defaults_and_the_dict_is_not_changed():
    given: dict[str, Any] = {}
    assert parse_options(Options, given) == Options()
    given = {"backend.size": "9"}
    assert parse_options(Options, given) == Options(size=9)
    assert given == {"backend.size": "9"}


def test_the_options_of_a_real_backend():
    options = parse_options(LlamaCppOptions, {"backend.n_parallel": "2", "n_gpu_layers": 0})
    assert options == LlamaCppOptions(n_parallel=2, n_gpu_layers=0)
