"""What a reply must be: imports, and one function with the signature that was asked for."""

from __future__ import annotations

import re

from byzer_agents.implementing.allowed import allowed_modules
from byzer_agents.implementing.errors import Failure
from byzer_agents.implementing.subject import Subject
from structured import LarkConstraint
from structured.lark_text import literal

_MOST_IMPORTS = 3
_MOST_LINES = 60
_IDLE = frozenset({"typing", "dataclasses", "enum"})
"""Annotations need no import, and small models pile these up."""
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


def constraint_of(subject: Subject) -> LarkConstraint:
    """A grammar of replies: a fenced block with a few imports of allowed modules and the function.

    The body's first line is no docstring: it would only repeat what was asked, at a price in
    tokens. What the body may do is for the sandbox's policy to say.
    """
    names = sorted(allowed_modules(subject.policy) - _IDLE)
    imports = f"import{{0,{_MOST_IMPORTS}}} " if names else ""
    body = f'{literal(subject.head)} "\\n" FIRST LINE{{0,{_MOST_LINES}}}'
    rules = [
        f'start: "```python\\n" {imports}{body} "```"',
        r"""FIRST: /    [^ \n"'#`][^\n`]{0,160}\n/""",
        r'LINE: /    [^\n`]{1,160}\n/ | "\n"',
    ]
    if names:
        rules += [
            r'import: "import " MODULE "\n" | "from " MODULE " import " NAMES "\n"',
            f"MODULE: {' | '.join(map(literal, names))}",
            r"NAMES: /[A-Za-z]\w{0,24}(, [A-Za-z]\w{0,24}){0,5}/",
        ]
    return LarkConstraint(grammar="\n".join(rules))


def source_of(subject: Subject, reply: str) -> str | Failure:
    """The source in a reply, with the very signature; or why there is none."""
    blocks: list[str] = _FENCED.findall(reply) or [reply]
    named = re.compile(rf"^(?:async )?def {subject.name}\(", re.MULTILINE)
    block = next((block for block in blocks if named.search(block)), None)
    if block is None:
        return Failure("reply", f"There is no function {subject.name} in it.")
    start = named.search(block)
    assert start is not None
    if block.startswith(subject.head, start.start()):
        return block.strip() + "\n"
    # A provider that takes no grammar may word the signature its own way.
    end = re.compile(r":[ \t]*(?:#[^\n]*)?\n(?=[ \t]+\S|\n)").search(block, start.end())
    if end is None:
        return Failure("reply", f"The function must begin with this line: {subject.head}")
    block = f"{block[: start.start()]}{subject.head}\n{block[end.end() :]}"
    return block.strip() + "\n"
