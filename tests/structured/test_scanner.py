"""The scanner of JSON: the same data as ``json.loads``, and where each value stands."""

import json
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from structured.scanner import MAX_DEPTH, NotJson, Scanner, scan, scan_beginning, walk

TEXT = st.text(st.characters(codec=None, exclude_categories=[]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
).filter(lambda value: "Infinity" not in json.dumps(value))
INDENT = st.sampled_from([None, 0, 2])


def written(value, indent, ascii_only):
    separators = (",", ":") if indent is None else (" ,", " : ")
    return json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators)


def refuse_constant(name):
    raise ValueError(name)


def same(a, b):
    return json.dumps(a) == json.dumps(b)  # tells 1 from 1.0 and from true


@given(JSON, INDENT, st.booleans())
def test_data_and_places_of_every_value(value, indent, ascii_only):
    text = written(value, indent, ascii_only)
    root = scan(text)
    assert same(root.data(), value)
    for node in walk(root):
        assert same(json.loads(text[node.start : node.end]), node.data())
        for key in node.keys:
            assert json.loads(text[key.start : key.end]) == key.value


@given(JSON, INDENT, st.booleans(), st.data())
def test_however_it_is_cut(value, indent, ascii_only, data):
    text = written(value, indent, ascii_only)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    scanner, completed = Scanner(), []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        completed += scanner.feed(text[start:end])
    completed += scanner.finish()
    assert same(scanner.root.data(), value)
    assert [(n.start, n.end) for n in walk(scanner.root)] == [
        (n.start, n.end) for n in walk(scan(text))
    ]
    assert sorted(map(id, completed)) == sorted(map(id, walk(scanner.root)))


@given(st.text('{}[]",:\\ud8fe01-+.E truefalsn\n\x00', max_size=12) | TEXT)
def test_accepts_exactly_what_json_loads_does(text):
    try:
        expected = json.loads(text, parse_constant=refuse_constant)
    except ValueError:
        with pytest.raises(NotJson):
            scan(text)
    else:
        assert same(scan(text).data(), expected)


@given(JSON, st.data())
def test_a_beginning_gives_what_is_complete(value, data):
    text = written(value, None, False)
    root = scan_beginning(text[: data.draw(st.integers(0, len(text)))])
    if root is None:
        return
    whole = {(node.start, node.end) for node in walk(scan(text))}
    for node in walk(root):
        if node.complete and (node.kind != "number" or node is not root):
            assert (node.start, node.end) in whole


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("[1,]", 3),
        ('{"a" 1}', 5),
        ("{,}", 1),
        ("[1 2]", 3),
        ("01", 0),
        ("tru", 0),
        ('"\\x"', 1),
        ('"\n"', 1),
        ("1 2", 2),
        ("[" * (MAX_DEPTH + 1), MAX_DEPTH),
        ("9" * 5000, 0),
    ],
)
def test_says_where_it_is_not_json(text, offset):
    with pytest.raises(NotJson) as caught:
        scan(text)
    assert caught.value.offset == offset
    assert pickle.loads(pickle.dumps(caught.value)).offset == offset


def test_a_repeated_key_counts_as_its_last_one():
    root = scan('{"a":1,"b":2,"a":3}')
    assert root.data() == {"a": 3, "b": 2}
    assert root.child("a") == 2
    assert root.child("c") is None


def test_a_long_text_in_small_pieces_takes_linear_time():
    def seconds(characters):
        row = json.dumps({"name": "x" * 40, "tags": [1, 2.5, None, "é\n"]})
        half = characters // 2
        text = f'["{"y" * half}",{",".join([row] * (half // len(row)))}]'
        scanner, started = Scanner(), time.process_time()
        for at in range(0, len(text), 3):
            scanner.feed(text[at : at + 3])
        scanner.finish()
        assert len(scanner.root.data()) == half // len(row) + 1
        return time.process_time() - started

    short, long = (min(seconds(size) for _ in range(3)) for size in (10_000, 200_000))
    assert long < 150 * short  # linear: 20, quadratic: 400
