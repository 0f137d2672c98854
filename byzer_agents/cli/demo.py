"""``byzer-agents demo``: the main job, for real, on the quickstart model."""

from __future__ import annotations

import inspect
import textwrap
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byzer_agents.cli.output import errors, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from byzer_agents import ByzerLLM
    from byzer_agents.cli.demo_steps import Step
    from byzer_agents.cli.metering import Meter


@dataclass(frozen=True)
class StepReport:
    """What one step of the demo did."""

    title: str
    code: str
    value: str
    type: str
    tokens_per_second: float
    first_token_ms: float
    total_ms: float


def demo(
    ray: Annotated[
        bool, typer.Option("--ray", help="Deploy on Ray Serve instead of in this process.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ready the quickstart model, deploy it, and get text, objects and calls from it."""
    with errors():
        reports = run(on_ray=ray, show=not as_json)
        if as_json:
            print_json([asdict(report) for report in reports])


def run(*, on_ray: bool, show: bool) -> list[StepReport]:
    """Run every step; returns what each did."""
    from rich.console import Console

    from byzer_agents import ByzerLLM
    from byzer_agents.cli import demo_steps
    from byzer_agents.cli.metering import Meter, MeteredHost
    from runtime.local import LocalHost
    from runtime.store import ModelStore

    console = Console(quiet=not show)
    ModelStore().pull("quickstart")  # with its own progress display
    started = time.perf_counter()
    with console.status(f"deploying the quickstart model {'on Ray Serve' if on_ray else ''}"):
        meter = Meter()
        llm = ByzerLLM(address="local") if on_ray else ByzerLLM(host=LocalHost())
        meta = llm.deploy("quickstart", udf_name="demo")
    took = time.perf_counter() - started
    console.print(
        f"[bold]quickstart[/] is up on {meta['backend']}"
        f"{' on Ray Serve' if on_ray else ''} after {took:.1f} s\n"
    )
    metered = ByzerLLM(host=MeteredHost(llm.host, meter))
    try:
        return [_report(console, step, metered, meter) for step in demo_steps.STEPS]
    finally:
        llm.undeploy("demo")


def _report(console: Console, step: Step, llm: ByzerLLM, meter: Meter) -> StepReport:
    from rich.markup import escape
    from rich.syntax import Syntax

    definitions = [inspect.getsource(used) for used in step.uses]
    code = "\n\n".join([*definitions, _body(step.run)])
    console.rule(f"[bold]{step.title}", align="left")
    console.print(Syntax(code, "python", background_color="default"))
    meter.clear()
    value = step.run(llm, lambda text: console.print(text, end="", markup=False, highlight=False))
    report = StepReport(
        title=step.title,
        code=code,
        value=repr(value),
        type=type(value).__name__,
        tokens_per_second=round(meter.tokens_per_second, 1),
        first_token_ms=round(meter.first_token_s * 1000, 1),
        total_ms=round(meter.total_s * 1000, 1),
    )
    console.print(f"[green]→[/] [bold]{escape(report.value)}[/]  [dim]{report.type}[/]")
    console.print(
        f"  [dim]{report.tokens_per_second:.0f} tokens/s, first token after "
        f"{report.first_token_ms:.0f} ms, all after {report.total_ms:.0f} ms[/]\n"
    )
    return report


def _body(step: Callable[..., Any]) -> str:
    """The source of a step without its ``def`` line and docstring: just what ran."""
    lines = inspect.getsource(step).splitlines()
    return textwrap.dedent("\n".join(lines[2:])).strip()
