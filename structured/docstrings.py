"""What a function's docstring says: about the function, and about each of its parameters."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Style = Literal["google", "numpy", "sphinx"]


@dataclass(frozen=True, slots=True)
class FunctionDoc:
    """A docstring, taken apart."""

    description: str
    """The whole text as its author wrote it, without the sections that describe parameters."""
    parameters: Mapping[str, str]
    """The text of each documented parameter by its name, stars removed."""


def parse_docstring(text: str | None, names: Collection[str]) -> FunctionDoc:
    """Take a docstring apart; its style (google, numpy or sphinx) is found, not told.

    The style is the one that documents most of ``names``. A text that documents none of them
    is all description. Only parameter sections are cut out: what is said about the result, the
    errors or examples helps a model as much as the summary does, so it stays as written.

    Args:
        text: The docstring as ``inspect.getdoc`` gives it; ``None`` when there is none.
        names: The function's parameters, without stars.
    """
    text = (text or "").strip()
    best = FunctionDoc(text, MappingProxyType({}))
    for style, cut in _CUTTERS.items():
        body, section = cut(text.splitlines())
        if not section:
            continue
        documented = _read_section("\n".join(section), style)
        known = sum(name in names for name in documented)
        if known > sum(name in names for name in best.parameters):
            description = re.sub(r"\n{3,}", "\n\n", "\n".join(body)).strip()
            best = FunctionDoc(description, MappingProxyType(documented))
    return best


# griffe has one logger for the whole process; two threads that silence and restore it at the
# same time could leave it silent.
_GRIFFE_LOGGER = threading.Lock()


def _read_section(section: str, style: Style) -> dict[str, str]:
    """The parameters that one section documents."""
    import griffe  # 0.15 s: paid only by a docstring that has a parameter section

    # It logs a warning for each type missing from the docstring; ours stand in the signature.
    with _GRIFFE_LOGGER, griffe.logger.disable():
        # The empty first line is the one whose indentation does not count.
        parsed = griffe.Docstring(f"\n{section}").parse(style)
    documented: dict[str, str] = {}
    for part in parsed:
        if part.kind is griffe.DocstringSectionKind.parameters:
            items: list[Any] = part.value
            for item in items:
                for name in re.split(r"\s*,\s*", item.name):
                    documented[name.strip().lstrip("*\\")] = inspect.cleandoc(
                        item.description
                    ).strip()
    return documented


_GOOGLE_HEADING = re.compile(
    r"(?:(?:keyword |other )?(?:args|arguments|params|parameters)|(?:关键字)?参数(?:说明)?)"
    r"\s*[:：]\s*",
    re.IGNORECASE,
)
_NUMPY_HEADING = re.compile(r"(?:other )?parameters|参数(?:说明)?", re.IGNORECASE)
_RULE = re.compile(r"[-=]{3,}")
_SPHINX_FIELD = re.compile(r":(?:param|parameter|arg|argument|key|keyword|type)\s[^:]*:")
# "count: …", "count (int, optional): …", "*args: …", "a, b: …", also with full-width marks.
_GOOGLE_ITEM = re.compile(r"([*\\]*\w+(?:\s*,\s*[*\\]*\w+)*)\s*(?:[(（].*?[)）]\s*)?[:：]\s*")
_NUMPY_ITEM = re.compile(r"[*\\]*\w+(?:\s*,\s*[*\\]*\w+)*(\s*[:：]\s*)")

_Cut = tuple[list[str], list[str]]
"""The lines that stay, and the section to read: every parameter section made one, tidied."""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _block_end(lines: list[str], start: int, indent: int) -> int:
    """Where the block that starts at ``start`` ends: before a line not indented deeper."""
    end = start
    for index in range(start, len(lines)):
        if lines[index].strip():
            if _indent(lines[index]) <= indent:
                break
            end = index + 1
    return end


def _cut_google(lines: list[str]) -> _Cut:
    """``Args:`` sections, wherever they stand.

    griffe reads one only between blank lines and with nothing but the heading above its
    items, drops an item's line that is not indented as it expects, and knows ASCII colons
    only: so a section is handed to it alone and regular.
    """
    body: list[str] = []
    section: list[str] = []
    index, fenced = 0, False
    while index < len(lines):
        line = lines[index]
        index += 1
        if line.lstrip().startswith("```"):
            fenced = not fenced
        end = _block_end(lines, index, _indent(line))
        if fenced or end == index or not _GOOGLE_HEADING.fullmatch(line.strip()):
            body.append(line)
            continue
        margin = min(_indent(item) for item in lines[index:end] if item.strip())
        for item in lines[index:end]:
            found = _GOOGLE_ITEM.match(item[margin:]) if _indent(item) == margin else None
            if found:
                section.append(f"    {found[1]}: {item[margin:][found.end() :]}")
            elif not section:  # a remark on all of them, above the first
                body.append(item)
            elif item.strip():
                section.append(" " * 8 + item[margin:].removeprefix("    "))
            else:
                section.append("")
        index = end
    return body, ["Args:", *section] if section else []


def _cut_numpy(lines: list[str]) -> _Cut:
    """``Parameters`` over a line of dashes, up to the next heading."""
    body: list[str] = []
    section: list[str] = []
    headings = [
        number
        for number in range(len(lines) - 1)
        if lines[number].strip() and _RULE.fullmatch(lines[number + 1].strip())
    ]
    for start, end in zip([None, *headings], [*headings, len(lines)], strict=True):
        if start is None or not _NUMPY_HEADING.fullmatch(lines[start].strip()):
            body += lines[start or 0 : end]
            continue
        for line in lines[start + 2 : end]:
            found = _NUMPY_ITEM.match(line)
            section.append(f"{line[: found.start(1)]} : {line[found.end() :]}" if found else line)
    return body, ["Parameters", "----------", *section] if section else []


def _cut_sphinx(lines: list[str]) -> _Cut:
    """``:param name:`` fields with their indented continuation lines."""
    body: list[str] = []
    section: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        field = line.strip().replace("：", ":", 2) if line.lstrip().startswith(":") else ""
        if not _SPHINX_FIELD.match(field):
            body.append(line)
            continue
        end = _block_end(lines, index, _indent(line))
        if not field.startswith(":type"):  # the signature has the types
            section += [field, *(f"    {more.strip()}" for more in lines[index:end])]
        index = end
    return body, section


_CUTTERS: dict[Style, Callable[[list[str]], _Cut]] = {
    "google": _cut_google,
    "numpy": _cut_numpy,
    "sphinx": _cut_sphinx,
}
