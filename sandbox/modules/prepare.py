"""Make a process ready to run code without files: everything is read before it is locked."""

from __future__ import annotations

import codecs
import contextlib
import encodings
import encodings.aliases
import hashlib
import importlib
import sys
import time
import warnings

from sandbox.modules.loader import Loader
from sandbox.modules.names import AVAILABLE

_TEXT_ENCODINGS = (
    "ascii utf_8 utf_8_sig utf_7 utf_16 utf_16_le utf_16_be utf_32 utf_32_le utf_32_be latin_1 "
    "iso8859_2 iso8859_5 iso8859_7 iso8859_9 iso8859_15 cp437 cp850 cp1250 cp1251 cp1252 cp1253 "
    "cp1254 cp1256 koi8_r mac_roman gbk gb2312 gb18030 big5 shift_jis euc_jp euc_kr cp932 cp949 "
    "idna punycode unicode_escape raw_unicode_escape charmap"
)
_codecs: dict[str, codecs.CodecInfo] = {}


def preload() -> None:
    """Import every module that is offered, and whatever these import or read at first use.

    Call it in the process that runs are forked from, before it is locked. About 0.3 s.
    """
    from sandbox.modules import trusted, zones

    run = Loader(seed=0)
    for name in AVAILABLE:
        run.load(name)
    zones.available_timezones()
    assert trusted.SAFE_TYPES
    for lazy in (
        "_strptime",
        "_pylong",
        "locale",
        "inspect",
        "stringprep",
        "unicodedata",
        "copy",
        "heapq",
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(lazy)
    time.strptime("2024-02-29 Thu Feb PM UTC", "%Y-%m-%d %a %b %p %Z")
    time.strftime("%c %x %X %Z", time.localtime(0))
    time.mktime(time.localtime(0))
    for algorithm in hashlib.algorithms_guaranteed:
        hashlib.new(algorithm, b"x" * 4096)
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 1)
    with contextlib.suppress(ImportError):
        from dateutil import parser, rrule

        parser.parse("Thu 29 Feb 2024 10:00:00 UTC")
        parser.isoparse("2024-02-29T10:00:00Z")
        rrule.rrulestr("DTSTART:20240229T100000Z\nRRULE:FREQ=DAILY;COUNT=2")
    with contextlib.suppress(UnicodeError):
        "ä".encode("idna")
    for name in _TEXT_ENCODINGS.split():
        with contextlib.suppress(LookupError, ImportError):
            info = codecs.lookup(name)
            _codecs[name] = info
            # Some import the C half at the first character.
            with contextlib.suppress(UnicodeError):
                info.decode(info.encode("a")[0])
    warnings.simplefilter("ignore")


def for_interpreter(name: str, *facts: object) -> None:
    """``__import__`` for the interpreter's own use inside the code's frames.

    ``datetime.strptime`` and ``re.sub`` written in C import by way of the ``__builtins__`` of the
    frame that calls them, and then look into ``sys.modules`` themselves. So this only says whether
    the module is loaded, and hands nothing out.

    Raises:
        ImportError: It is not loaded.
    """
    if name not in sys.modules:
        raise ImportError(f"No module named {str(name)!r}", name=name)


def _known(name: str) -> codecs.CodecInfo | None:
    plain = encodings.normalize_encoding(name).lower()
    return _codecs.get(encodings.aliases.aliases.get(plain, plain)) or _codecs.get(plain)


def seal() -> None:
    """Let no import and no codec open a file any more: what is not loaded is not there.

    For a process that only runs code; it cannot be undone. Call :func:`preload` before.
    """
    if not _codecs:
        preload()
    codecs.unregister(encodings.search_function)
    codecs.register(_known)
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
    sys.path.clear()
