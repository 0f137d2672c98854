"""MaskBench: schemas with valid and invalid instances, through an engine and the validator.

``python -m tests.benchmarks.maskbench FILE [--engine llguidance] [--tokenizer PATH] [--json]``

FILE has one JSON object a line: ``{"name", "schema", "tests": [{"valid", "data", …}]}`` (the form
of MaskBench's data in JSONSchemaBench). A schema is *right* when every valid instance, written as
compact JSON, is let through by the grammar and by the validator together, and no invalid one is. A
schema of which only invalid instances are known may also be refused as unsatisfiable.

Each engine works in a process of its own, one schema at a time, so that a crash or an endless
compilation costs one schema. Beside the engine asked for, on a sample of the same file and in the
same run: llguidance alone with its own JSON Schema compiler, and the other engines through the same
seam. Times are of one thread: *first mask* from the constraint to the first mask (grammar written,
compiled, mask computed), *mask* each further one.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.maskbench_worker import BARE

RESULTS = Path("benchmark-results")


@dataclass
class Tally:
    """What came of an engine's schemas."""

    engine: str
    schemas: int = 0
    right: int = 0
    refused: int = 0
    over_accepted: int = 0
    under_accepted: int = 0
    crashed: int = 0
    timed_out: int = 0
    first_us: list[float] = field(default_factory=list)
    mask_us: list[float] = field(default_factory=list)
    first_cpu_us: list[float] = field(default_factory=list)
    mask_cpu_us: list[float] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def add(self, outcome: dict[str, Any]) -> None:
        """Count one schema in."""
        if outcome["tests"]:
            self.schemas += 1
            self.right += outcome["right"]
        self.refused += bool(outcome.get("refused"))
        self.crashed += bool(outcome.get("crashed"))
        self.timed_out += bool(outcome.get("timed_out"))
        self.over_accepted += outcome.get("over", 0)
        self.under_accepted += outcome.get("under", 0)
        self.mask_us += outcome.get("mask_us", [])
        self.mask_cpu_us += outcome.get("mask_cpu_us", [])
        if "first_us" in outcome:
            self.first_us.append(outcome["first_us"])
            self.first_cpu_us.append(outcome["first_cpu_us"])
        if outcome["tests"] and not outcome["right"]:
            self.wrong.append((outcome["name"], outcome.get("why", "")))

    def as_dict(self) -> dict[str, Any]:
        """The figures."""
        return {
            "schemas": self.schemas,
            "right": self.right,
            "refused": self.refused,
            "over_accepted": self.over_accepted,
            "under_accepted": self.under_accepted,
            "crashed": self.crashed,
            "timed_out": self.timed_out,
            "first_mask_us": quantiles(self.first_us, p50=0.5, p99=0.99),
            "mask_us": quantiles(self.mask_us, p50=0.5, p99=0.99, p999=0.999),
            "first_mask_cpu_us": quantiles(self.first_cpu_us, p50=0.5, p99=0.99),
            "mask_cpu_us": quantiles(self.mask_cpu_us, p50=0.5, p99=0.99, p999=0.999),
        }

    def line(self) -> str:
        """The figures for a reader."""
        figures = self.as_dict()
        first, mask = figures["first_mask_us"], figures["mask_us"]
        cpu_first, cpu = figures["first_mask_cpu_us"], figures["mask_cpu_us"]
        share = self.right / self.schemas if self.schemas else 0
        return (
            f"{self.engine:12} {self.right:5} of {self.schemas:5} right ({share:7.2%}), refused "
            f"{self.refused}, invalid accepted {self.over_accepted}, valid refused "
            f"{self.under_accepted}, crashed {self.crashed}, timed out {self.timed_out}; first "
            f"mask p50 {first['p50'] / 1000:.2f} p99 {first['p99'] / 1000:.1f} ms, mask p50 "
            f"{mask['p50']:.0f} p99 {mask['p99']:.0f} p99.9 {mask['p999']:.0f} µs (processor time "
            f"{cpu_first['p50'] / 1000:.2f} and {cpu_first['p99'] / 1000:.1f} ms, "
            f"{cpu['p50']:.0f}, {cpu['p99']:.0f} and {cpu['p999']:.0f} µs)"
        )


def quantiles(values: Sequence[float], **wanted: float) -> dict[str, float]:
    """Quantiles by name; zeros where there are no values."""
    found = sorted(values)
    last = len(found) - 1
    return {
        name: round(found[min(last, int(len(found) * share))], 1) if found else 0.0
        for name, share in wanted.items()
    }


class Worker:
    """A process that judges schemas with one engine."""

    def __init__(self, engine: str, tokenizer: str, timeout_s: float) -> None:
        self._command = [
            *(sys.executable, "-m", "tests.benchmarks.maskbench_worker", engine, tokenizer),
        ]
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[str] | None = None

    def judge(self, row: dict[str, Any]) -> dict[str, Any]:
        """One schema's outcome; of a worker that dies or hangs, that it did."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        failed = {"name": row["name"], "tests": len(row["tests"]), "right": False}
        timer = _Killer(process, self._timeout_s)
        try:
            process.stdin.write(json.dumps(row) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (BrokenPipeError, OSError):
            line = ""
        finally:
            late = timer.stop()
        if line and not late:
            outcome: dict[str, Any] = json.loads(line)
            return outcome
        self.close()
        return failed | {
            "timed_out" if late else "crashed": True,
            "why": "time" if late else "died",
        }

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            assert self._process.stdout is not None
            ready = self._process.stdout.readline()
            if ready.strip() != "ready":
                raise SystemExit(f"the worker of {self._command[3]} did not start")
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class _Killer:
    """Ends a process that takes too long."""

    def __init__(self, process: subprocess.Popen[str], timeout_s: float) -> None:
        import threading

        self._late = False
        self._process = process
        self._timer = threading.Timer(timeout_s, self._kill)
        self._timer.daemon = True
        self._timer.start()

    def _kill(self) -> None:
        self._late = True
        self._process.kill()

    def stop(self) -> bool:
        """Call it off; whether it was too late for that."""
        self._timer.cancel()
        return self._late


def rows_of(file: Path, limit: int | None) -> list[dict[str, Any]]:
    """The schemas of a file."""
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    for i, row in enumerate(rows):
        row.setdefault("name", f"line {i + 1}")
        row.setdefault("tests", [])
    return rows[:limit]


def measure(
    rows: Sequence[dict[str, Any]], worker: Worker, tally: Tally, console: Console
) -> Iterator[dict[str, Any]]:
    """Judge every schema, under a progress bar."""
    try:
        with Progress(console=console, transient=True) as progress:
            for row in progress.track(rows, description=tally.engine):
                outcome = worker.judge(row)
                tally.add(outcome)
                yield outcome
    finally:
        worker.close()


def compare(
    rows: Sequence[dict[str, Any]], arguments: argparse.Namespace, console: Console
) -> dict[str, Any]:
    """The other engines on a sample, and ours on the same one; bare llguidance in turns with ours.

    Schema by schema, all engines have their turn, so that whatever else the machine does falls on
    all of them alike. Ratios are over the schemas that both of a pair compile.
    """
    seed = random.Random(1)
    sample = seed.sample(list(rows), min(arguments.sample, len(rows)))
    names = ["llguidance", BARE, "xgrammar", "outlines"]
    workers = {n: Worker(n, arguments.tokenizer, arguments.rival_timeout) for n in names}
    tallies = {name: Tally(name) for name in names}
    ours_both, bare_both = Tally("ours"), Tally("bare")
    try:
        with Progress(console=console, transient=True) as progress:
            for row in progress.track(sample, description="side by side"):
                outcomes = {name: workers[name].judge(row) for name in names}
                for name, outcome in outcomes.items():
                    tallies[name].add(outcome)
                ours, bare = outcomes["llguidance"], outcomes[BARE]
                if "first_us" in ours and "first_us" in bare:
                    ours_both.add(ours)
                    bare_both.add(bare)
    finally:
        for worker in workers.values():
            worker.close()
    one, other = ours_both.as_dict(), bare_both.as_dict()
    ratios = {
        what: {key: round(one[what][key] / max(other[what][key], 0.1), 2) for key in one[what]}
        for what in ("first_mask_us", "mask_us", "first_mask_cpu_us", "mask_cpu_us")
    }
    console.print(f"\nside by side on {len(sample)} schemas of the file:")
    for tally in tallies.values():
        console.print(tally.line(), soft_wrap=True)
    console.print(f"ours ÷ llguidance alone, where both compile: {ratios}")
    figures = {name: tally.as_dict() for name, tally in tallies.items()}
    return {"sample": len(sample), "engines": figures, "ours_to_bare": ratios}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--engine", default="llguidance")
    parser.add_argument("--tokenizer", default="", help="tokenizer.json, or a folder with one")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--limit", type=int, help="only the first schemas of the file")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one schema")
    parser.add_argument("--sample", type=int, default=40, help="schemas side by side; 0: none")
    parser.add_argument("--rival-timeout", type=float, default=15, help="the same, side by side")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the figures")
    parser.add_argument("--wrong", action="store_true", help="list the schemas that are not right")
    arguments = parser.parse_args()
    console = Console(stderr=arguments.json)
    rows = rows_of(arguments.file, arguments.limit)
    tally = Tally(arguments.engine)
    worker = Worker(arguments.engine, arguments.tokenizer, arguments.timeout)
    started = time.perf_counter()
    for _ in measure(rows, worker, tally, console):
        pass
    console.print(tally.line(), soft_wrap=True)
    console.print(f"{time.perf_counter() - started:.0f} s")
    if arguments.wrong:
        for name, why in tally.wrong:
            console.print(f"  {name}: {why}", soft_wrap=True, markup=False)
    result: dict[str, Any] = tally.as_dict() | {"engine": arguments.engine}
    if arguments.sample:
        result["side_by_side"] = compare(rows_of(arguments.file, None), arguments, console)
    arguments.results.mkdir(exist_ok=True)
    (arguments.results / "maskbench.json").write_text(
        json.dumps(result, indent=2), encoding="utf-8"
    )
    if arguments.json:
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
