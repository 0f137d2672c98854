"""Programs that use the modules: in the sandbox they give what plain Python gives."""

from __future__ import annotations

import dataclasses
import random
import sys
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from sandbox import values
from sandbox.modules import AVAILABLE
from tests.sandbox.language_help import programs, run

PROGRAMS = programs("programs_modules.txt")


def unpack(value: Any) -> values.Packed | None:
    cls = type(value)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(cls)]
        return values.Packed("record", cls.__name__, {n: getattr(value, n) for n in names})
    if isinstance(value, tuple):
        return values.Packed("named", cls.__name__, value._asdict())  # type: ignore[attr-defined]
    return None


def plain(source: str) -> Any:
    module = ModuleType(f"plain_{uuid4().hex}")
    sys.modules[module.__name__] = module  # dataclasses look themselves up
    deepest = sys.getrecursionlimit()
    state = random.getstate()
    try:
        exec(compile(source, "plain", "exec", dont_inherit=True), vars(module))
        return values.plain(values.encode(module.result, unpack=unpack))
    finally:
        random.setstate(state)
        sys.setrecursionlimit(deepest)
        del sys.modules[module.__name__]


def test_every_module_is_used() -> None:
    text = "\n".join(PROGRAMS.values())
    for name in AVAILABLE:
        assert name.rpartition(".")[2] in text, name


@pytest.mark.parametrize("name", PROGRAMS)
def test_gives_what_plain_python_gives(name: str) -> None:
    answer = run(PROGRAMS[name])
    assert answer.kind == "value", (answer.type_name, answer.message, answer.hint, answer.line)
    assert values.plain(answer.value) == plain(PROGRAMS[name])
