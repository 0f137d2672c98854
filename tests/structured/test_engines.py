"""The registry of engines by name."""

import pickle

import pytest

from structured.constraint import ChoiceConstraint
from structured.engines import DEFAULT, ENGINES, engine
from structured.errors import UnknownEngine

from .strategies import BYTES


def test_everybody_gets_the_same_engine():
    assert engine() is engine(DEFAULT)
    assert engine().compile(ChoiceConstraint(options=("a",)), BYTES).matcher().accept([97]) == 1


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownEngine, match="llguidance") as caught:
        engine("lm-format-enforcer")
    assert pickle.loads(pickle.dumps(caught.value)).known == ENGINES
