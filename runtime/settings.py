"""The toolkit's settings that come from the environment; the only module that reads it.

=====================  ===========================================================
Variable               Meaning
=====================  ===========================================================
BYZER_AGENTS_CACHE     Folder for models and other large files; else the user's cache folder
BYZER_AGENTS_HUB       ``1`` lets ``org/name`` be fetched with huggingface_hub; off by default
BYZER_AGENTS_QUIET     ``1`` turns progress displays off
BYZER_AGENTS_GPUS      How many GPUs to count on, instead of those that are found
=====================  ===========================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from structured.errors import ByzerError, shorten

CACHE_VARIABLE = "BYZER_AGENTS_CACHE"
HUB_VARIABLE = "BYZER_AGENTS_HUB"
QUIET_VARIABLE = "BYZER_AGENTS_QUIET"
GPUS_VARIABLE = "BYZER_AGENTS_GPUS"

_MAX_DIGITS = 6
_APP = "byzer-agents"
_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, read at one moment."""

    cache_dir: Path
    """Folder for everything that can be fetched again; absolute, may not exist yet."""
    hub_enabled: bool = False
    """Whether ``org/name`` may be fetched from a model hub."""
    quiet: bool = False
    """Whether progress displays are off."""
    gpus: int | None = None
    """How many GPUs to count on; ``None``: as many as are found."""


class InvalidSetting(ByzerError, ValueError):
    """An environment variable whose value cannot be used.

    Attributes:
        variable: Its name.
        value: Its value.
    """

    def __init__(self, variable: str, *, value: str, expected: str) -> None:
        super().__init__(f"{variable}={shorten(value)}: expected {expected}")
        self.variable = variable
        self.value = value


def settings() -> Settings:
    """The settings as the environment has them now; cheap, read anew on each call.

    Raises:
        InvalidSetting: A number that is none.
    """
    cache = os.environ.get(CACHE_VARIABLE, "").strip()
    return Settings(
        cache_dir=_absolute(cache) if cache else Path(platformdirs.user_cache_dir(_APP)),
        hub_enabled=_flag(HUB_VARIABLE),
        quiet=_flag(QUIET_VARIABLE),
        gpus=_count(GPUS_VARIABLE),
    )


def let_openmp_threads_sleep() -> None:
    """Make OpenMP threads that wait for each other sleep soon, instead of spinning.

    llama.cpp's threads meet hundreds of times for each token. GNU OpenMP spins there for
    milliseconds; where another process wants a core too, the thread that is waited for does not
    get it. Seen on two cores with other work on them, side by side: 0.8 and 1.2 tokens/s
    spinning, 24 and 9 with a short spin. Must be called before the library that brings OpenMP
    is loaded; the user's own OpenMP settings win.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = "5000"


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with ``changes`` on top, for a child process."""
    return {**os.environ, **changes}


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in _TRUE


def _count(name: str) -> int | None:
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise InvalidSetting(name, value=text, expected="a whole number, 0 or more")
    return int(text)


def _absolute(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # "~nobody": no such user; take the text as it stands
        path = Path(text)
    return path.absolute()
