"""One run as the host sees it, without any waiting: bytes in, events out.

The callers for threads and for event loops share all of it but the waiting
(:mod:`sandbox.pool.waiting`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.errors import SandboxCrash, SandboxError, SandboxOutputLimit
from sandbox.job import Answer
from sandbox.limits import Limits
from sandbox.pool import frames, wire

_BYTES_PER_CHAR = 12
"""Of JSON, at most: a character outside the basic plane is two escapes of six."""
_REST_BYTES = 256_000
"""Of an answer: messages, traceback."""


@dataclass(frozen=True, slots=True)
class Call:
    """The code calls a tool; everything is encoded, and nothing is checked yet."""

    name: str
    arguments: list[Any]
    keywords: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """The run is over; ``value`` is the JSON that the child gave."""

    answer: Answer
    value: bytes


class Conversation:
    """What comes from one child.

    Args:
        limits: Of the run.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._answer: Answer | None = None
        self._reader = frames.Reader(
            {
                frames.ANSWER: limits.printed_chars * _BYTES_PER_CHAR + _REST_BYTES,
                frames.VALUE: limits.output_bytes,
                frames.CALL: limits.output_bytes,
            }
        )
        self.heard = False
        """Whether anything came: then the code may have run."""

    def feed(self, data: bytes) -> None:
        """Add what came."""
        self.heard = True
        self._reader.feed(data)

    def event(self) -> Call | Done | None:
        """The next event; ``None`` when more must come first.

        Raises:
            SandboxOutputLimit: More comes than may.
            SandboxCrash: What comes makes no sense.
        """
        try:
            while (message := self._reader.take()) is not None:
                event = self._understand(*message)
                if event is not None:
                    return event
        except frames.TooLong as error:
            raise self._too_long(error) from None
        except (frames.BadFrame, wire.BadAnswer) as error:
            raise SandboxCrash(f"The process answered nonsense: {error}.") from None
        return None

    def _understand(self, kind: bytes, payload: bytes) -> Call | Done | None:
        if kind == frames.ANSWER and self._answer is None:
            self._answer = wire.answer_from_json(payload, printed_chars=self._limits.printed_chars)
            return None
        if kind == frames.VALUE and self._answer is not None:
            return Done(self._answer, payload)
        if kind == frames.CALL and self._answer is None:
            return _call(wire.load_json(payload))
        raise frames.BadFrame(f"a message of kind {kind!r} now")

    def _too_long(self, error: frames.TooLong) -> SandboxError:
        if error.kind == frames.ANSWER:
            return SandboxCrash(f"The process answered nonsense: {error}.")
        what = "returns" if error.kind == frames.VALUE else "gives a tool"
        return SandboxOutputLimit(
            f"The code {what} {error.length:,} bytes; at most {error.cap:,}.",
            limit=error.cap,
            printed=self._answer.printed if self._answer else "",
        )


def _call(given: Any) -> Call:
    if type(given) is dict:
        name, arguments, keywords = (given.get(k) for k in ("name", "arguments", "keywords"))
        if type(name) is str and type(arguments) is list and type(keywords) is dict:
            return Call(name, arguments, keywords)
    raise wire.BadAnswer("a call without name, arguments or keywords")
