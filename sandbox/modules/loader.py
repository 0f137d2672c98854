"""One run's modules: each is built when it is first imported, from what it may show."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Collection
from types import MappingProxyType
from typing import Any

from sandbox.modules.guards import Guards
from sandbox.modules.module import Module
from sandbox.modules.names import AVAILABLE

_PACKAGES: dict[str, tuple[str, ...]] = {
    "collections": ("abc",),
    "dateutil": ("easter", "parser", "relativedelta", "rrule", "tz"),
    "urllib": ("parse",),
}
_MADE_HERE = frozenset({"dateutil", "typing", "urllib"})
_RUN: frozenset[str] = frozenset(
    {"collections", "copy", "dataclasses", "functools", "operator", "random", "uuid"}
)
"""Modules that depend on the run: on its guards, its seed, or what it may import."""

_shared: dict[str, Module] = {}


class Loader:
    """The modules of one run.

    Args:
        guards: How the language reads attributes and knows the code's classes.
        seed: Of ``random`` and ``uuid.uuid4``; ``None``: of the system's entropy.
        allowed: Names of modules that may be imported (one of a package's allows the package);
            ``None``: all of :data:`AVAILABLE`.
    """

    def __init__(
        self,
        guards: Guards | None = None,
        *,
        seed: int | None = None,
        allowed: Collection[str] | None = None,
    ) -> None:
        self._guards = guards or Guards()
        self._seed = seed
        self._allowed = None if allowed is None else frozenset(allowed)
        self._loaded: dict[str, Module] = {}
        self._generator: Any = None

    def load(self, name: str) -> Module | None:
        """The module, or ``None`` where there is none of this name or it is not allowed.

        ``why_not(name)`` of this package says why.
        """
        if type(name) is not str or name not in AVAILABLE or not self._may(name):
            return None
        found = self._loaded.get(name)
        if found is None:
            found = self._shared(name)
            if found is None:
                return None
            self._loaded[name] = found
        return found

    def _may(self, name: str) -> bool:
        if self._allowed is None or name in self._allowed:
            return True
        if name.partition(".")[0] in self._allowed:
            return True
        # A package may be reached on the way to one of its modules.
        return any(allowed.startswith(name + ".") for allowed in self._allowed)

    def _shared(self, name: str) -> Module | None:
        if name in _PACKAGES or name in _RUN:
            return self._build(name)
        if name not in _shared:
            built = self._build(name)
            if built is None:
                return None
            _shared[name] = built
        return _shared[name]

    def _build(self, name: str) -> Module | None:
        real: Any = None
        if name not in _MADE_HERE:
            try:
                real = importlib.import_module(name)
            except ImportError:
                return None
        elif name == "dateutil" and self.load("dateutil.parser") is None and not self._dateutil():
            return None
        own = self._own(name)
        table: dict[str, Any] = {}
        for each in AVAILABLE[name]:
            if each in _PACKAGES.get(name, ()):
                inner = self.load(f"{name}.{each}")
                if inner is not None:
                    table[each] = inner
            elif each in own:
                table[each] = own[each]
            elif real is not None and hasattr(real, each):
                table[each] = getattr(real, each)
        return Module(name, table)

    @staticmethod
    def _dateutil() -> bool:
        from sandbox.modules.trusted import DATEUTIL

        return bool(DATEUTIL)

    def _own(self, name: str) -> dict[str, Any]:
        """What stands in for names of the real module."""
        make = _OWN.get(name)
        return make(self) if make else {}

    @property
    def generator(self) -> Any:
        """The run's own generator of random numbers."""
        if self._generator is None:
            import random

            self._generator = random.Random(self._seed)  # noqa: S311
        return self._generator

    @property
    def guards(self) -> Guards:
        """How the language reads attributes and knows the code's classes."""
        return self._guards


def load(name: str) -> Module | None:
    """A module for a run of its own, without guards of a language: see :class:`Loader`."""
    return Loader().load(name)


def _random(run: Loader) -> dict[str, Any]:
    generator = run.generator
    names = set(AVAILABLE["random"]) - {"Random"}
    return {name: getattr(generator, name) for name in names if hasattr(generator, name)}


def _uuid(run: Loader) -> dict[str, Any]:
    generator = run.generator

    def uuid4() -> uuid.UUID:
        """A random UUID."""
        return uuid.UUID(int=generator.getrandbits(128), version=4)

    return {"uuid4": uuid4}


def _functools(run: Loader) -> dict[str, Any]:
    from sandbox.modules.functions import functools_names

    return functools_names(run.guards)


def _operator(run: Loader) -> dict[str, Any]:
    from sandbox.modules.functions import operator_names

    return operator_names(run.guards)


def _collections(run: Loader) -> dict[str, Any]:
    from sandbox.modules.functions import namedtuple

    return {"namedtuple": namedtuple}


def _copy(run: Loader) -> dict[str, Any]:
    from sandbox.modules.copying import Copier

    return Copier(run.guards).names()


def _dataclasses(run: Loader) -> dict[str, Any]:
    from sandbox.modules.records import dataclass_names

    return dataclass_names(run.guards)


def _enum(run: Loader) -> dict[str, Any]:
    from sandbox.modules.enums import ENUM_NAMES

    return ENUM_NAMES


def _typing(run: Loader) -> dict[str, Any]:
    from sandbox.modules.hints import typing_names

    return typing_names(AVAILABLE["typing"])


def _contextlib(run: Loader) -> dict[str, Any]:
    from sandbox.modules import contexts

    return {name: getattr(contexts, name) for name in AVAILABLE["contextlib"]}


def _decimal(run: Loader) -> dict[str, Any]:
    from sandbox.modules.contexts import getcontext, localcontext

    return {"getcontext": getcontext, "localcontext": localcontext}


def _zoneinfo(run: Loader) -> dict[str, Any]:
    from sandbox.modules import zones

    zones.available_timezones()  # read now: later there may be no files
    return {name: getattr(zones, name) for name in AVAILABLE["zoneinfo"]}


def _small(name: str) -> Callable[[Loader], dict[str, Any]]:
    def make(run: Loader) -> dict[str, Any]:
        from sandbox.modules import small

        names: dict[str, Any] = small.NAMES[name]()
        return names

    return make


_OWN: MappingProxyType[str, Callable[[Loader], dict[str, Any]]] = MappingProxyType(
    {
        "collections": _collections,
        "contextlib": _contextlib,
        "copy": _copy,
        "dataclasses": _dataclasses,
        "decimal": _decimal,
        "enum": _enum,
        "functools": _functools,
        "operator": _operator,
        "random": _random,
        "typing": _typing,
        "uuid": _uuid,
        "zoneinfo": _zoneinfo,
        **{
            name: _small(name)
            for name in (
                "calendar",
                "csv",
                "dateutil.rrule",
                "dateutil.tz",
                "difflib",
                "hashlib",
                "re",
                "string",
                "sys",
                "urllib.parse",
            )
        },
    }
)
