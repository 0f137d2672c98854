"""``byzer-agents models``: list, fetch, find, delete and verify the models of the catalogue."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from byzer_agents.cli.output import errors, print_json
from runtime.store import QUICKSTART, ModelStore, StoredModel

app = typer.Typer(help="Models: list, fetch, find, delete, verify.", no_args_is_help=True)


def _store() -> ModelStore:
    return ModelStore()


def _complete(incomplete: str) -> list[tuple[str, str]]:
    """The names that begin as typed, with what the shell shows beside them."""
    return [
        (name, entry.description)
        for entry in _store().catalogue
        for name in entry.names
        if name.startswith(incomplete.lower())
    ]


Name = Annotated[
    str, typer.Argument(help="Name or alias of a model.", autocompletion=_complete, metavar="NAME")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the models that can be fetched, and which of them are here."""
    with errors():
        models = _store().list()
        if as_json:
            print_json([_as_dict(model) for model in models])
        else:
            _print_table(models)


@app.command()
def pull(name: Name, as_json: Json = False) -> None:
    """Fetch a model, unless it is here already."""
    with errors():
        store = _store()
        here = any(
            model.present and name.strip().casefold() in model.entry.names for model in store.list()
        )
        model = store.pull(name)
        if as_json:
            print_json({**_as_dict(model), "fetched": not here})
        else:
            done = "is here already" if here else f"fetched, {_size(model)}"
            typer.echo(f"{model.entry.name}: {done}\n{model.path}")


@app.command()
def path(name: Name, as_json: Json = False) -> None:
    """Print where a model's file is, and nothing else."""
    with errors():
        found = str(_store().path(name))
        if as_json:
            print_json({"path": found})
        else:
            typer.echo(found)


@app.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Delete a model from this machine."""
    with errors():
        freed_bytes = _store().remove(name)
        if as_json:
            print_json({"removed": freed_bytes > 0, "freed_bytes": freed_bytes})
        elif freed_bytes:
            typer.echo(f"{name}: removed, {freed_bytes / 1e6:,.0f} MB freed")
        else:
            typer.echo(f"{name}: was not here")


@app.command()
def verify(name: Name, as_json: Json = False) -> None:
    """Hash a model's file anew and compare it with the catalogue."""
    with errors():
        model = _store().verify(name)
        if as_json:
            print_json(_as_dict(model))
        else:
            typer.echo(f"{model.entry.name}: sha256 {model.entry.sha256} as expected")


def _as_dict(model: StoredModel) -> dict[str, Any]:
    entry = model.entry
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "description": entry.description,
        "kind": entry.kind,
        "parameters": entry.parameters,
        "context_length": entry.context_length,
        "licence": entry.licence,
        "size_bytes": model.size_bytes,
        "sha256": entry.sha256,
        "present": model.present,
        "path": str(model.path) if model.present else None,
        "verified_at": model.verified_at,
    }


def _size(model: StoredModel) -> str:
    return f"{model.size_bytes / 1e6:,.0f} MB"


def _print_table(models: list[StoredModel]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Here", "Size", "Context"):
        numeric = heading in ("Size", "Context")
        table.add_column(heading, no_wrap=True, justify="right" if numeric else "left")
    table.add_column("About")
    for model in models:
        entry = model.entry
        table.add_row(
            "\n".join((entry.name, *(f"  or {alias}" for alias in entry.aliases))),
            "yes" if model.present else "no",
            _size(model),
            f"{entry.context_length:,}",
            Text(f"{entry.description} Licence: {entry.licence}."),
        )
    console = Console()
    console.print(table, markup=False)
    if not any(model.present for model in models):
        console.print(f"\nNone is here yet: byzer-agents models pull {QUICKSTART}", markup=False)
