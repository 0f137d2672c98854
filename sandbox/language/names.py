"""Which names code may write, read and define: one table for each question."""

from __future__ import annotations

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

_ARITHMETIC = (
    "add sub mul truediv floordiv mod divmod pow matmul lshift rshift and or xor".split()  # noqa: SIM905
)

OPERATORS: frozenset[str] = frozenset(
    [f"__{side}{name}__" for name in _ARITHMETIC for side in ("", "r", "i")]
    + [f"__{name}__" for name in ("lt", "le", "eq", "ne", "gt", "ge")]
    + [f"__{name}__" for name in ("neg", "pos", "abs", "invert", "bool", "int", "float")]
    + [f"__{name}__" for name in ("complex", "index", "round", "trunc", "floor", "ceil")]
)
"""Methods behind operators and conversions to numbers."""

CONTAINERS: frozenset[str] = frozenset(
    f"__{name}__"
    for name in (
        "len length_hint getitem setitem delitem contains iter next reversed missing".split()  # noqa: SIM905
    )
)
"""Methods behind ``len``, ``in``, loops and subscripts."""

SHOWING: frozenset[str] = frozenset({"__repr__", "__str__", "__format__"})
"""Methods that make text; those of the host may show addresses, so they are wrapped."""

VALUE_METHODS: frozenset[str] = (
    OPERATORS | CONTAINERS | SHOWING | {"__hash__", "__enter__", "__exit__"}
)
"""Special methods that may be called by name on any value."""

DEFINABLE: frozenset[str] = VALUE_METHODS | {
    "__init__",
    "__new__",
    "__post_init__",
    "__call__",
    "__bytes__",
    "__get__",
    "__set__",
    "__delete__",
    "__set_name__",
    "__setattr__",
    "__delattr__",
    "__init_subclass__",
    "__class_getitem__",
    "__copy__",
    "__deepcopy__",
}
"""Special methods that a class may define."""

CLASS_VARIABLES: frozenset[str] = frozenset({"__slots__", "__match_args__", "__doc__"})
"""Special names that a class body may assign besides methods."""

MODULE_VARIABLES: frozenset[str] = frozenset({"__all__", "__author__", "__version__", "__doc__"})
"""Special names that may be assigned outside a class; nothing reads them."""

SENSITIVE: frozenset[str] = INSPECT_ATTRIBUTES | {
    "format",
    "format_map",
    "mro",
    "obj",
    "with_traceback",
    "tb_lasti",
    "tb_lineno",
    "f_lasti",
    "f_lineno",
}
"""Public attributes that lead to the host on some type; looked up the careful way."""

NAMEDTUPLE_API: frozenset[str] = frozenset(
    {"_replace", "_asdict", "_fields", "_make", "_field_defaults"}
)

ENUM_API: frozenset[str] = frozenset(
    {"_value_", "_name_", "_missing_", "_generate_next_value_", "_ignore_", "_order_"}
    | {"_member_map_", "_member_names_", "_value2member_map_"}
)
"""What of an enum's names with an underscore on both sides may be read."""

READABLE: frozenset[str] = frozenset(
    {"__name__", "__qualname__", "__doc__", "__module__", "__class__", "__dict__", "__members__"}
    | {"__cause__", "__context__", "__notes__", "__slots__", "__match_args__"}
)
"""Special attributes that may be read, each where the guard finds it harmless."""

NEVER_DEFINED: dict[str, str] = {
    "__getattr__": "write properties, or keep the values in a dict and read them by key",
    "__getattribute__": "write properties, or keep the values in a dict and read them by key",
    "__del__": "use a context manager (__enter__ and __exit__) or try/finally",
    "__class__": "make a new object of the other class",
    "__reduce__": "nothing is pickled here; leave it out",
    "__reduce_ex__": "nothing is pickled here; leave it out",
    "__getstate__": "nothing is pickled here; leave it out",
    "__setstate__": "nothing is pickled here; leave it out",
    "__getnewargs__": "nothing is pickled here; leave it out",
    "__prepare__": "metaclasses are not available; use a class decorator",
    "__instancecheck__": "metaclasses are not available; write a function that checks",
    "__subclasscheck__": "metaclasses are not available; write a function that checks",
    "__subclasshook__": "inherit from a base class instead",
    "__mro_entries__": "inherit from a base class instead",
    "__await__": "write an ordinary function; nothing runs asynchronously here",
    "__aiter__": "write __iter__; nothing runs asynchronously here",
    "__anext__": "write __next__; nothing runs asynchronously here",
    "__aenter__": "write __enter__; nothing runs asynchronously here",
    "__aexit__": "write __exit__; nothing runs asynchronously here",
    "__dir__": "leave it out",
    "__sizeof__": "leave it out",
}
"""Special methods that are refused, and what to write instead."""

NO_BUILTIN: dict[str, str] = {
    "exec": "write the code itself",
    "compile": "write the code itself; for patterns use re.compile",
    "open": "there are no files; take the text as an argument",
    "input": "there is no keyboard; take the text as an argument",
    "globals": "keep the values in a dict of your own",
    "locals": "keep the values in a dict of your own",
    "breakpoint": "leave it out",
    "help": "leave it out",
    "exit": "return from the function, or raise an exception",
    "quit": "return from the function, or raise an exception",
    "memoryview": "use bytes or bytearray and slices",
    "__import__": "write an import statement",
    "__builtins__": "use the built-in functions by their names",
    "__loader__": "leave it out",
    "__spec__": "leave it out",
    "__file__": "there are no files; leave it out",
    "ExceptionGroup": "raise one exception",
    "BaseExceptionGroup": "raise one exception",
    "aiter": "use iter; nothing runs asynchronously here",
    "anext": "use next; nothing runs asynchronously here",
}
"""Built-in names that do not exist here, and what to write instead."""

OWNED = "__@owned__"
"""Stands in the namespace of every class that the code defines. No source can spell it."""


def is_special(name: str) -> bool:
    """Whether ``name`` has two underscores on both sides."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def mangled(name: str, class_name: str | None) -> str:
    """``__x`` as the compiler writes it inside a class: ``_Class__x``."""
    if class_name is None or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    bare = class_name.lstrip("_")
    return f"_{bare}{name}" if bare else name
