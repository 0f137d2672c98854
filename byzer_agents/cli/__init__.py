"""The ``byzer-agents`` command."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Annotated

import typer

from byzer_agents import __version__
from byzer_agents.cli import chat, demo, impl, models, sandbox, schema
from byzer_agents.cli.output import print_json

app = typer.Typer(
    help="Language models that return values, not text.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a traceback must not print prompts or keys
)
app.add_typer(models.app, name="models")
app.add_typer(impl.app, name="impl")
app.add_typer(sandbox.app, name="sandbox")
app.command("demo")(demo.demo)
app.command("chat")(chat.chat)
app.command("schema")(schema.schema)

_SHOWN = ("pydantic", "llguidance", "xllamacpp", "torch", "transformers", "ray")


@app.command()
def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the versions of this toolkit and of what it stands on."""
    versions = {"byzer-agents": __version__, "python": platform.python_version()}
    for package in _SHOWN:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = ""
    if as_json:
        print_json(versions)
    else:
        for name, number in versions.items():
            typer.echo(f"{name:12} {number or 'not installed'}")


def main() -> None:
    """Run the command line."""
    app()
