"""Why a module or a name in one is not offered, and what to write instead.

The messages are read by the model that wrote the code, so each ends in something it can do.
"""

from __future__ import annotations

from types import MappingProxyType

_FILES = "the code has no files: take the data as an argument and return the result"
_NETWORK = "the code has no network: take the data as an argument, or call a tool that is offered"
_PROCESS = "the code has no system to talk to: compute from the arguments and return the result"
_PARALLEL = "one run has one thread: write a plain loop"
_INTERPRETER = "it reaches into the interpreter: write the logic out"
_PRINT = "it prints: build the text and return it, or print() it"
_SHARED = "it changes what other runs use: pass the setting as an argument"

MODULES: MappingProxyType[str, str] = MappingProxyType(
    {
        "abc": "write base methods that `raise NotImplementedError` instead",
        "ast": _INTERPRETER,
        "asyncio": _PARALLEL,
        "atexit": _INTERPRETER,
        "builtins": "the built-in functions are there without an import",
        "bz2": _FILES,
        "codecs": "use str.encode() and bytes.decode()",
        "concurrent": _PARALLEL,
        "ctypes": _INTERPRETER,
        "dis": _INTERPRETER,
        "fcntl": _PROCESS,
        "gc": _INTERPRETER,
        "getpass": _PROCESS,
        "glob": _FILES,
        "gzip": _FILES,
        "http": _NETWORK,
        "httpx": _NETWORK,
        "importlib": "write an ordinary import of a module that is offered",
        "inspect": _INTERPRETER,
        "locale": _SHARED,
        "logging": "use print(); what is printed is kept",
        "lxml": "read the text with re or str methods",
        "marshal": "use json",
        "multiprocessing": _PARALLEL,
        "numpy": "it is not offered: use lists with math, statistics and itertools",
        "os": _PROCESS,
        "pandas": "it is not offered: use lists of dicts with collections and itertools",
        "pathlib": _FILES,
        "pickle": "use json",
        "pkgutil": _INTERPRETER,
        "platform": _PROCESS,
        "pprint": "use json.dumps(value, indent=2) and print()",
        "pytz": "use zoneinfo",
        "requests": _NETWORK,
        "resource": _PROCESS,
        "runpy": _INTERPRETER,
        "scipy": "it is not offered: use math and statistics",
        "secrets": "use random; values that must stay secret are the application's to make",
        "select": _NETWORK,
        "shelve": _FILES,
        "shutil": _FILES,
        "signal": _PROCESS,
        "socket": _NETWORK,
        "sqlite3": _FILES,
        "ssl": _NETWORK,
        "struct": "use int.to_bytes() and int.from_bytes()",
        "subprocess": _PROCESS,
        "sympy": "it is not offered: use math, fractions and decimal",
        "tempfile": _FILES,
        "threading": _PARALLEL,
        "traceback": "catch the exception and use str(error)",
        "types": "use classes, dataclasses or collections.namedtuple",
        "unittest": "use assert",
        "warnings": "raise an exception, or print()",
        "weakref": "keep an ordinary reference",
        "xml": "read the text with re or str methods",
        "yaml": "use json",
        "zipfile": _FILES,
        "zlib": "it is not offered",
    }
)

NAMES: MappingProxyType[str, MappingProxyType[str, str]] = MappingProxyType(
    {
        module: MappingProxyType(names)
        for module, names in {
            "base64": {
                "decode": "it reads files: use b64decode()",
                "encode": "it reads files: use b64encode()",
            },
            "calendar": {
                "HTMLCalendar": "use Calendar and write the HTML",
                "LocaleHTMLCalendar": "use Calendar and write the HTML",
                "LocaleTextCalendar": "use TextCalendar: there are no locales",
                "prcal": _PRINT + " (calendar() gives the text)",
                "prmonth": _PRINT + " (month() gives the text)",
                "setfirstweekday": "make a TextCalendar(firstweekday=…) instead",
            },
            "collections": {
                "UserDict": "keep a dict in an attribute",
                "UserList": "keep a list in an attribute",
                "UserString": "keep a str in an attribute",
            },
            "contextlib": {
                "ExitStack": "write nested with statements",
                "AsyncExitStack": "async is not offered: write with statements",
                "asynccontextmanager": "async is not offered: use contextmanager",
                "chdir": _FILES,
                "redirect_stdout": "collect the text in a list instead of printing it",
                "redirect_stderr": "collect the text in a list instead of printing it",
            },
            "copy": {"replace": "use dataclasses.replace()"},
            "csv": {
                "Dialect": "pass delimiter=, quotechar=, quoting= as arguments",
                "excel": 'pass dialect="excel"',
                "excel_tab": 'pass dialect="excel-tab"',
                "unix_dialect": 'pass dialect="unix"',
                "field_size_limit": _SHARED,
                "register_dialect": "pass delimiter=, quotechar=, quoting= as arguments",
                "unregister_dialect": "pass delimiter=, quotechar=, quoting= as arguments",
            },
            "dataclasses": {
                "make_dataclass": "write the class with @dataclass",
                "Field": "use field() and fields()",
            },
            "dateutil.parser": {
                "parserinfo": "pass dayfirst= and yearfirst= to parse()",
                "parser": "use parse()",
                "isoparser": "use isoparse()",
            },
            "dateutil.tz": {
                "tzfile": "use zoneinfo.ZoneInfo(name)",
                "tzstr": "use tzoffset(name, seconds) or zoneinfo.ZoneInfo(name)",
                "tzrange": "use tzoffset(name, seconds) or zoneinfo.ZoneInfo(name)",
                "tzical": "use zoneinfo.ZoneInfo(name)",
            },
            "decimal": {
                "Context": "set getcontext().prec, or write `with localcontext(prec=…)`",
                "BasicContext": "set getcontext().prec",
                "DefaultContext": "set getcontext().prec",
                "ExtendedContext": "set getcontext().prec",
                "setcontext": "set getcontext().prec, or write `with localcontext(prec=…)`",
            },
            "difflib": {"HtmlDiff": "use unified_diff() or ndiff() and write the HTML"},
            "enum": {
                "EnumMeta": "write a class of Enum",
                "EnumType": "write a class of Enum",
                "property": "write @property",
                "verify": "check the members yourself",
                "global_enum": "write the members' names out",
                "show_flag_values": "loop over the class",
            },
            "functools": {
                "partialmethod": "write the method out",
                "singledispatch": "write `if isinstance(…)` branches",
                "singledispatchmethod": "write `if isinstance(…)` branches",
                "update_wrapper": "use functools.wraps as a decorator",
                "WRAPPER_ASSIGNMENTS": "use functools.wraps as a decorator",
                "WRAPPER_UPDATES": "use functools.wraps as a decorator",
            },
            "hashlib": {
                "file_digest": _FILES,
                "scrypt": "use pbkdf2_hmac()",
            },
            "html": {
                "entities": "use html.unescape()",
                "parser": "read the text with re and html.unescape()",
            },
            "io": {
                "open": _FILES,
                "FileIO": _FILES,
                "TextIOWrapper": "use io.StringIO()",
                "BufferedReader": "use io.BytesIO()",
            },
            "json": {
                "dump": "use json.dumps() and return the text",
                "load": "use json.loads() on the text",
                "codecs": _INTERPRETER,
                "decoder": "use json.loads()",
                "encoder": "use json.dumps()",
                "scanner": "use json.loads()",
                "tool": "use json.dumps(value, indent=2)",
            },
            "random": {
                "SystemRandom": "use random.Random(seed)",
            },
            "re": {
                "purge": "it is not needed",
                "Scanner": "use re.finditer() on one pattern with named groups",
                "template": "use re.compile()",
            },
            "string": {
                "Formatter": "use f-strings, str.format() or string.Template",
            },
            "sys": {
                "argv": "take the values as arguments of the function",
                "exit": "return, or raise an exception",
                "modules": "write an ordinary import",
                "path": _FILES,
                "stdin": "take the text as an argument of the function",
                "stdout": "use print()",
                "stderr": "use print()",
                "settrace": _INTERPRETER,
                "exc_info": "write `except … as error` and use error",
            },
            "time": {
                "sleep": "leave it out: the time of the run is limited and nothing else happens",
                "tzset": "use zoneinfo",
            },
            "typing": {
                "ForwardRef": "name the class itself, or leave the annotation out",
                "get_type_hints": "annotations are not kept: write the types out where needed",
                "runtime_checkable": "check what you need: callable(), isinstance() of a class",
                "is_typeddict": "a TypedDict is a dict: use isinstance(x, dict)",
            },
            "urllib": {
                "request": _NETWORK,
                "error": _NETWORK,
                "robotparser": _NETWORK,
            },
            "uuid": {
                "uuid1": "use uuid4()",
                "getnode": "the machine is not shown: use uuid4()",
            },
            "zoneinfo": {
                "reset_tzpath": _FILES,
                "TZPATH": _FILES,
            },
        }.items()
    }
)


def why_not(module: str, name: str = "") -> str:
    """Say why a module, or a name in one, is not there, and what to use instead.

    Args:
        module: Dotted name of the module.
        name: Name in it; ``""`` asks about the module itself.

    Returns:
        One sentence, without a full stop.
    """
    if not name:
        reason = MODULES.get(module) or MODULES.get(module.partition(".")[0])
        return f"module {module!r} is not offered" + (f": {reason}" if reason else "")
    reason = NAMES.get(module, MappingProxyType({})).get(name)
    if reason:
        return f"{module}.{name} is not offered: {reason}"
    return f"module {module!r} has no {name!r}{_near(module, name)}"


def _near(module: str, name: str) -> str:
    from difflib import get_close_matches

    from sandbox.modules.names import AVAILABLE

    close = get_close_matches(name[:80], AVAILABLE.get(module, ()), n=1, cutoff=0.75)
    return f"; did you mean {close[0]!r}?" if close else ""
