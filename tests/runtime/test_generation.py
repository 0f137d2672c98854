"""Generation parameters, and the dicts that callers write them in."""

import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import FeatureNotAvailable, InvalidParameter, UnknownParameter
from runtime.generation import (
    PARAMETER_NAMES,
    GenerationParams,
    bare_key,
    changed_fields,
    parse_generation,
)

# What a caller of the reference may write, in Python and in SQL (where all values are text).
READ = [
    ("max_length", 100, "100", "max_output_tokens", 100),
    ("max_tokens", 100, "100", "max_output_tokens", 100),
    ("max_new_tokens", 100, " 100 ", "max_output_tokens", 100),
    ("max_output_tokens", 100.0, "100", "max_output_tokens", 100),
    ("max_output_tokens", None, "", "max_output_tokens", None),
    ("temperature", 0.5, "0.5", "temperature", 0.5),
    ("temperature", 0, "0", "temperature", 0.0),
    ("top_p", 1, "1.0", "top_p", 1.0),
    ("top_k", 40, "40", "top_k", 40),
    ("top_k", -1, "-1", "top_k", -1),
    ("top_k", None, "", "top_k", None),
    ("min_p", 0.05, "5e-2", "min_p", 0.05),
    ("repetition_penalty", 1.1, "1.1", "repetition_penalty", 1.1),
    ("presence_penalty", -1, "-1", "presence_penalty", -1.0),
    ("frequency_penalty", 2, "2", "frequency_penalty", 2.0),
    ("stop", ["a", "b"], "a,b", "stop", None),
    ("stopping_sequences", ["a", "b"], "a,b", "stop", ("a", "b")),
    ("stop_token_ids", [1, 2], "1,2", "stop_token_ids", (1, 2)),
    ("stop_token_ids", (1, "2"), "[1, 2]", "stop_token_ids", (1, 2)),
    ("stop_token_ids", [], "", "stop_token_ids", ()),
    ("ignore_eos", True, "true", "ignore_eos", True),
    ("ignore_eos", False, "False", "ignore_eos", False),
    ("ignore_eos", 1, "1", "ignore_eos", True),
    ("ignore_eos", 0, "no", "ignore_eos", False),
    ("seed", 7, "7", "seed", 7),
    ("seed", -1, "-1", "seed", None),
    ("logprobs", 5, "5", "logprobs", 5),
    ("best_of", 3, "3", "best_of", 3),
    ("timeout_s", 2.5, "2.5", "timeout_s", 2.5),
    ("timeout_s", None, "", "timeout_s", None),
]


@pytest.mark.parametrize("prefix", ["", "gen.", "generation."])
@pytest.mark.parametrize(("key", "value", "text", "field", "expected"), READ)
def test_every_key_bare_and_prefixed_as_a_value_and_as_text(
    prefix: str, key: str, value: Any, text: str, field: str, expected: Any
):
    for given_value in (value, text):
        config = MappingProxyType({prefix + key: given_value})
        params = parse_generation(config).params
        wanted = expected
        if key == "stop":  # one stop string may hold a comma
            wanted = (given_value,) if isinstance(given_value, str) else tuple(given_value)
        assert getattr(params, field) == wanted
        assert type(getattr(params, field)) is type(wanted)
        assert set(changed_fields(params)) <= {field}


def test_every_key_is_tried_here():
    assert {key for key, *_ in READ} | {"request_id", "abort"} == PARAMETER_NAMES


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("max_length", value) for value in (0, -1, "0", "many", 1.5, "1.5", True, [], {})),
        *(("temperature", value) for value in (-0.1, 101, "hot", None, "nan", math.nan, True, "")),
        *(("top_p", value) for value in (-0.01, 1.01, "1,0", [0.5])),
        *(("top_k", value) for value in (-2, 1.5, "x", "inf", math.inf)),
        *(("min_p", value) for value in (-1, 2)),
        *(("repetition_penalty", value) for value in (0, -1, 1000)),
        *(("presence_penalty", value) for value in (101, -101, "inf")),
        *(("stop", value) for value in (3, [3], {"a": 1}, None, ["a", None], [""])),
        *(("stopping_sequences", value) for value in (3, [3], None, [""])),
        *(("stop_token_ids", value) for value in ("a", "1;2", [1.5], None, True, {"a": 1})),
        *(("ignore_eos", value) for value in ("maybe", None, 2, [])),
        *(("seed", value) for value in (-2, 2**63, "x", 0.5)),
        *(("logprobs", value) for value in (-1, 101)),
        *(("best_of", value) for value in (0, 101, "", None)),
        *(("timeout_s", value) for value in (-1, "soon")),
        *(("abort", value) for value in ("maybe", None)),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(key: str, value: Any):
    with pytest.raises(InvalidParameter) as caught:
        parse_generation({f"gen.{key}": value})
    assert isinstance(caught.value, ValueError)
    field = {"max_length": "max_output_tokens", "stopping_sequences": "stop"}.get(key, key)
    assert caught.value.key in (f"gen.{key}", field)
    assert "expected" in caught.value.message


@pytest.mark.parametrize(
    ("key", "suggested"),
    [
        ("temprature", "temperature"),
        ("gen.top_kk", "top_k"),
        ("generation.stop_tokens_ids", "stop_token_ids"),
        ("maxlength", "max_length"),
        ("xyz", ""),
        ("gen.", ""),
        ("", ""),
        ("Temperature", "temperature"),
    ],
)
def test_a_key_that_nothing_reads_is_refused_with_the_nearest_that_is(key: str, suggested: str):
    with pytest.raises(UnknownParameter) as caught:
        parse_generation({"temperature": 0.2, key: 1})
    assert caught.value.key == key
    assert repr(key) in caught.value.message
    assert (f"did you mean {suggested!r}?" in caught.value.hint) == bool(suggested)
    assert set(caught.value.known) == PARAMETER_NAMES


def test_a_key_that_is_no_text_is_refused():
    with pytest.raises(InvalidParameter, match="a string as the parameter's name"):
        parse_generation({3: 1})  # type: ignore[dict-item]


def test_what_comes_later_is_said_to_be_later():
    with pytest.raises(FeatureNotAvailable, match="image"):
        parse_generation({"image": "…"})


def test_the_callers_dict_stays_as_it_is():
    config = {"gen.stop": ["a"], "stop_token_ids": [1, 2], "temperature": "0.3"}
    before = {**config, "gen.stop": ["a"], "stop_token_ids": [1, 2]}
    params = parse_generation(config).params
    assert config == before
    config["gen.stop"].append("b")  # type: ignore[union-attr]
    assert params.stop == ("a",)


def test_a_call_overrides_its_base_and_of_two_spellings_the_later_wins():
    base = GenerationParams(temperature=0.9, top_k=5)
    parsed = parse_generation({"top_k": 7, "gen.top_k": 8}, base)
    assert parsed.params == GenerationParams(temperature=0.9, top_k=8)
    assert base == GenerationParams(temperature=0.9, top_k=5)
    assert parse_generation({}, base).params is base
    assert parse_generation({}).params == GenerationParams()


def test_the_request_that_is_meant():
    parsed = parse_generation({"gen.request_id": 17, "gen.abort": "true"})
    assert (parsed.request_id, parsed.abort) == ("17", True)
    assert parse_generation({}).request_id is None
    assert parse_generation({}).abort is False


def test_prefixes_are_taken_off():
    assert bare_key("gen.top_k") == bare_key("generation.top_k") == bare_key("top_k") == "top_k"
    assert bare_key("gen.gen.top_k") == "gen.top_k"
    assert bare_key("generic.top_k") == "generic.top_k"


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("max_output_tokens", [1, 10**9, None], [0, -1]),
        ("temperature", [0, 100], [-0.001, 100.1, math.nan]),
        ("top_p", [0, 1], [-0.1, 1.1]),
        ("top_k", [-1, 0, 10**6, None], [-2]),
        ("min_p", [0, 1], [-0.1, 1.1]),
        ("repetition_penalty", [0.01, 100], [0, 101]),
        ("presence_penalty", [-100, 100], [-101, 101]),
        ("frequency_penalty", [-100, 100], [-101, 101]),
        ("seed", [-1, 0, 2**63 - 1, None], [-2, 2**63]),
        ("logprobs", [0, 100, None], [-1, 101]),
        ("best_of", [1, 100], [0, 101]),
        ("timeout_s", [0, 1e9, None], [-1]),
        ("stop", [(), ("a",)], [("a", "")]),
    ],
)
def test_ranges(field: str, inside: list[Any], outside: list[Any]):
    for value in inside:
        params = GenerationParams(**{field: value})
        assert getattr(params, field) == value
        assert GenerationParams().but(**{field: value}) == params
    for value in outside:
        with pytest.raises(InvalidParameter) as caught:
            GenerationParams().but(**{field: value})
        assert caught.value.key == field


def test_changed_fields_are_those_that_differ():
    assert changed_fields(GenerationParams()) == {}
    params = GenerationParams(seed=3, stop=("a",), temperature=0.1)
    assert changed_fields(params) == {"seed": 3, "stop": ("a",)}
    assert GenerationParams(**changed_fields(params)) == params


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.lists(st.one_of(st.integers(), st.text(max_size=3)), max_size=3),
)


@given(st.dictionaries(st.sampled_from(sorted(PARAMETER_NAMES)), VALUES, max_size=3))
def test_any_value_is_read_or_refused(config: dict[str, Any]):
    try:
        params = parse_generation(config).params
    except InvalidParameter as error:
        refused = error.key
    else:
        refused = ""
        assert params == GenerationParams(**changed_fields(params))
    assert not refused or refused in PARAMETER_NAMES
