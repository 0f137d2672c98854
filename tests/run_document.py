"""Runs a Markdown document's Python blocks in order, and compares what they print.

``python -m tests.run_document FILE`` prints what differs; ``--write`` puts what was printed into
the ``text`` blocks that follow the Python blocks. A ``text`` block that follows
``<!-- varies -->`` is only filled in, not compared.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"```python\n(?P<code>.*?)```\n"
    r"(?:(?P<varies><!-- varies -->\n)?```text\n(?P<output>.*?)```\n)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Difference:
    """A block that printed something else."""

    code: str
    expected: str
    printed: str

    def __str__(self) -> str:
        return f"{self.code}\nexpected:\n{self.expected}\nprinted:\n{self.printed}"


def run(document: Path, *, write: bool = False) -> list[Difference]:
    """Run the blocks of a document; returns the ones whose output differs."""
    text = document.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "__main__"}
    differences: list[Difference] = []

    def one(block: re.Match[str]) -> str:
        printed = io.StringIO()
        line = text[: block.start("code")].count("\n")
        # Padded, so that tracebacks name the document's own lines.
        # ``dont_inherit``: this module's own ``annotations`` import is none of theirs.
        source = "\n" * line + block["code"]
        code = compile(source, str(document), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)  # our own documents
        output = printed.getvalue()
        if block["output"] is None:
            return block[0]
        if not block["varies"] and output != block["output"]:
            differences.append(Difference(block["code"], block["output"], output))
        start, end = (position - block.start() for position in block.span("output"))
        return block[0][:start] + output + block[0][end:]

    renewed = _BLOCK.sub(one, text)
    if write:
        document.write_text(renewed, encoding="utf-8")
    return differences


if __name__ == "__main__":
    names = [name for name in sys.argv[1:] if name != "--write"]
    found = [d for name in names for d in run(Path(name), write="--write" in sys.argv)]
    print("\n".join(map(str, found)) or "as documented")
    sys.exit(bool(found) and "--write" not in sys.argv)
