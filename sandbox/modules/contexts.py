"""``contextlib`` in small, and ``decimal``'s context as an object with two settings."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Generator
from typing import Any, Literal, final


class AbstractContextManager:
    """Base for context managers: entering gives the object itself."""

    __slots__ = ()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        return None


class ContextDecorator:
    """Base for context managers that also work as decorators."""

    __slots__ = ()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate: the function runs inside the ``with`` statement."""

        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:  # type: ignore[attr-defined]
                return function(*args, **kwargs)

        return inside


@final
class _Generated:
    __slots__ = ("_make", "_steps")

    def __init__(self, make: Callable[[], Generator[Any, Any, Any]]) -> None:
        self._make = make
        self._steps: Generator[Any, Any, Any] | None = None

    def __enter__(self) -> Any:
        self._steps = self._make()
        try:
            return next(self._steps)
        except StopIteration:
            raise RuntimeError("the function of contextmanager did not yield") from None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        steps = self._steps
        if steps is None:
            return False
        if error is None:
            try:
                next(steps)
            except StopIteration:
                return False
            raise RuntimeError("the function of contextmanager did not stop")
        try:
            steps.throw(error)
        except StopIteration as stop:
            return stop is not error
        except BaseException as raised:
            if raised is error or (
                isinstance(raised, RuntimeError)
                and isinstance(error, StopIteration)
                and raised.__cause__ is error
            ):
                return False
            raise
        raise RuntimeError("the function of contextmanager did not stop after the exception")

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def inside(*args: Any, **kwargs: Any) -> Any:
            with _Generated(self._make):
                return function(*args, **kwargs)

        return inside


def contextmanager(function: Callable[..., Generator[Any, Any, Any]]) -> Callable[..., _Generated]:
    """Decorator: a function that yields once becomes a context manager."""

    def manager(*args: Any, **kwargs: Any) -> _Generated:
        return _Generated(lambda: function(*args, **kwargs))

    return manager


@final
class closing:  # noqa: N801 - the names in contextlib
    """Closes the object at the end."""

    __slots__ = ("_close", "_thing")

    def __init__(self, thing: Any) -> None:
        self._thing = thing
        self._close = thing.close

    def __enter__(self) -> Any:
        return self._thing

    def __exit__(self, *facts: object) -> None:
        self._close()


@final
class nullcontext:  # noqa: N801
    """Does nothing; entering gives the value."""

    __slots__ = ("_value",)

    def __init__(self, enter_result: Any = None) -> None:
        self._value = enter_result

    def __enter__(self) -> Any:
        return self._value

    def __exit__(self, *facts: object) -> None:
        return None


@final
class suppress:  # noqa: N801
    """Swallows these exceptions."""

    __slots__ = ("_kinds",)

    def __init__(self, *exceptions: type[BaseException]) -> None:
        self._kinds = exceptions

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        return kind is not None and issubclass(kind, self._kinds)


_ROUNDINGS = frozenset(name for name in dir(decimal) if name.startswith("ROUND_"))


@final
class DecimalContext:
    """What ``getcontext()`` gives: ``prec`` (digits) and ``rounding``, of this run."""

    __slots__ = ()

    @property
    def prec(self) -> int:
        """Digits that results keep."""
        return decimal.getcontext().prec

    @prec.setter
    def prec(self, digits: int) -> None:
        decimal.getcontext().prec = digits

    @property
    def rounding(self) -> str:
        """One of the ``ROUND_`` names."""
        return decimal.getcontext().rounding

    @rounding.setter
    def rounding(self, name: str) -> None:
        if type(name) is not str or name not in _ROUNDINGS:
            raise TypeError(f"rounding must be one of {', '.join(sorted(_ROUNDINGS))}")
        decimal.getcontext().rounding = name


@final
class _LocalContext:
    __slots__ = ("_before", "_changes")

    def __init__(self, changes: dict[str, Any]) -> None:
        self._changes = changes
        self._before: decimal.Context | None = None

    def __enter__(self) -> DecimalContext:
        self._before = decimal.getcontext().copy()
        context = DecimalContext()
        for name, value in self._changes.items():
            setattr(context, name, value)
        return context

    def __exit__(self, *facts: object) -> Literal[False]:
        if self._before is not None:
            decimal.setcontext(self._before)
        return False


def getcontext() -> DecimalContext:
    """The settings of arithmetic with decimals."""
    return DecimalContext()


def localcontext(
    ctx: DecimalContext | None = None, *, prec: int | None = None, rounding: str | None = None
) -> _LocalContext:
    """Context manager: other settings inside the ``with`` statement."""
    given = {"prec": prec, "rounding": rounding}
    return _LocalContext({name: value for name, value in given.items() if value is not None})
