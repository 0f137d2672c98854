"""What the tests of the language share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sandbox.job import Answer, Job
from sandbox.modules import AVAILABLE
from sandbox.worker import execute


def run(source: str, entry: str = "", arguments: Any = (), **other: Any) -> Answer:
    """Run in this process, with every module."""
    facts: dict[str, Any] = {
        "modules": tuple(AVAILABLE),
        "tools": (),
        "types": (),
        "printed_chars": 2000,
        "depth": 64,
        "seed": 7,
    }
    call_tool = other.pop("call_tool", lambda name, args, keywords: None)
    facts.update(other)
    if isinstance(arguments, tuple):
        arguments = list(arguments)
    return execute(Job(source=source, entry=entry, arguments=arguments, **facts), call_tool)


def programs(name: str) -> dict[str, str]:
    """Named programs of a file beside this one: each begins with ``### name``."""
    text = (Path(__file__).parent / name).read_text("utf-8")
    parts = re.split(r"^### (\S+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))
