"""``byzer-agents sandbox``: what stands between a model's code and this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byzer_agents.cli.output import print_json

if TYPE_CHECKING:
    from sandbox import Assurance, Status

app = typer.Typer(help="The sandbox that runs what models wrote.", no_args_is_help=True)


@app.callback()
def sandbox_commands() -> None:
    """The sandbox that runs what models wrote."""


@app.command()
def status(
    minimum: Annotated[
        str, typer.Option(help="Fail (status 1) below: none, process, confined, full.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the assurance level of this machine, and each layer: present, or missing and why."""
    import sandbox

    level = _level(minimum) if minimum else None
    try:
        found = sandbox.status()
    except sandbox.SandboxError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        print_json(_as_dict(found))
    else:
        _print(found)
    if level is not None and found.assurance < level:
        typer.echo(f"error: {found.assurance.name} is less than {level.name}", err=True)
        raise typer.Exit(1)


def _level(name: str) -> Assurance:
    from sandbox import Assurance

    try:
        return Assurance[name.upper()]
    except KeyError:
        known = ", ".join(one.name.lower() for one in Assurance)
        raise typer.BadParameter(f"expected one of {known}, got {name!r}") from None


def _as_dict(found: Status) -> dict[str, Any]:
    return {
        "assurance": found.assurance.name.lower(),
        "system": found.system,
        "layers": [
            {"name": layer.name, "present": layer.present, "why": layer.why}
            for layer in found.layers
        ],
    }


def _print(found: Status) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colour = {0: "bold red", 1: "red", 2: "yellow", 3: "bold green"}[int(found.assurance)]
    table = Table(box=None, pad_edge=False, show_header=False)
    for layer in found.layers:
        mark = Text("present", "green") if layer.present else Text("missing", "red")
        table.add_row(Text(layer.name, "bold"), mark, Text(layer.why))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(
        Text.assemble(
            "Assurance: ", (found.assurance.name, colour), (f"  on {found.system}", "dim")
        )
    )
    console.print(table)
