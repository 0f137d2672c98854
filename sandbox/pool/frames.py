"""How messages cross: a kind of one byte, a length of four, then that many bytes of JSON.

An answer has two parts, so that the host can measure and cap the value alone: the kind ``A`` holds
the answer without its value, followed by a frame ``V`` with the value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

JOB: Final = b"J"
"""Host → child: the job, with its limits."""
ANSWER: Final = b"A"
"""Child → host: the answer without its value."""
VALUE: Final = b"V"
"""Child → host: the value, and the end."""
CALL: Final = b"T"
"""Child → host: a call of a tool."""
GIVEN: Final = b"G"
"""Host → child: what the tool gave."""
FAILED: Final = b"F"
"""Host → child: why the tool gave nothing, as a JSON string."""

HELLO: Final = b"H"
"""A child that was started for one job alone → host: which layers it found."""

_HEAD = struct.Struct(">cI")
HEAD_BYTES: Final = _HEAD.size
MOST_BYTES: Final = 2**32 - 1


class BadFrame(Exception):
    """What came is no frame that may come now."""


def head(kind: bytes, payload: bytes) -> bytes:
    """What goes before this payload."""
    return _HEAD.pack(kind, len(payload))


def pack(kind: bytes, payload: bytes) -> bytes:
    """One message."""
    return head(kind, payload) + payload


class Reader:
    """Takes bytes as they come and gives whole messages.

    Args:
        caps: Which kinds may come, and how many bytes each may have at most.
    """

    def __init__(self, caps: dict[bytes, int]) -> None:
        self._caps = caps
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes."""
        self._buffer += data

    def take(self) -> tuple[bytes, bytes] | None:
        """The next message, when it is there whole.

        Raises:
            BadFrame: Its kind may not come.
            TooLong: Its length says that it is too long; nothing of it is kept.
        """
        if len(self._buffer) < HEAD_BYTES:
            return None
        kind, length = _HEAD.unpack_from(self._buffer)
        cap = self._caps.get(kind)
        if cap is None:
            raise BadFrame(f"a message of kind {kind!r}")
        if length > cap:
            raise TooLong(kind, length, cap)
        end = HEAD_BYTES + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEAD_BYTES:end])
        del self._buffer[:end]
        return kind, payload


class TooLong(BadFrame):
    """A message says that it is longer than it may be.

    Attributes:
        kind: Its kind.
        length: Its bytes.
        cap: How many it may have.
    """

    def __init__(self, kind: bytes, length: int, cap: int) -> None:
        super().__init__(f"a message of {length} bytes; at most {cap}")
        self.kind = kind
        self.length = length
        self.cap = cap


def read_one(read: Callable[[int], bytes]) -> tuple[bytes, bytes] | None:
    """Read one message of a peer that is trusted; ``None`` at the end.

    Args:
        read: Gives at most so many bytes, ``b""`` at the end.
    """
    head = _exactly(read, HEAD_BYTES)
    if head is None:
        return None
    kind, length = _HEAD.unpack(head)
    payload = _exactly(read, length)
    return None if payload is None else (kind, payload)


def _exactly(read: Callable[[int], bytes], count: int) -> bytes | None:
    parts: list[bytes] = []
    while count:
        part = read(min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
