"""``byzer-agents impl``: list, show, verify and clear the functions that models wrote."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byzer_agents.cli.output import errors, print_json
from structured.errors import ByzerError

if TYPE_CHECKING:
    from byzer_agents.implementing.decorator import Implemented
    from byzer_agents.implementing.kept import KeptSource

app = typer.Typer(
    help="Functions that models wrote: list, show, verify, clear.", no_args_is_help=True
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="FUNCTION", help="package.module:function, its last part, or a kept file."
    ),
]
Root = Annotated[
    Path, typer.Option("--in", help="Folder to look in, besides the cache; subfolders too.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_HERE = Path()
_SKIPPED = frozenset({"node_modules", "__pycache__"})


@app.command("list")
def list_sources(root: Root = _HERE, as_json: Json = False) -> None:
    """List the kept functions."""
    with errors():
        found = list(_kept(root))
        if as_json:
            print_json([_as_dict(path, kept) for path, kept in found])
        elif not found:
            typer.echo("No function is kept here. A call of one under @llm_impl keeps it.")
        else:
            _print_table(found)


@app.command()
def show(name: Name, root: Root = _HERE, as_json: Json = False) -> None:
    """Print a kept function's file."""
    with errors():
        path, kept = _one(name, root)
        if as_json:
            print_json(_as_dict(path, kept) | {"source": kept.source})
        else:
            _print_source(path)


@app.command()
def verify(name: Name, root: Root = _HERE, as_json: Json = False) -> None:
    """Run the checks on a kept function again, as the module has it now.

    The status is 1 when a check fails, or the source was kept for another version of the function.
    """
    with errors():
        path, kept = _one(name, root)
        function = _imported(kept.function)
        implementation = function.implementation
        stale = kept.key != implementation.subject.key
        report = implementation.check(kept.source)
        failures = [str(failure) for failure in report.failures]
        if as_json:
            print_json(
                {
                    "function": kept.function,
                    "path": str(path),
                    "stale": stale,
                    "passed": list(report.passed),
                    "failures": failures,
                }
            )
        else:
            for line in report.passed:
                typer.secho(f"passed  {line}", fg="green")
            for line in failures:
                typer.secho(f"failed  {line}", fg="red")
            if stale:
                typer.secho("stale   kept for another signature, docstring or policy", fg="yellow")
    if failures or stale:
        raise typer.Exit(1)


@app.command()
def clear(
    name: Annotated[str, typer.Argument(metavar="[FUNCTION]", help="As for show.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every kept function.")] = False,
    root: Root = _HERE,
    as_json: Json = False,
) -> None:
    """Delete a kept function, so that its next call has it written anew."""
    with errors():
        if bool(name) == everything:
            raise ByzerError("expected the name of a function, or --all")
        found = list(_kept(root)) if everything else [_one(name, root)]
        for path, _ in found:
            path.unlink(missing_ok=True)
        if as_json:
            print_json({"removed": [str(path) for path, _ in found]})
        else:
            for path, kept in found:
                typer.echo(f"{kept.function}: removed {path}")


def _kept(root: Path) -> Iterator[tuple[Path, KeptSource]]:
    from byzer_agents.implementing.kept import FOLDER, cache_folder, read

    folders = [folder for folder in sorted(root.rglob(FOLDER)) if not _is_skipped(folder, root)]
    if root.name == FOLDER or not folders:
        folders.insert(0, root)
    seen = set()
    for folder in (*folders, cache_folder()):
        for path in sorted(folder.glob("*.py")):
            kept = read(path)
            if kept is not None and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path, kept


def _is_skipped(folder: Path, root: Path) -> bool:
    parts = folder.relative_to(root).parts
    return any(part in _SKIPPED or part.startswith(".") for part in parts)


def _one(name: str, root: Path) -> tuple[Path, KeptSource]:
    from byzer_agents.implementing.kept import read

    path = Path(name)
    if path.suffix == ".py" and (kept := read(path)) is not None:
        return path, kept
    found = [
        (path, kept)
        for path, kept in _kept(root)
        if name in (kept.function, kept.function.rpartition(":")[2], path.stem)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ByzerError(
            f"no function {name!r} is kept here", hint="byzer-agents impl list shows all"
        )
    several = ", ".join(str(path) for path, _ in found)
    raise ByzerError(f"several are called {name!r}", hint=f"name one of the files: {several}")


def _imported(place: str) -> Implemented[..., Any]:
    from byzer_agents.implementing.decorator import Implemented

    module, _, name = place.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = vars(found)[part] if isinstance(found, type) else getattr(found, part)
    except (ImportError, AttributeError, KeyError) as error:
        raise ByzerError(
            f"{place} cannot be imported: {error}", hint="run this where the module is found"
        ) from None
    finally:
        sys.path.pop(0)
    if not isinstance(found, Implemented):
        raise ByzerError(f"{place} is no function under @llm_impl")
    return found


def _as_dict(path: Path, kept: KeptSource) -> dict[str, Any]:
    facts = asdict(kept) | {"path": str(path), "checks": list(kept.checks)}
    del facts["source"]
    return facts


def _print_table(found: list[tuple[Path, KeptSource]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("Function", "Model", "Date", "Checks", "File"):
        table.add_column(heading, overflow="fold")
    for path, kept in found:
        table.add_row(
            Text(kept.function, style="bold"),
            Text(kept.model),
            Text(kept.date[:10], style="dim"),
            Text("; ".join(kept.checks), style="green"),
            Text(str(path), style="cyan"),
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _print_source(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        typer.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.syntax import Syntax

    Console().print(Syntax(text, "python", background_color="default"))
