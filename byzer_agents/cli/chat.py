"""``byzer-agents chat``: talk to a model in the terminal."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from byzer_agents.cli.output import errors, print_json

HELP = "Ctrl-C stops a reply; /reset forgets the conversation; /exit or Ctrl-D leaves."


def chat(
    model: Annotated[
        str, typer.Argument(help="A catalogue name, a GGUF file or a model folder.")
    ] = "quickstart",
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", "-p", help="Ask this one thing and leave; '-' reads it."),
    ] = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="System message.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Tokens of a reply, at most.")] = 512,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.1,
    seed: Annotated[int | None, typer.Option(help="Same seed, same replies.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --prompt: print reply and counts as JSON.")
    ] = False,
) -> None:
    """Talk to a model. Its weights are fetched on first use."""
    from byzer_agents import ByzerLLM
    from runtime.local import LocalHost

    with errors():
        llm = ByzerLLM(host=LocalHost())
        llm.deploy(_path(model), udf_name="chat")
        config: dict[str, Any] = {"max_length": max_tokens, "temperature": temperature}
        if seed is not None:
            config["gen.seed"] = seed
        history = [{"role": "system", "content": system}] if system else []
        if prompt is not None:
            asked = sys.stdin.read() if prompt == "-" else prompt
            _once(llm, [*history, {"role": "user", "content": asked}], config, as_json)
        else:
            _converse(llm, history, config)
        llm.undeploy("chat")


def _path(model: str) -> str:
    return str(Path(model).expanduser()) if model.startswith("~") else model


def _once(
    llm: Any, conversation: list[dict[str, str]], config: dict[str, Any], as_json: bool
) -> None:
    if as_json:
        reply = llm.chat_oai(conversation, llm_config=config)[0]
        print_json({"output": reply.output, **reply.metadata})
    else:
        _say(llm, conversation, config)


def _say(llm: Any, conversation: list[dict[str, str]], config: dict[str, Any]) -> str:
    """Print a reply as it comes; Ctrl-C ends it, and what came is kept."""
    said = ""
    stream = llm.stream_chat_oai(conversation, llm_config=config, delta_mode=True)
    with closing(stream):
        try:
            for piece in stream:
                said += piece.text
                typer.echo(piece.text, nl=False)
        except KeyboardInterrupt:
            typer.echo(" …", nl=False)
    typer.echo()
    return said


def _converse(llm: Any, history: list[dict[str, str]], config: dict[str, Any]) -> None:
    typer.echo(HELP, err=True)
    beginning = list(history)
    while True:
        try:
            asked = input("› " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            typer.echo(err=True)
            return
        match asked:
            case "":
                continue
            case "/exit" | "/quit":
                return
            case "/reset":
                history = list(beginning)
                continue
        history.append({"role": "user", "content": asked})
        history.append({"role": "assistant", "content": _say(llm, history, config)})
