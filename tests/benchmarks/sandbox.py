"""What a run in the sandbox costs, beside other ways to run code that a model wrote.

``python -m tests.benchmarks.sandbox [--runs N] [--seconds S] [--json FILE]``

Every contender runs the same small function on the same argument and gives the same value:

* ``sandbox``: a child of a warm pool, spaced so that a child is always ready (the latency that a
  request sees), and ``at once``: one run after the other without a pause;
* ``subprocess``: a fresh ``python -I`` for each, with no guard at all;
* ``smolagents``: its local executor, in this process ("not a security boundary");
* ``monty``: pydantic-monty, a fresh session of its pool of workers.

Then runs as many as can be from several threads for some seconds, counting what was lost.
Contenders that are not installed are left out. Times are milliseconds, request to value.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox import Sandbox, SandboxError

CODE = """
def summary(n):
    rows = [{"i": i, "square": i * i} for i in range(n)]
    return {"rows": rows[-1], "total": sum(r["square"] for r in rows)}
"""
ARGUMENT = 20
EXPECTED = {"rows": {"i": 19, "square": 361}, "total": 2470}
PAUSE_S = 0.015

Once = Callable[[], Any]


def in_subprocess() -> Once:
    """A fresh interpreter for each run."""
    program = f"import json\n{CODE}\nprint(json.dumps(summary({ARGUMENT})))"

    def once() -> Any:
        done = subprocess.run(
            [sys.executable, "-I", "-c", program], capture_output=True, check=True
        )
        return json.loads(done.stdout)

    return once


def in_smolagents() -> Once:
    """Its local executor, a fresh one for each run."""
    from smolagents.local_python_executor import LocalPythonExecutor

    def once() -> Any:
        executor = LocalPythonExecutor([])
        executor.send_tools({})
        return executor(f"{CODE}\nsummary({ARGUMENT})").output

    return once


def in_monty() -> Once:
    """A fresh session of its pool for each run."""
    from pydantic_monty import Monty

    pool = Monty().__enter__()

    def once() -> Any:
        with pool.checkout() as session:
            return session.feed_run(f"{CODE}\nsummary({ARGUMENT})")

    return once


def in_sandbox(sandbox: Sandbox) -> Once:
    """A child of the warm pool."""
    return lambda: sandbox.run(CODE, "summary", [ARGUMENT]).value


def times(once: Once, runs: int, pause_s: float) -> dict[str, float]:
    """p50, p95 and the slowest, in milliseconds."""
    if once() != EXPECTED:
        raise AssertionError("the contender gives another value")
    took = []
    for _ in range(runs):
        time.sleep(pause_s)
        started = time.perf_counter()
        once()
        took.append(1000 * (time.perf_counter() - started))
    took.sort()
    return {"p50": took[runs // 2], "p95": took[int(runs * 0.95)], "max": took[-1]}


def sustained(sandbox: Sandbox, threads: int, seconds: float) -> dict[str, float]:
    """Runs a second, and how many were lost or wrong."""
    over = time.monotonic() + seconds
    good, bad = [0] * threads, [0] * threads

    def work(number: int) -> None:
        while time.monotonic() < over:
            try:
                fine = sandbox.run(CODE, "summary", [ARGUMENT]).value == EXPECTED
            except SandboxError:
                fine = False
            (good if fine else bad)[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"runs_per_s": sum(good) / (time.monotonic() - started), "lost": sum(bad)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with Sandbox() as sandbox:
        contenders: dict[str, tuple[Callable[[], Once], int, float]] = {
            "sandbox": (lambda: in_sandbox(sandbox), given.runs, PAUSE_S),
            "sandbox, at once": (lambda: in_sandbox(sandbox), given.runs, 0),
            "subprocess": (in_subprocess, max(10, given.runs // 10), 0),
            "smolagents": (in_smolagents, given.runs, 0),
            "monty": (in_monty, given.runs, 0),
        }
        print(f"assurance: {sandbox.status().assurance.name}")
        for name, (make, runs, pause_s) in contenders.items():
            try:
                once = make()
            except ImportError:
                print(f"{name:20} not installed")
                continue
            results[name] = times(once, runs, pause_s)
            print(f"{name:20}", *(f"{k} {v:7.2f}" for k, v in results[name].items()))
        for threads in (2, 8):
            name = f"{threads} threads"
            results[name] = sustained(sandbox, threads, given.seconds)
            print(f"{name:20}", *(f"{k} {v:7.1f}" for k, v in results[name].items()))
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
