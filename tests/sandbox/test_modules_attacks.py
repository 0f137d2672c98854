"""Attacks by way of modules: each tries to put something of the host's into ``result``."""

from __future__ import annotations

import decimal
import random
import re
import sys

import pytest

from tests.sandbox.language_help import programs
from tests.sandbox.test_language_attacks import attempt

PAYLOADS = programs("attacks_modules.txt")


def test_there_are_enough_payloads() -> None:
    assert len(PAYLOADS) >= 150


@pytest.mark.parametrize("name", PAYLOADS)
def test_nothing_of_the_hosts_is_reached(name: str) -> None:
    assert attempt(PAYLOADS[name]) is None


def test_a_run_changes_nothing_for_the_next() -> None:
    """Every payload at once, in this process: what the host and later runs use is as it was."""
    before = (
        random.getstate(),
        decimal.DefaultContext.prec,
        sorted(sys.modules),
        sys.getrecursionlimit(),
        set(re.RegexFlag.__members__),
    )
    for source in PAYLOADS.values():
        attempt(source)
    after = (
        random.getstate(),
        decimal.DefaultContext.prec,
        sorted(sys.modules),
        sys.getrecursionlimit(),
        set(re.RegexFlag.__members__),
    )
    assert after == before
