"""Run one job in this process: compile, run, and put whatever happened into an answer."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from sandbox.job import Answer, Job, ToolFailed
from sandbox.language import FILENAME, Denied, NotAllowed, Prints, Program, program
from sandbox.language.names import is_special
from sandbox.language.records import Records
from sandbox.language.text import scrub, shown
from sandbox.modules import AVAILABLE
from sandbox.values import NotData, TooLarge, decode, encode

CallTool = Callable[[str, list[Any], dict[str, Any]], Any]

RECURSION_LIMIT = 2500
"""Frames that the code may stack."""

_MOST_TEXT = 4000
_MOST_FRAMES = 40
_MOST_PROBLEMS = 10


def execute(job: Job, call_tool: CallTool) -> Answer:
    """Run a job.

    Args:
        job: What to run.
        call_tool: Asks the host to answer a call of a tool: name, encoded positional and keyword
            arguments; gives the encoded value, or raises ``ToolFailed``.

    Returns:
        What came of it. Nothing that the code does makes this raise, as far as the interpreter is
        still able to go on.
    """
    prints = Prints(job.printed_chars)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_depth() + RECURSION_LIMIT)
    try:
        return _Run(job, call_tool, prints).answer()
    except MemoryError:
        return Answer("memory", printed=_sendable(prints.text), printed_dropped=prints.dropped)
    except RecursionError:
        return Answer("recursion", printed=_sendable(prints.text), printed_dropped=prints.dropped)
    finally:
        sys.setrecursionlimit(before)


def _depth() -> int:
    frame: types.FrameType | None = sys._getframe()
    depth = 0
    while frame is not None:
        depth += 1
        frame = frame.f_back
    return depth


class _NoEntry(Exception):
    """The source does not define what was to be called."""


class _Run:
    def __init__(self, job: Job, call_tool: CallTool, prints: Prints) -> None:
        self.job = job
        self.call_tool = call_tool
        self.prints = prints
        self.records = Records(job.types)

    def answer(self) -> Answer:
        try:
            facts = self._outcome()
        except NotAllowed as error:
            facts = _refused(error)
        except SyntaxError as error:
            facts = _syntax(error)
        return Answer(
            **facts, printed=_sendable(self.prints.text), printed_dropped=self.prints.dropped
        )

    def _outcome(self) -> dict[str, Any]:
        code = self._compiled()
        # A syntax error from here on is the code's own.
        try:
            value = self._value(code)
            data = encode(
                value,
                depth=self.job.depth,
                size=self.job.output_bytes,
                unpack=self.records.unpack,
            )
            return {"kind": "value", "value": data}
        except TooLarge as error:
            return {"kind": "output", "message": _clean(error.message)}
        except NotData as error:
            return {"kind": "result", "message": _clean(str(error))}
        except _NoEntry as error:
            return {"kind": "failed", "type_name": "NameError", "message": _clean(str(error))}
        except MemoryError:
            return {"kind": "memory"}
        except RecursionError as error:
            frames = _frames(error)
            return {"kind": "recursion", "line": _last_line(frames), "traceback": frames[-3:]}
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is its answer
            return _raised(error)

    def _compiled(self) -> Program:
        names: dict[str, Any] = dict(self.records.classes)
        for name in self.job.tools:
            names[name] = self._tool(name)
        return program(
            self.job.source,
            modules=self.job.modules,
            seed=self.job.seed,
            prints=self.prints,
            names=names,
        )

    def _value(self, code: Program) -> Any:
        code.run()
        name = self.job.entry
        if not name:
            if "result" not in code.space:
                raise _NoEntry("the source does not set the name `result`")
            return code.space["result"]
        target = self._entry(code, name)
        arguments = decode(self.job.arguments, self.records.classes)
        if isinstance(arguments, dict):
            return target(**arguments)
        return target(*arguments)

    def _entry(self, code: Program, name: str) -> Any:
        first, *rest = name.split(".")
        found = code.space.get(first)
        if found is None or is_special(first) or "@" in name or not callable(found):
            known = [
                each
                for each, value in code.space.items()
                if callable(value) and "@" not in each and not each.startswith("__")
            ]
            there = f"; it defines {', '.join(known[:20])}" if known else ""
            raise _NoEntry(f"the source does not define {first!r}{there}")
        for each in rest:
            if isinstance(found, type):
                found = found()
            found = code.access.attribute(found, each)
        return found

    def _tool(self, name: str) -> Callable[..., Any]:
        job, call_tool, records = self.job, self.call_tool, self.records

        def tool(*args: Any, **values: Any) -> Any:
            limits: dict[str, Any] = {
                "depth": job.depth,
                "size": job.output_bytes,
                "unpack": records.unpack,
            }
            try:
                sent = encode(list(args), **limits)
                named = {str.__str__(key): encode(item, **limits) for key, item in values.items()}
            except NotData as error:
                raise TypeError(f"{name}() takes data: {error}") from None
            try:
                answer = call_tool(name, sent, named)
            except ToolFailed as error:
                raise RuntimeError(str(error)) from None
            return decode(answer, records.classes)

        tool.__name__ = tool.__qualname__ = name
        return tool


def _refused(error: NotAllowed) -> dict[str, Any]:
    first = error.problems[0]
    shown_problems = error.problems[:_MOST_PROBLEMS]
    message = first.message if len(error.problems) == 1 else "\n".join(map(str, shown_problems))
    return {
        "kind": "violation",
        "message": _clean(message),
        "construct": _clean(first.construct),
        "hint": _clean(first.hint),
        "line": first.line,
        "column": first.column,
    }


def _syntax(error: SyntaxError) -> dict[str, Any]:
    line = error.lineno if type(error.lineno) is int else None
    column = error.offset if type(error.offset) is int else None
    message = error.msg if type(error.msg) is str else "invalid syntax"
    return {"kind": "syntax", "message": _clean(message), "line": line, "column": column}


def _raised(error: BaseException) -> dict[str, Any]:
    frames = _frames(error)
    line = _last_line(frames)
    if isinstance(error, Denied):
        message, construct, hint = error._facts
        facts: dict[str, Any] = {"construct": _clean(construct), "hint": _clean(hint)}
        return {
            "kind": "violation",
            "message": _clean(message),
            "line": line,
            "traceback": frames,
            **facts,
        }
    try:
        text = str.__str__(shown(error))
    except (MemoryError, RecursionError):
        raise
    except BaseException:  # noqa: BLE001 - its text is made by the code
        text = ""
    name = type.__dict__["__name__"].__get__(type(error))
    return {
        "kind": "failed",
        "hint": _hint(error),
        "type_name": _clean(name),
        "message": _clean(text),
        "line": line,
        "traceback": frames,
    }


def _hint(error: BaseException) -> str:
    if type(error) is not NameError or type(error.name) is not str:
        return ""
    if error.name in AVAILABLE:
        return f"write `import {error.name}` first"
    homes = [
        module for module in ("typing", "collections", "math") if error.name in AVAILABLE[module]
    ]
    return f"write `from {homes[0]} import {error.name}` first" if homes else ""


def _frames(error: BaseException) -> tuple[tuple[int, str], ...]:
    found: list[tuple[int, str]] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_filename == FILENAME:
            found.append((step.tb_lineno, _clean(code.co_name)))
        step = step.tb_next
    if len(found) > _MOST_FRAMES:
        found = found[: _MOST_FRAMES // 2] + found[-_MOST_FRAMES // 2 :]
    return tuple(found)


def _last_line(frames: tuple[tuple[int, str], ...]) -> int | None:
    return frames[-1][0] if frames else None


def _clean(text: str) -> str:
    """``text`` that fits into a frame: bounded, no lone surrogates, no addresses."""
    return scrub(_sendable(text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"))


def _sendable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
