"""Attacks on the language: each tries to put something of the host's into ``result``."""

from __future__ import annotations

import builtins
import io
import math
import re
import sys
import types
from typing import Any

import pytest

from sandbox.job import Answer
from sandbox.language import Denied, NotAllowed, Prints, check, program
from sandbox.language.access import Access
from sandbox.language.kinds import Super
from sandbox.modules import AVAILABLE, Module
from tests.sandbox.language_help import programs, run

PAYLOADS = programs("attacks_language.txt")

_HOST_TYPES = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    types.CellType,
    types.GetSetDescriptorType,
    Access,
)
_HOST_CLASSES = (type, types.FunctionType, types.CodeType, types.ModuleType, Module, Super, str)
_HOST_FUNCTIONS = [
    *(eval, exec, compile, open, __import__, input, globals, locals, vars, getattr, setattr),
    *(delattr, dir, id, hash, repr, print, breakpoint, builtins.__build_class__, memoryview),
    *(type.mro, type.__subclasses__, object.__reduce__, object.__reduce_ex__, str.format),
    *(object.__getattribute__, type.__getattribute__, str.format_map),
]
_TEXT_OF_HOST = re.compile(
    r" at 0x[0-9a-f]+|<module|<frame|<code object|'__builtins__'|<built-in function (eval|exec)"
    r"|<class 'type'>, <class|SourceFileLoader|ModuleSpec"
)


def stolen(value: Any, depth: int = 4) -> str | None:
    """What of the host's is in ``value``; ``None`` if nothing is."""
    if isinstance(value, _HOST_TYPES):
        return f"a {type(value).__name__}"
    if isinstance(value, type) and any(value is each for each in _HOST_CLASSES):
        return f"the class {value.__name__}"
    if any(value is each for each in _HOST_FUNCTIONS):
        return f"the function {value.__name__}"
    if (
        isinstance(value, types.BuiltinMethodType)
        and isinstance(value.__self__, type)
        and value.__name__ in ("__subclasses__", "mro")
    ):
        return f"the method {value.__name__}"
    if isinstance(value, str) and _TEXT_OF_HOST.search(value):
        return f"the text {value[:80]!r}"
    if isinstance(value, bytes | bytearray) and b" at 0x" in value:
        return "an address"
    if depth == 0:
        return None
    if type(value) is dict:
        if "__build_class__" in value or "@public" in value or "__builtins__" in value:
            return "names of the host's"
        return next((found for v in value.values() if (found := stolen(v, depth - 1))), None)
    if isinstance(value, list | tuple | set | frozenset):
        if len(value) > 100 and all(isinstance(each, type) for each in value):
            return "all classes"
        return next((found for v in list(value) if (found := stolen(v, depth - 1))), None)
    return None


def attempt(source: str) -> str | None:
    """Run a payload; what it stole."""
    prints = Prints(5000)
    try:
        code = program(source, modules=AVAILABLE, seed=1, prints=prints)
        try:
            code.run()
        except BaseException as error:
            if isinstance(error, SyntaxError | NameError) and not isinstance(error, Denied):
                raise AssertionError(f"the payload itself is broken: {error!r}") from error
        return stolen(code.space.get("result")) or stolen(prints.text)
    except NotAllowed:
        return None


SUBJECTS = {
    "lambda": "(lambda: 0)",
    "function": "f",
    "generator": "(x for x in [1])",
    "builtin": "len",
    "guarded builtin": "print",
    "method": "[].append",
    "own method": "C().m",
    "class": "C",
    "instance": "C()",
    "own exception": "E('x')",
    "caught": "caught",
    "string": "'s'",
    "class of strings": "str",
    "type": "type",
    "object": "object",
    "module": "math",
    "function of a module": "json.dumps",
    "method of a module": "random.random",
    "pattern": "re.compile('a')",
    "enum": "Colour.RED",
    "class of an enum": "Colour",
    "named tuple": "Pair(1, 2)",
    "class of a named tuple": "Pair",
    "dataclass": "Data(1)",
    "cached": "cached",
    "partial": "functools.partial(f)",
    "property": "C.p",
    "super": "C().s()",
    "type expression": "typing.List[int]",
    "alias": "list[int]",
    "date": "datetime.date(2020, 1, 1)",
    "none": "None",
    "eval": "eval",
    "context manager": "contextlib.suppress(KeyError)",
}
NAMES = (
    *("__globals__", "__code__", "__closure__", "__builtins__", "__self__", "__func__"),
    *("__subclasses__", "__mro__", "__bases__", "__base__", "__dict__", "__class__"),
    *("__reduce__", "__reduce_ex__", "__getattribute__", "__getattr__", "__traceback__"),
    *("__wrapped__", "__loader__", "__spec__", "__annotations__", "__defaults__"),
    *("__kwdefaults__", "__objclass__", "__call__", "__get__", "__init__", "__new__"),
    *("__repr__", "__format__", "__hash__", "__setattr__", "__init_subclass__"),
    *("__subclasshook__", "__dir__", "__sizeof__", "__module__", "__weakref__"),
    *("__origin__", "__import__", "__text_signature__", "__qualname__"),
    *("__instancecheck__", "__prepare__", "__mro_entries__", "gi_frame", "gi_code"),
    *("gi_yieldfrom", "cr_frame", "f_globals", "f_back", "f_builtins", "tb_frame"),
    *("tb_next", "mro", "obj", "with_traceback", "format", "format_map", "func_globals"),
    *("_module", "_parts", "_table", "_facts", "_member_type_", "_new_member_"),
    *("co_code", "fget", "func"),
)
PRELUDE = """
import contextlib, datetime, functools, json, math, random, re, typing
from collections import namedtuple
from dataclasses import dataclass
from enum import Enum
def f(*a): return a
class C:
    def m(self): return 1
    @property
    def p(self): return 2
    def s(self): return super()
class E(Exception): pass
class Colour(Enum):
    RED = 1
Pair = namedtuple("Pair", "x y")
@dataclass
class Data:
    x: int
@functools.lru_cache
def cached(x): return x
try:
    math.nothing
except AttributeError as error:
    caught = error
result = None
class S(str):
    def __eq__(self, other): return True
    def __hash__(self): return str.__hash__(self)
    def startswith(self, *a): return False
"""
FORMS = {
    "attribute": "result = ({subject}).{name}",
    "getattr": "result = getattr({subject}, {name!r})",
    "default": "result = getattr({subject}, {name!r}, None)",
    "computed": "result = getattr({subject}, {half!r} + {rest!r})",
    "subclass of str": "result = getattr({subject}, S({name!r}))",
    "format": "result = ('{{0.{name}}}').format({subject})",
    "format by name": "result = '{{a.{name}}}'.format(a={subject})",
    "format_map": "result = '{{a.{name}}}'.format_map(dict(a={subject}))",
    "unbound format": "result = str.format('{{0.{name}}}', {subject})",
    "mapped format": "result = list(map('{{0.{name}}}'.format, [{subject}]))",
    "match": "match {subject}:\n    case object({name}=found): result = found",
    "match by position": "class M:\n    __match_args__ = ({name!r},)\nmatch {subject}:\n"
    "    case M(found): result = found",
    "attrgetter": "import operator\nresult = operator.attrgetter({name!r})({subject})",
    "methodcaller": "import operator\nresult = operator.methodcaller({name!r})({subject})",
    "vars": "result = vars({subject})[{name!r}]",
    "call": "result = ({subject}).{name}()",
    "wide letters": "result = ({subject}).{wide}",
    "eval": "result = eval(\"({subject}).{name}\".replace('`', chr(39)), {{}})",
    "augmented": "x = {subject}\nx.{name} += 1",
    "super": "class X(C):\n    def go(self): return super().{name}\nresult = X().go()",
    "type of it": "result = type({subject}).{name}",
}


def wide(name: str) -> str:
    """The name in letters that the parser folds into plain ones."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in name)


def block(form: str, subject: str, name: str) -> str:
    """One attempt, its outcome kept under ``name``."""
    facts = {"subject": SUBJECTS[subject], "name": name, "wide": wide(name)}
    facts |= {"half": name[:4], "rest": name[4:]}
    if form == "eval":
        facts["subject"] = SUBJECTS[subject].replace("'", "`")
    body = FORMS[form].format(**facts).replace("\n", "\n    ")
    return f"try:\n    {body}\n    kept[{name!r}] = result\nexcept BaseException: pass\n"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_attribute_leads_to_the_host(form: str, subject: str):
    blocks = {name: block(form, subject, name) for name in NAMES}
    start = PRELUDE.count("\n") + 1
    height = next(iter(blocks.values())).count("\n")
    # What is refused before it runs is taken out; the rest runs.
    try:
        check(PRELUDE + "kept = {}\n" + "".join(blocks.values()), AVAILABLE)
    except NotAllowed as error:
        refused = {(problem.line - start - 1) // height for problem in error.problems}
        blocks = {n: b for i, (n, b) in enumerate(blocks.items()) if i not in refused}
    prints = Prints(1000)
    source = PRELUDE + "kept = {}\n" + "".join(blocks.values())
    code = program(source, modules=AVAILABLE, seed=1, prints=prints)
    code.run()

    found = {name: what for name, value in code.space["kept"].items() if (what := stolen(value))}
    assert found == {}


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_does_not_reach_its_goal(name: str):
    before = (sys.getrecursionlimit(), math.pi, dict(vars(builtins)), io.StringIO)

    assert attempt(PAYLOADS[name]) is None
    assert (sys.getrecursionlimit(), math.pi, dict(vars(builtins)), io.StringIO) == before


def test_there_are_enough_payloads():
    assert len(PAYLOADS) + len(FORMS) * len(SUBJECTS) >= 250
    assert len(PAYLOADS) >= 100


GUARDS = (
    "_getattr_ _write_ _getitem_ _getiter_ __metaclass__ __builtins__ __import__ __name__ _print"
)
BINDINGS = {
    "assign": "{name} = f",
    "def": "def {name}(*a): pass",
    "class": "class {name}: pass",
    "argument": "def g({name}): pass",
    "lambda": "g = lambda {name}: 0",
    "for": "for {name} in [1]: pass",
    "with": "import contextlib\nwith contextlib.nullcontext(1) as {name}: pass",
    "except": "try:\n    1 / 0\nexcept Exception as {name}: pass",
    "import": "import math as {name}",
    "from": "from math import pi as {name}",
    "walrus": "({name} := 1)",
    "comprehension": "[0 for {name} in [1]]",
    "star": "*{name}, b = [1]",
    "match": "match 1:\n    case {name}: pass",
    "match star": "match [1]:\n    case [*{name}]: pass",
    "match rest": "match {{}}:\n    case {{**{name}}}: pass",
    "global": "def g():\n    global {name}\n    {name} = 1\ng()",
    "del": "try:\n    del {name}\nexcept NameError: pass",
    "augmented": "x = 0\n{name} = 1\n{name} += 1",
    "annotated": "{name}: int = 3",
    "tuple": "{name}, b = 1, 2",
}


@pytest.mark.parametrize("binding", BINDINGS)
def test_no_binding_reaches_a_guard(binding: str):
    for name in GUARDS.split():
        source = "def f(*a): return 'mine'\n" + BINDINGS[binding].format(name=name)
        source += "\nclass A:\n    x = 5\nresult = [A.x, A().x, eval('A.x')]\n"
        answer = run(source)

        assert answer.kind == "violation" or answer.value == [5, 5, 5], (name, answer)


@pytest.mark.parametrize("name", ["eval", "getattr", "type", "str", "isinstance", "list", "super"])
def test_shadowing_a_builtin_changes_no_guard(name: str):
    source = f"def {name}(*a): return 'mine'\nclass A:\n    x = 5\nresult = [A().x, f'{{A.x}}']\n"
    answer = run(source)

    assert answer.value == [5, "5"]


@pytest.mark.parametrize(
    "source",
    [
        "async def f(): pass",
        "def f():\n    async with x: pass",
        "try:\n    pass\nexcept* ValueError: pass",
        "import os",
        "from os import path",
        "from . import x",
        "from math import *",
        "class A(metaclass=type): pass",
        "class A:\n    def __getattr__(self, n): pass",
        "class A:\n    def __del__(self): pass",
        "class A:\n    __class__ = int",
        "exec('1')",
        "open('x')",
        "globals()",
        "x = [].__class__.__mro__",
        "def f(): pass\nf.__code__",
    ],
)
def test_what_is_refused_names_line_construct_and_what_to_write(source: str):
    answer: Answer = run(source)

    assert answer.kind in ("violation", "syntax")
    assert answer.message
    if answer.kind == "violation":
        assert answer.line is not None
        assert answer.construct
        assert answer.hint
