"""Draws ``audit.svg``: what ``byzer-agents schema`` prints in a terminal, colours included.

Run from the repository's root: ``python cookbook/images/draw.py``.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).parent
COMMAND = ("schema", "cookbook/order.json")
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}">
<style>
.{unique_id}-matrix {{ font: {char_height}px monospace; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="100%" height="100%"/></clipPath>
{lines}
</defs>
<rect width="100%" height="100%" rx="8" fill="#0c0c0c"/>
<g transform="translate(9, 9)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own has a window around it, and asks a font server for its letters."""


def main() -> None:
    """Write the picture."""
    printed = subprocess.run(  # noqa: S603 - our own command
        [str(Path(sys.executable).with_name("byzer-agents")), *COMMAND],
        cwd=HERE.parent.parent,
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm", "COLORTERM": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [Text(f"$ byzer-agents {' '.join(COMMAND)}", "bold")]
    lines += [Text.from_ansi(line) for line in printed.splitlines()]
    for line in lines:
        line.rstrip()
    width = max(line.cell_len for line in lines) + 2
    console = Console(record=True, file=io.StringIO(), width=width, force_terminal=True)
    for line in (*lines, ""):  # the last one is the lower margin
        console.print(line)
    picture = console.export_svg(theme=MONOKAI, code_format=SVG, unique_id="audit")
    (HERE / "audit.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
