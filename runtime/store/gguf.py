"""Reading the header of a GGUF file: its key-values, without any of its weights.

The file may be hostile. Every length in it is checked against the file's size before it is
believed, strings and keys are limited together, long arrays are skipped, and whatever does not
fit ends in :class:`~runtime.store.errors.GGUFError`. Format: GGUF specification, version 2 and
3, little-endian (``docs/gguf.md`` of the ggml project).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from runtime.store.errors import GGUFError

MAGIC = b"GGUF"
VERSIONS = (2, 3)

MAX_KEYS = 4_096
MAX_KEY_BYTES = 65_535
"""From the specification: a key is at most 2¹⁶-1 bytes."""
MAX_KEPT_BYTES = 8 * 1024 * 1024
"""Keys and strings that are kept, together; chat templates have some 10 KB."""
MAX_KEPT_ELEMENTS = 1_024
"""Longer arrays (vocabularies, merges) are skipped and only described."""
MAX_STEPS = 4_000_000
"""Strings that are walked over one by one; the largest vocabularies have some 500 000."""
MAX_DEPTH = 4
"""Arrays in arrays."""

_WINDOW_BYTES = 1024 * 1024
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    _BOOL: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _SCALARS[4], _SCALARS[10]
_TYPE_NAMES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"),
    *("bool", "string", "array", "uint64", "int64", "float64"),
)

QUANTISATIONS = MappingProxyType(
    {
        **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1"},
        **{10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M"},
        **{16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S"},
        **{22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M"},
        **{28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0"},
        **{37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0"},
    }
)
"""Names of ``general.file_type``, from ``LlamaFileType`` in the package gguf 0.19."""


@dataclass(frozen=True, slots=True)
class SkippedArray:
    """An array that was too long to keep."""

    element_type: str
    """GGUF's name of the element type, such as ``string``."""
    length: int
    """How many elements it has."""


GGUFValue = int | float | bool | str | list["GGUFValue"] | SkippedArray


@dataclass(frozen=True, slots=True)
class GGUFInfo:
    """What one usually wants to know of a GGUF file; ``None`` where it does not say."""

    version: int
    tensors: int
    architecture: str | None
    name: str | None
    context_length: int | None
    chat_template: str | None
    bos_token_id: int | None
    eos_token_id: int | None
    quantisation: str | None
    """Of most tensors, as llama.cpp calls it: ``Q4_K_M``."""
    vocabulary_size: int | None


def is_gguf(path: Path) -> bool:
    """Whether a file begins as a GGUF file does.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def read_gguf_metadata(path: Path) -> dict[str, GGUFValue]:
    """The key-values of a GGUF file, in the file's order.

    Two more keys say what the header holds beside them: ``GGUF.version``, ``GGUF.tensor_count``.

    Raises:
        GGUFError: Not a GGUF file, a version other than 2 and 3, big-endian, damaged or hostile.
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        reader = _Reader(path, stream)
        if reader.take(4) != MAGIC:
            raise reader.error(f"it does not begin with {MAGIC!r}")
        version = reader.scalar(_U32)
        if version not in VERSIONS:
            note = " (a big-endian file?)" if version & 0xFFFF == 0 else ""
            raise reader.error(f"version {version}{note}; known are {VERSIONS}")
        tensors, keys = reader.scalar(_U64), reader.scalar(_U64)
        if keys > MAX_KEYS:
            raise reader.error(f"{keys} keys; at most {MAX_KEYS} are read")
        metadata: dict[str, GGUFValue] = {
            "GGUF.version": version,
            "GGUF.tensor_count": tensors,
        }
        for _ in range(keys):
            key = reader.string(MAX_KEY_BYTES)
            if key in metadata:
                raise reader.error(f"the key {key[:80]!r} comes twice")
            metadata[key] = reader.value(reader.scalar(_U32))
        return metadata


def describe_gguf(path: Path) -> GGUFInfo:
    """What a GGUF file says about itself.

    Raises:
        GGUFError: As :func:`read_gguf_metadata`.
        OSError: The file cannot be read.
    """
    metadata = read_gguf_metadata(path)

    def text(key: str) -> str | None:
        found = metadata.get(key)
        return found if isinstance(found, str) else None

    def number(key: str) -> int | None:
        found = metadata.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    architecture = text("general.architecture")
    file_type = number("general.file_type")
    tokens = metadata.get("tokenizer.ggml.tokens")
    vocabulary = number(f"{architecture}.vocab_size")
    if isinstance(tokens, SkippedArray):
        vocabulary = tokens.length
    elif isinstance(tokens, list):
        vocabulary = len(tokens)
    return GGUFInfo(
        version=number("GGUF.version") or 0,
        tensors=number("GGUF.tensor_count") or 0,
        architecture=architecture,
        name=text("general.name"),
        context_length=number(f"{architecture}.context_length"),
        chat_template=text("tokenizer.chat_template"),
        bos_token_id=number("tokenizer.ggml.bos_token_id"),
        eos_token_id=number("tokenizer.ggml.eos_token_id"),
        quantisation=None if file_type is None else QUANTISATIONS.get(file_type, str(file_type)),
        vocabulary_size=vocabulary,
    )


class _Reader:
    """Takes values from the file, through a window of fixed size that moves along it."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._size = stream.seek(0, 2)
        self._offset = 0
        self._window = b""
        self._window_offset = 0
        self._kept_bytes = 0
        self._steps = 0

    def error(self, reason: str) -> GGUFError:
        return GGUFError(self._path, reason=reason, offset=self._offset)

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        start = self._offset - self._window_offset
        if not 0 <= start <= len(self._window) - count:
            self._expect(count)
            self._stream.seek(self._offset)
            self._window = self._stream.read(max(count, _WINDOW_BYTES))
            self._window_offset, start = self._offset, 0
            if len(self._window) < count:
                raise self.error("the file became shorter while it was read")
        self._offset += count
        return self._window[start : start + count]

    def skip(self, count: int) -> None:
        """Step over ``count`` bytes, all of which must be there."""
        self._expect(count)
        self._offset += count

    def scalar(self, kind: struct.Struct) -> int:
        """The next integer of the given layout."""
        value: int = kind.unpack(self.take(kind.size))[0]
        return value

    def string(self, limit: int) -> str:
        """The next string, kept."""
        length = self.scalar(_U64)
        if length > limit:
            raise self.error(f"a string of {length} bytes; at most {limit} are read")
        self._kept_bytes += length
        if self._kept_bytes > MAX_KEPT_BYTES:
            raise self.error(f"more than {MAX_KEPT_BYTES} bytes of text")
        return self.take(length).decode("utf-8", errors="replace")

    def value(self, kind: int, depth: int = 0) -> GGUFValue:
        """The next value of a type."""
        if kind == _STRING:
            return self.string(MAX_KEPT_BYTES)
        if kind == _ARRAY:
            return self._array(depth)
        if kind not in _SCALARS:
            raise self.error(f"value type {kind} is unknown")
        layout = _SCALARS[kind]
        scalar: int | float | bool = layout.unpack(self.take(layout.size))[0]
        return scalar

    def _array(self, depth: int) -> GGUFValue:
        if depth >= MAX_DEPTH:
            raise self.error(f"arrays within arrays more than {MAX_DEPTH} deep")
        kind, length = self.scalar(_U32), self.scalar(_U64)
        if kind >= len(_TYPE_NAMES):
            raise self.error(f"element type {kind} is unknown")
        if kind in _SCALARS:
            if length > MAX_KEPT_ELEMENTS:
                self.skip(length * _SCALARS[kind].size)
                return SkippedArray(_TYPE_NAMES[kind], length)
        else:
            self._count_steps(length)
        if length <= MAX_KEPT_ELEMENTS:
            return [self.value(kind, depth + 1) for _ in range(length)]
        for _ in range(length):
            if kind == _STRING:
                self.skip(self.scalar(_U64))
            else:
                self._array(depth + 1)
        return SkippedArray(_TYPE_NAMES[kind], length)

    def _count_steps(self, count: int) -> None:
        self._steps += count
        if self._steps > MAX_STEPS:
            raise self.error(f"more than {MAX_STEPS} strings in arrays")

    def _expect(self, count: int) -> None:
        if count > self._size - self._offset:
            left = self._size - self._offset
            raise self.error(f"{count} bytes expected, {left} left in the file")
