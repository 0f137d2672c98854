"""Façades: what they show, and that nothing else can be reached from them."""

from __future__ import annotations

import calendar
import collections
import functools
import importlib
import random
import subprocess
import sys
import types
from typing import Any

import pytest

from sandbox import modules
from sandbox.modules import (
    AVAILABLE,
    BASES,
    METHODS,
    SAFE_TYPES,
    WRITABLE,
    Guards,
    Loader,
    Module,
    load,
    why_not,
)
from sandbox.modules.names import AVAILABLE as NAMES
from sandbox.modules.reasons import MODULES
from sandbox.modules.reasons import NAMES as REASONS

ALL = sorted(AVAILABLE)
# Names of newer or older Python versions than this one.
SOMETIMES = {
    "calendar": {name.upper() for name in calendar.month_name if name},
    "collections.abc": {"ByteString"},
    "csv": {"QUOTE_NOTNULL", "QUOTE_STRINGS"},
    "itertools": {"batched"},
    "math": {"fma", "sumprod"},
    "random": {"binomialvariate"},
}


def module(name: str, **options: Any) -> Any:
    found = Loader(**options).load(name)
    assert found is not None, name
    return found


@pytest.mark.parametrize("name", ALL)
def test_every_name_is_there(name: str) -> None:
    made = module(name)
    missing = {each for each in AVAILABLE[name] if not hasattr(made, each)}
    assert missing <= SOMETIMES.get(name, set())
    assert modules.name_of(made) == name
    assert set(modules.names_in(made)) == set(AVAILABLE[name]) - missing


@pytest.mark.parametrize("name", ALL)
def test_a_module_is_frozen_and_shows_only_its_table(name: str) -> None:
    made = module(name)
    first = next(iter(modules.names_in(made)))
    for hidden in ("_name", "_table", "__dict__", "__class__", "__loader__", "sys", "os", ""):
        if hidden in AVAILABLE[name]:
            continue
        with pytest.raises(AttributeError):
            getattr(made, hidden)
    with pytest.raises(AttributeError, match="cannot be changed"):
        setattr(made, first, 1)
    with pytest.raises(AttributeError, match="cannot be changed"):
        delattr(made, first)
    with pytest.raises(TypeError, match="mappingproxy"):
        object.__getattribute__(made, "_table")[first] = 1
    assert repr(made) == f"<module {name!r}>"


def test_a_name_that_lies_is_looked_up_as_nothing() -> None:
    class Name(str):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash("sqrt")

    with pytest.raises(AttributeError):
        getattr(module("math"), Name("sqrt"))


@pytest.mark.parametrize("name", ALL)
def test_no_real_module_and_no_shared_container_is_in_a_table(name: str) -> None:
    made = module(name)
    for each in modules.names_in(made):
        value = getattr(made, each)
        assert not isinstance(value, types.ModuleType), each
        assert not isinstance(value, list | dict | set | bytearray), each
        if isinstance(value, Module):
            assert f"{name}.{each}" in AVAILABLE


def test_unknown_and_forbidden_modules_do_not_load() -> None:
    for name in ("os", "builtins", "sandbox", "json.decoder", "os.path", "", "..", "collections."):
        assert load(name) is None
    assert load(str) is None  # type: ignore[arg-type]


def test_allowed_modules_alone_load() -> None:
    run = Loader(allowed={"math", "dateutil.parser", "collections"})
    assert run.load("json") is None
    assert run.load("math") is not None
    assert run.load("collections.abc") is not None
    package = run.load("dateutil")
    assert package is not None
    assert list(modules.names_in(package)) == ["parser"]
    assert run.load("dateutil.tz") is None


def test_a_module_is_the_same_through_one_run() -> None:
    run = Loader(seed=1)
    assert run.load("random") is run.load("random")
    assert run.load("dateutil").parser is run.load("dateutil.parser")  # type: ignore[union-attr]
    assert run.load("random") is not Loader(seed=1).load("random")


# Reasons.


def test_every_reason_names_something_that_is_really_missing() -> None:
    for name in MODULES:
        assert name not in AVAILABLE
        assert MODULES[name] in why_not(name)
    for name, reasons in REASONS.items():
        assert name in AVAILABLE
        for each, reason in reasons.items():
            assert each not in AVAILABLE[name], f"{name}.{each}"
            assert why_not(name, each) == f"{name}.{each} is not offered: {reason}"


def test_other_names_are_answered_too() -> None:
    assert why_not("nosuch") == "module 'nosuch' is not offered"
    assert why_not("os.path").startswith("module 'os.path' is not offered: the code has no system")
    assert why_not("math", "sqroot") == "module 'math' has no 'sqroot'; did you mean 'sqrt'?"
    assert why_not("math", "zzz") == "module 'math' has no 'zzz'"
    with pytest.raises(AttributeError, match="use f-strings"):
        module("string").Formatter  # noqa: B018


def test_what_the_reference_leaves_out_is_left_out() -> None:
    gone = {
        "string": ["Formatter"],
        "collections": ["UserString"],
        "typing": ["get_type_hints", "ForwardRef"],
        "functools": ["singledispatch", "singledispatchmethod", "update_wrapper"],
        "dataclasses": ["make_dataclass"],
        "decimal": ["Context", "DefaultContext", "BasicContext", "setcontext"],
        "dateutil.tz": ["tzfile", "tzical", "tzstr"],
        "time": ["sleep"],
        "json": ["codecs", "decoder", "scanner", "load", "dump"],
        "re": ["sys", "enum", "functools", "_cache"],
        "statistics": ["sys", "math", "random"],
        "enum": ["sys", "bltns", "EnumMeta", "EnumType"],
        "urllib.parse": ["sys", "uses_netloc", "re", "functools"],
        "csv": ["register_dialect", "field_size_limit"],
        "random": ["_inst", "SystemRandom", "_os"],
        "uuid": ["os", "sys", "uuid1", "getnode"],
        "sys": ["modules", "_getframe", "exit", "stdout", "settrace", "meta_path"],
        "calendar": ["setfirstweekday", "sys", "prmonth"],
        "io": ["open", "FileIO", "open_code"],
        "zoneinfo": ["reset_tzpath", "TZPATH"],
        "hashlib": ["file_digest", "scrypt"],
    }
    for name, names in gone.items():
        for each in names:
            assert each not in AVAILABLE[name]
            assert not hasattr(module(name), each)


# The types.


def _allowed(cls: type) -> set[str]:
    names = METHODS.get(cls)
    if names is None:
        names = frozenset(name for name in dir(cls) if not name.startswith("_"))
    return set(names) - {"mro", "register", "format", "format_map"}


@pytest.mark.parametrize("cls", sorted(SAFE_TYPES, key=lambda cls: (cls.__module__, cls.__name__)))
def test_no_attribute_of_a_type_leads_away(cls: type) -> None:
    harmless = (str, int, float, type(None), tuple, frozenset, bytes, bool)
    methods = (
        types.FunctionType,
        types.BuiltinFunctionType,
        types.MethodType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.WrapperDescriptorType,
        property,
        functools.cached_property,
    )
    for name in _allowed(cls):
        try:
            value = getattr(cls, name)
        except AttributeError:
            continue
        if isinstance(value, types.DynamicClassAttribute) or type(value).__name__ == "property":
            continue
        assert not isinstance(value, types.ModuleType | types.CodeType | types.FrameType), name
        if isinstance(value, type):
            assert value in SAFE_TYPES, name
            continue
        if type(value).__name__ in ("cached_property", "_tuplegetter"):
            continue
        assert isinstance(value, (*harmless, *methods)) or type(value) in SAFE_TYPES, name
        assert type(value) not in WRITABLE, f"{name}: shared and writable"


def test_writable_types_are_data_and_no_type_is_writable_that_others_share() -> None:
    assert WRITABLE <= SAFE_TYPES
    assert type not in WRITABLE
    assert not any(issubclass(cls, type) for cls in WRITABLE)
    for cls in (tuple, str, types.FunctionType, Module):
        assert cls not in WRITABLE


def test_format_and_address_leaks_are_off_the_lists() -> None:
    assert "format" not in METHODS[str]
    assert "format_map" not in METHODS[str]
    assert "join" in METHODS[str]
    array = importlib.import_module("array").array
    assert not METHODS[array] & {"buffer_info", "fromfile", "tofile"}
    for cls, names in METHODS.items():
        assert "register" not in names, cls
        if isinstance(cls, type) and "_fields" not in names:
            assert not any(name.startswith("_") for name in names), cls


def test_abstract_classes_show_nothing() -> None:
    abstract = module("collections.abc")
    for name in modules.names_in(abstract):
        assert METHODS[getattr(abstract, name)] == frozenset()
    assert METHODS[module("numbers").Number] == frozenset()


def test_bases_are_classes_that_take_instances() -> None:
    for cls in BASES:
        assert isinstance(cls, type)
        if not issubclass(cls, BaseException):
            assert cls in SAFE_TYPES


# Copies, not the real thing.


def test_random_is_the_runs_own() -> None:
    first, second = module("random", seed=5), module("random", seed=5)
    assert [first.random() for _ in range(3)] == [second.random() for _ in range(3)]
    state = random.getstate()
    first.seed(3)
    first.shuffle([1, 2, 3])
    assert random.getstate() == state
    other = module("random", seed=6)
    assert [other.random() for _ in range(3)] != [module("random", seed=5).random()] * 3
    assert module("uuid", seed=1).uuid4() == module("uuid", seed=1).uuid4()
    assert module("uuid", seed=1).uuid4().version == 4


def test_random_seeds_like_the_real_one() -> None:
    made = module("random", seed=0)
    made.seed(42)
    assert made.randint(1, 1000) == random.Random(42).randint(1, 1000)


def _own(cls: Any) -> Any:
    setattr(cls, "__@owned__", True)
    return cls


def test_wraps_copies_and_leaves_the_host_alone() -> None:
    wraps = module("functools").wraps

    def named(x: int) -> int:
        "Says so."
        return x

    def wrapper(*args: Any, k: int = 4) -> Any:
        return (named(*args), k)

    made = wraps(named)(wrapper)
    assert made is not wrapper
    assert (made.__name__, made.__doc__, made(3)) == ("named", "Says so.", (3, 4))
    assert wrapper.__name__ == "wrapper"
    assert not hasattr(made, "__wrapped__")
    assert wraps(named)(len) is len
    with pytest.raises(TypeError):
        wraps(named, assigned=("__globals__",))


def test_only_classes_of_the_code_are_changed() -> None:
    for change in (
        module("functools").total_ordering,
        module("dataclasses").dataclass,
        module("dataclasses").dataclass(order=True),
    ):
        for cls in (collections.Counter, dict, Guards):
            before = set(vars(cls))
            with pytest.raises(TypeError, match="this code defines"):
                change(cls)
            assert set(vars(cls)) == before


def test_dataclasses_work_on_classes_of_the_code() -> None:
    made = module("dataclasses")

    @made.dataclass(order=True)
    @_own
    class Point:
        x: int
        tags: list[str] = made.field(default_factory=list)

    point = Point(1, ["a"])
    twin = made.replace(point, x=2)
    assert (twin.x, twin.tags is point.tags, point < twin) == (2, True, True)
    found = made.asdict(point)
    assert found == {"x": 1, "tags": ["a"]}
    assert found["tags"] is not point.tags
    assert made.astuple(point) == (1, ["a"])
    assert [field.name for field in made.fields(Point)] == ["x", "tags"]
    assert made.is_dataclass(point)
    with pytest.raises(TypeError):
        made.asdict(Point)
    with pytest.raises(TypeError):
        made.asdict({"a": 1})


def test_operator_reads_through_the_guard() -> None:
    asked: list[tuple[Any, str]] = []

    def read(value: Any, name: str) -> Any:
        asked.append((value, name))
        if name.startswith("_"):
            raise AttributeError("no")
        return getattr(value, name)

    made = module("operator", guards=Guards(getattr=read))
    assert made.attrgetter("real.imag")(5) == 0
    assert made.attrgetter("real", "imag")(5) == (5, 0)
    assert made.methodcaller("upper")("a") == "A"
    assert [name for _, name in asked] == ["real", "imag", "real", "imag", "upper"]
    for bad in ("__class__", "real.__class__.__mro__"):
        with pytest.raises(AttributeError):
            made.attrgetter(bad)(5)
    with pytest.raises(AttributeError):
        made.methodcaller("__reduce_ex__", 2)(5)

    class Name(str):
        pass

    with pytest.raises(TypeError):
        made.attrgetter(Name("real"))
    with pytest.raises(TypeError):
        made.methodcaller(Name("upper"))


def test_operator_writes_where_assignment_may() -> None:
    made = module("operator")
    items = [1]
    made.setitem(items, 0, 2)
    assert made.iadd(items, [3]) == [2, 3] == items
    assert made.iadd(1, 2) == 3
    made.delitem(items, 0)
    assert items == [3]

    class Host(dict):  # type: ignore[type-arg]
        pass

    with pytest.raises(TypeError, match="cannot be changed"):
        made.setitem(Host(), "a", 1)
    with pytest.raises(TypeError, match="cannot be changed"):
        made.ior(Host(), {"a": 1})
    own = _own(Host)()
    made.setitem(own, "a", 1)
    assert own == {"a": 1}


def test_namedtuple_takes_names_as_they_are_read() -> None:
    namedtuple = module("collections").namedtuple
    point = namedtuple("Point", "x, y", defaults=[5])(1)
    assert (point.x, point.y, point._asdict()) == (1, 5, {"x": 1, "y": 5})
    for bad in ("ﬁeld", "＿x", "x y＿＿class＿＿", "_x", "def", "x x", "1a"):
        with pytest.raises(ValueError, match=r".+"):
            namedtuple("T", bad)

    class Name(str):
        pass

    assert namedtuple("T", [Name("a")])._fields == ("a",)
    assert type(namedtuple("T", [Name("a")])._fields[0]) is str


def test_enums_are_written_as_classes() -> None:
    made = module("enum")
    import enum

    class Color(made.Enum):  # type: ignore[name-defined, misc]
        RED = 1
        BLUE = made.auto()

    class Size(made.IntEnum):  # type: ignore[name-defined, misc]
        S = 1
        M = 2

    class Rights(made.Flag):  # type: ignore[name-defined, misc]
        R = made.auto()
        W = made.auto()

    class Mask(made.IntFlag):  # type: ignore[name-defined, misc]
        A = 1
        B = 2

    class Word(made.StrEnum):  # type: ignore[name-defined, misc]
        HELLO = made.auto()

    class RealSize(enum.IntEnum):
        S = 1
        M = 2

    assert Color(2) is Color.BLUE is Color["BLUE"]
    assert (Size.S + 1, str(Size.M), f"{Size.M:03}") == (2, str(RealSize.M), "002")
    assert (Rights.R | Rights.W).value == 3
    assert Rights.R in (Rights.R | Rights.W)
    assert (Mask.A | 8) == 9
    assert (Word.HELLO, f"{Word.HELLO}") == ("hello", "hello")
    assert isinstance(Size.S, made.Enum)
    for cls in (made.Enum, made.IntEnum, made.Flag, made.IntFlag, made.StrEnum):
        for arguments in (("X", "a b"), ("X", {"__reduce_ex__": 1}), ("X",)):
            with pytest.raises(TypeError, match="in the body"):
                cls(*arguments)
    with pytest.raises(TypeError):
        Color("New", names="a b")
    with pytest.raises(ValueError, match="New"):
        Color("New", "a b")


def test_decimals_have_a_context_with_two_settings() -> None:
    made = module("decimal")
    third = made.Decimal(1) / 3
    with made.localcontext(prec=4) as context:
        assert made.Decimal(1) / 3 == made.Decimal("0.3333")
        context.prec = 2
        context.rounding = made.ROUND_UP
        assert made.Decimal(1) / 3 == made.Decimal("0.34")
    assert made.Decimal(1) / 3 == third
    context = made.getcontext()
    for name in ("traps", "flags", "Emax", "clear_traps", "_x"):
        assert not hasattr(context, name)
        with pytest.raises(AttributeError):
            setattr(context, name, 1)
    with pytest.raises(TypeError):
        context.rounding = "sideways"


def test_typing_is_inert() -> None:
    made = module("typing")
    hint = made.Optional[made.List["__import__('os')"]]
    assert repr(hint) == "typing.Optional[typing.List[\"__import__('os')\"]]"
    assert made.get_args(made.Dict[str, int]) == (str, int)
    assert made.get_origin(made.Dict[str, int]) is dict
    assert made.get_origin(list[int]) is list
    assert isinstance([], made.List)
    assert isinstance(None, made.Optional[int])
    assert not isinstance("a", made.Union[int, float])
    assert isinstance(len, made.Callable)
    assert made.cast(int, "a") == "a"
    assert made.NewType("Id", int)(4) == 4
    assert (made.Any | int) == made.Union[made.Any, int]
    assert made.Deque([1]) == collections.deque([1])
    assert made.TYPE_CHECKING is False

    class Stack(made.Generic[made.TypeVar("T")]):  # type: ignore[misc]
        pass

    class Shape(made.Protocol, made.Generic[made.TypeVar("T")]):  # type: ignore[misc]
        pass

    class Film(made.TypedDict, total=False):  # type: ignore[misc, call-arg]
        title: str

    assert Stack[int] is Stack
    assert Shape.__mro__.count(Shape.__mro__[1]) == 1
    assert Film(title="x") == {"title": "x"}
    for bad in (made.Any, made.Union[int, str]):
        with pytest.raises(TypeError):
            type("X", types.resolve_bases((bad,)), {})
    with pytest.raises(TypeError):
        isinstance(1, made.List[int])


def test_zones_come_from_the_table_alone() -> None:
    made = module("zoneinfo")
    zone = made.ZoneInfo("Europe/Paris")
    assert zone is made.ZoneInfo("Europe/Paris")
    assert isinstance(zone, made.ZoneInfo)
    assert zone.key == "Europe/Paris"
    assert "Asia/Tokyo" in made.available_timezones()
    for bad in ("../../etc/passwd", "/etc/localtime", "posixrules/../UTC", "", "No/Where", None, 5):
        with pytest.raises(made.ZoneInfoNotFoundError):
            made.ZoneInfo(bad)
    assert not METHODS[made.ZoneInfo] & {"from_file", "no_cache", "clear_cache"}
    with pytest.raises(TypeError):
        type("Mine", (made.ZoneInfo,), {})
    tz = module("dateutil.tz")
    assert tz.gettz("Europe/Paris") is zone
    assert tz.gettz("/etc/localtime") is None


def test_rules_find_zones_by_name_without_files() -> None:
    rule = module("dateutil.rrule").rrulestr(
        "DTSTART;TZID=Europe/Paris:20240101T000000\nRRULE:FREQ=DAILY;COUNT=1"
    )
    assert next(iter(rule)).tzinfo is module("zoneinfo").ZoneInfo("Europe/Paris")
    lost = module("dateutil.rrule").rrulestr(
        "DTSTART;TZID=/etc/localtime:20240101T000000\nRRULE:FREQ=DAILY;COUNT=1"
    )
    assert next(iter(lost)).tzinfo is None


def test_hashes_by_name_are_the_guaranteed_ones() -> None:
    made = module("hashlib")
    assert made.new("SHA256", b"a").hexdigest() == made.sha256(b"a").hexdigest()
    with pytest.raises(ValueError, match="unsupported"):
        made.new("sha512_256x")
    assert isinstance(made.algorithms_available, frozenset)


def test_sys_sets_nothing() -> None:
    before = sys.getrecursionlimit()
    made = module("sys")
    made.setrecursionlimit(10**6)
    assert sys.getrecursionlimit() == before
    with pytest.raises(ValueError, match="greater"):
        made.setrecursionlimit(0)
    assert made.maxsize == sys.maxsize
    assert made.intern("a") == "a"


def test_contexts_behave_as_the_real_ones() -> None:
    import contextlib

    log: list[Any] = []

    def steps(value: int) -> Any:
        log.append("in")
        try:
            yield value
        except KeyError:
            log.append("caught")
        finally:
            log.append("out")

    for real in (contextlib.contextmanager, module("contextlib").contextmanager):
        log.clear()
        with real(steps)(3) as value:
            log.append(value)
        with real(steps)(3):
            raise KeyError
        with pytest.raises(ZeroDivisionError), real(steps)(3):
            1 / 0  # noqa: B018
        with pytest.raises(StopIteration), real(steps)(3):
            raise StopIteration
        assert log == ["in", 3, "out", "in", "caught", "out", "in", "out", "in", "out"]
        with pytest.raises(RuntimeError), real(lambda: iter(()))():
            pass
        with pytest.raises(RuntimeError), real(lambda: (x for x in (1, 2)))():
            pass
        decorated = real(steps)(1)(lambda: "done")
        assert decorated() == decorated() == "done"
    made = module("contextlib")
    with made.suppress(KeyError, ValueError):
        raise ValueError
    with pytest.raises(TypeError), made.suppress(KeyError):
        raise TypeError
    with made.nullcontext(4) as four:
        assert four == 4


def test_seal_leaves_no_file_to_open() -> None:
    """In a process of its own: every import and codec that is not loaded is simply not there."""
    code = """
import builtins, io, os, sys
from sandbox import modules
modules.preload()
modules.seal()
def refuse(event, args):
    if event in ("open", "os.listdir", "os.scandir"):
        raise SystemExit(f"opened {args}")
sys.addaudithook(refuse)
import datetime, time
run = modules.Loader(seed=1)
for name in modules.AVAILABLE:
    assert run.load(name) is not None, name
datetime.datetime.strptime("2024-02-29", "%Y-%m-%d").astimezone().strftime("%A %Z")
time.strptime("1", "%d"); time.localtime(0)
run.load("zoneinfo").ZoneInfo("Asia/Tokyo")
for codec in ("UTF-8", "utf8", "latin-1", "ISO-8859-1", "cp1252", "U8", "gb18030", "idna"):
    "a".encode(codec).decode(codec)
for missing in ("cp037", "nosuch", "zlib", "hex"):
    try:
        "a".encode(missing)
    except LookupError:
        pass
    else:
        raise SystemExit(missing)
try:
    import wave
except ImportError:
    pass
else:
    raise SystemExit("wave")
run.load("dateutil.parser").parse("3 May 2001 10:00 EST")
run.load("json").loads(b"\\xff\\xfe1\\x00")
run.load("hashlib").sha3_256(b"x" * 9999).hexdigest()
modules.for_interpreter("re")
try:
    modules.for_interpreter("wave")
except ImportError:
    sys.stdout.write("sealed")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("sealed", 0), done.stderr


def test_host_looks_without_importing() -> None:
    """``AVAILABLE`` is data: the host checks a policy without loading forty modules."""
    assert NAMES is AVAILABLE
    assert all(isinstance(each, str) for names in NAMES.values() for each in names)
    code = (
        "import sys; from sandbox.modules import AVAILABLE, why_not; why_not('math', 'x');"
        "print(sorted({'dateutil', 'decimal', 'statistics', 'hashlib', 'csv'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
