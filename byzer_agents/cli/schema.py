"""``byzer-agents schema``: which keyword of a schema is enforced where."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byzer_agents.cli.output import errors, print_json
from runtime.errors import nearest
from structured.errors import SchemaError

if TYPE_CHECKING:
    from rich.tree import Tree

    from structured import Audit, OutputSchema

_COLOURS = {"grammar": "green", "validator": "yellow", "impossible": "bold red"}
_MEANINGS = {
    "grammar": "enforced by the grammar",
    "validator": "checked by the validator",
    "impossible": "impossible",
}


def _engines() -> list[str]:
    from structured.engines import ENGINES

    return list(ENGINES)


def _dialects() -> list[str]:
    from structured.dialects import DIALECTS

    return list(DIALECTS)


def schema(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|MODULE:TYPE",
            help="A JSON Schema in a file ('-': standard input), or a type: package.module:Name.",
        ),
    ],
    engine: Annotated[
        str, typer.Option(help="The engine that decodes.", autocompletion=_engines)
    ] = "llguidance",
    dialect: Annotated[
        str, typer.Option(help="A provider's dialect instead.", autocompletion=_dialects)
    ] = "",
    show: Annotated[bool, typer.Option("--show", help="Print the JSON Schema, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show for each keyword of a schema whether the grammar or the validator enforces it.

    The status is 1 when no value can meet the schema.
    """
    from structured.auditing import audit

    with errors():
        contract = _contract(source)
        found = audit(contract, engine=engine, dialect=dialect)
        sent = _sent(contract, dialect)
        if as_json:
            print_json(
                found.as_dict() | {"name": contract.name} | ({"schema": sent} if show else {})
            )
        else:
            _print_tree(contract.name, found)
            if show:
                typer.echo(json.dumps(sent, indent=2, ensure_ascii=False))
    if found.by("impossible"):
        raise typer.Exit(1)


def _sent(contract: OutputSchema[Any], dialect: str) -> Any:
    from structured.dialects import dialect as dialect_named
    from structured.errors import ConstraintError

    if not dialect:
        return contract.json_schema
    try:
        return dialect_named(dialect).schema(contract).json_schema
    except ConstraintError:
        return None


def _contract(source: str) -> OutputSchema[Any]:
    from structured.contract import output_schema

    path = Path(source)
    if source != "-" and not path.exists() and ":" in source:
        return output_schema(_named(source))
    try:
        text = sys.stdin.read() if source == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(
            f"cannot read a JSON Schema from {source!r}: {error}",
            hint="name a file, '-', or a type as package.module:Name",
        ) from None
    return output_schema(text)


def _named(source: str) -> Any:
    """What ``package.module:Name.Inner`` names, as Python finds it from here."""
    module_name, _, names = source.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise SchemaError(f"cannot import {module_name!r}: {error}") from None
    finally:
        sys.path.pop(0)
    for name in names.split("."):
        if not hasattr(found, name):
            raise SchemaError(f"{module_name!r} has no {names!r}", hint=nearest(name, vars(found)))
        found = getattr(found, name)
    return found


def _print_tree(name: str, audit: Audit) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text.assemble((name, "bold"), (f"  for {audit.subject}", "dim")))
    branches: dict[tuple[str, ...], Tree] = {(): root}
    for path in sorted({finding.path for finding in audit.findings}, key=_order(audit)):
        found = [finding for finding in audit.findings if finding.path == path]
        branch = _branch(branches, tuple(_steps(path)))
        words = [(f" {f.keyword}", _COLOURS[f.by]) for f in found if f.by == "grammar"]
        if words:
            branch.label = Text.assemble(branch.label, " ", *words)  # type: ignore[arg-type]
        for finding in found:
            if finding.by != "grammar":
                said = f"  {_MEANINGS[finding.by]}: {finding.reason}"
                branch.add(Text.assemble((finding.keyword or "false", _COLOURS[finding.by]), said))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(root)
    counts = [(sum(f.by == kind for f in audit.findings), said) for kind, said in _MEANINGS.items()]
    said = ", ".join(f"{count} {meaning}" for count, meaning in counts if count)
    console.print(said or "any JSON value: there is nothing to enforce", markup=False)


def _order(audit: Audit) -> Callable[[str], int]:
    """Paths in the order of their first finding."""
    first = {finding.path: i for i, finding in reversed(list(enumerate(audit.findings)))}
    return first.__getitem__


def _branch(branches: dict[tuple[str, ...], Tree], steps: tuple[str, ...]) -> Tree:
    from rich.text import Text

    if steps not in branches:
        parent = _branch(branches, steps[:-1])
        branches[steps] = parent.add(Text(steps[-1], style="cyan"))
    return branches[steps]


_STEP = re.compile(r"\.(?P<name>\w+)(?P<index>\[\d+\])?|\['(?P<quoted>.*?)'\](?=$|[.\[])|\[\d+\]")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def _steps(path: str) -> Iterator[str]:
    """The steps of a JSON path in a schema, without ``properties`` in front of a name."""
    inside_map = False
    for found in _STEP.finditer(path, 1):
        step = found["quoted"] or (found["name"] or "") + (found["index"] or "") or found[0]
        if step in _MAPS and not inside_map:
            inside_map = True
            continue
        inside_map = False
        yield step
