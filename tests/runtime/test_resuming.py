"""Replies that go on from a beginning, and texts to avoid: without a model."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.backends.avoid import way_out
from runtime.backends.pieces import Pieces, bits_of, ranges_in
from runtime.backends.resuming import Beginning, Resumed
from runtime.backends.trie import Trie
from runtime.chat import Resumption
from structured.constraint import ChoiceConstraint, Constraint, JsonConstraint
from structured.engine import Vocabulary
from structured.engines import engine
from structured.errors import ConstraintError

WORDS = [
    *(bytes([i]) for i in range(256)),
    *(b'":"', b'":', b'"r', b"red", b"re", b'red"', b"blue", b'",', b"ed", b"42", b"4,", b"true"),
    b"<end>",
]
END = len(WORDS) - 1
PIECES = Pieces(WORDS, {END})


def encode(text: str) -> list[int]:
    """The longest token that fits, again and again."""
    ids, rest = [], text.encode()
    while rest:
        token = max(PIECES.within(rest), key=lambda i: len(WORDS[i]))
        ids.append(token)
        rest = rest[len(WORDS[token]) :]
    return ids


VOCABULARY = Vocabulary.of_tokens(WORDS, special=frozenset({END}), eos=(END,), encode=encode)


def resumed(
    text: str, avoid: tuple[str, ...] = (), constraint: Constraint | None = None
) -> tuple[Beginning, Resumed]:
    """The state behind a beginning."""
    beginning = Beginning.of("ask", encode("ask"), text, avoid, encode=encode, pieces=PIECES)
    matcher = engine().compile(constraint, VOCABULARY).matcher() if constraint else None
    state = Resumed.after(
        beginning, matcher, Resumption(text, avoid), pieces=PIECES, width=len(WORDS), end={END}
    )
    return beginning, state


class Chance:
    """A model that holds tokens likely at random, but always alike at one place."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def table(self, node: int, allowed: int) -> dict[int, float]:
        tokens = [i for i in range(len(WORDS)) if allowed >> i & 1]
        chance = random.Random(f"{self.seed} {node}")
        weights = [chance.random() for _ in range(len(WORDS))]
        total = sum(weights[i] for i in tokens)
        return {i: math.log(weights[i] / total) for i in tokens}

    def logprob(self, node: int, allowed: int, token: int) -> float:
        return self.table(node, allowed)[token]

    def best(self, node: int, allowed: int, candidates: int) -> tuple[int, float] | None:
        table = self.table(node, allowed)
        found = [i for i in table if candidates >> i & 1]
        return max(((i, table[i]) for i in found), key=lambda item: item[1], default=None)


def reply(text: str, state: Resumed, chance: random.Random, most: int = 60) -> str | None:
    """Text that the masks let through; ``None`` when it does not end."""
    owed, written = state._owed.decode(), b""
    for _ in range(most):
        mask = int.from_bytes(state.mask(), "little")
        tokens = [i for i in range(len(WORDS)) if mask >> i & 1]
        token = chance.choice(tokens) if tokens else END
        if token == END:
            return text[: len(text) - len(owed)] + written.decode(errors="replace")
        assert state.accept([token]) == 1
        written += WORDS[token]
        if state.finished:
            return text[: len(text) - len(owed)] + written.decode(errors="replace")
    return None


# Sets of tokens, and what they spell


@given(st.sets(st.integers(0, 300)))
def test_sets_and_their_ranges(tokens: set[int]):
    ranges = ranges_in(bits_of(tokens))
    assert {i for first, last in ranges for i in range(first, last + 1)} == tokens
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(ranges))


@given(st.lists(st.binary(max_size=3), max_size=30), st.binary(min_size=1, max_size=4))
def test_tokens_by_their_bytes(words: list[bytes], text: bytes):
    pieces = Pieces(words, {0})
    spelling = [i for i, word in enumerate(words) if word and i]
    assert sorted(pieces.beginning_with(text)) == [i for i in spelling if words[i].startswith(text)]
    assert sorted(pieces.within(text)) == [i for i in spelling if text.startswith(words[i])]
    assert pieces[len(words)] == b""


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=8))
def test_a_trie_holds_its_paths(paths: list[list[int]]):
    trie = Trie()
    ends = [trie.add(path) for path in paths]
    assert [[trie.tokens[node] for node in trie.path(end)] for end in ends] == paths
    assert len(trie) == 1 + len({tuple(p[:n]) for p in paths for n in range(1, len(p) + 1)})
    assert all(trie.parents[node] < node for node in range(1, len(trie)))


# Where the beginning ends


def test_the_last_token_is_taken_back():
    beginning, state = resumed('{"a":')
    assert PIECES.text(beginning.ids) + beginning.owed == b'{"a":'
    assert beginning.owed == b'":'
    allowed = state.allowed()
    for word in (b'":"', b'":', b'"'):
        assert allowed >> WORDS.index(word) & 1, word
    assert not allowed >> WORDS.index(b"4") & 1
    state.accept([WORDS.index(b'":"')])
    assert state.allowed() == (1 << len(WORDS)) - 1


def test_an_earlier_spelling_is_used_again():
    known = [*b'{"a"', WORDS.index(b":"), *b'"red']
    beginning = Beginning.of("", [], '{"a":', (), encode=encode, pieces=PIECES, known=known[:5])
    assert beginning.ids == known[:4]
    crossing = [*b'{"a', WORDS.index(b'":"')]
    beginning = Beginning.of("", [], '{"a":', (), encode=encode, pieces=PIECES, known=crossing)
    assert (beginning.ids, beginning.owed) == (crossing[:3], b'":')


@given(st.text(max_size=8), st.text(max_size=8))
def test_any_beginning_is_spelled(prompt: str, text: str):
    beginning = Beginning.of(prompt, encode(prompt), text, (), encode=encode, pieces=PIECES)
    assert beginning.prompt == encode(prompt)
    assert PIECES.text(beginning.ids) + beginning.owed == text.encode()


def test_a_beginning_that_the_constraint_does_not_allow():
    words = ChoiceConstraint(options=("red", "blue"))
    with pytest.raises(ConstraintError, match="does not allow the reply's beginning 'gre'"):
        resumed("gre", constraint=words)
    resumed("re", constraint=words)


def test_a_state_can_be_taken_back_and_copied():
    _, state = resumed("", ('"red"',))
    other = state.copy()
    state.accept([*b'"x', *b"yz"])
    assert not state.active
    assert other.active
    state.rollback(3)
    assert state.active
    assert state.mask() == _after(other, b'"').mask()


def _after(state: Resumed, text: bytes) -> Resumed:
    state.accept(list(text))
    return state


# What is to be avoided

COLOURS = ("red", "redder", "reddest", "blue", "4", "42", "421", "true")


@given(st.integers(0, 1000), st.sets(st.sampled_from(COLOURS)))
def test_what_is_avoided_does_not_come(seed: int, avoid: set[str]):
    words = ChoiceConstraint(options=COLOURS)
    left = set(COLOURS) - avoid
    beginning, state = resumed("", tuple(sorted(avoid)), words)
    if not left:
        with pytest.raises(ConstraintError, match="nothing here but what is to be avoided"):
            way_out(state, Trie.of(beginning.paths), Chance(seed))
        return
    if avoid:
        tokens = way_out(state, Trie.of(beginning.paths), Chance(seed))
        assert state.accept(tokens) == len(tokens)
    so_far = PIECES.text(state_tokens) if (state_tokens := tokens if avoid else []) else b""
    found = so_far.decode() + str(reply("", state, random.Random(seed)))
    assert found in left


@given(st.integers(0, 1000))
def test_json_values_that_are_avoided_do_not_come(seed: int):
    schema = '{"type":"object","properties":{"a":{"type":["string","integer","boolean"],"maxLength":4,"minimum":0,"maximum":500}},"required":["a"],"additionalProperties":false}'  # noqa: E501
    avoid = ('"red"', "42", "true", '""')
    beginning, state = resumed('{"a":', avoid, JsonConstraint(schema_text=schema))
    tokens = way_out(state, Trie.of(beginning.paths), Chance(seed))
    assert state.accept(tokens) == len(tokens)
    begun = PIECES.text([*beginning.ids, *tokens]).decode(errors="replace")
    text = begun + str(reply("", state, random.Random(seed)))
    assert text.startswith('{"a":')
    assert text not in [f'{{"a":{value}}}' for value in avoid]


class Fixed(Chance):
    """A model with some likely ways, by the text so far; anything else is unlikely."""

    def __init__(self, trie: Trie, likely: dict[str, dict[str, float]]) -> None:
        super().__init__(0)
        self.trie, self.likely = trie, likely

    def table(self, node: int, allowed: int) -> dict[int, float]:
        path = PIECES.text(self.trie.tokens[at] for at in self.trie.path(node)).decode()
        table = dict.fromkeys((i for i in range(len(WORDS)) if allowed >> i & 1), -20.0)
        for word, probability in self.likely.get(path, {}).items():
            if (token := WORDS.index(word.encode())) in table:
                table[token] = math.log(probability)
        return table


def test_the_likeliest_way_out_is_taken_wherever_it_leaves():
    """Not the last byte is changed (``"redd"``), but the place where the model hesitates."""
    text = '{"type":"string","maxLength":9}'
    beginning, state = resumed("", ('"red"',), JsonConstraint(schema_text=text))
    trie = Trie.of(beginning.paths)
    path = [PIECES.text([trie.tokens[node]]).decode() for node in range(1, len(trie))]
    assert path == ['"r', "ed", '"']
    at_once = {
        "": {'"r': 0.6, '"': 0.3},
        '"r': {"ed": 0.9, "u": 0.1},
        '"red': {'"': 0.99, "d": 0.01},
    }
    assert PIECES.text(way_out(state, trie, Fixed(trie, at_once))) == b'"r' + b"u"
    late = {"": {'"r': 1.0}, '"r': {"ed": 0.9}, '"red': {'"': 0.6, "d": 0.4}}
    assert PIECES.text(way_out(state, trie, Fixed(trie, late))) == b'"red' + b"d"
