"""How well ``@llm_impl`` does with a real model: ``python -m tests.benchmarks.llm_impl``.

For functions with doctests: accepted at the first try, after repair, or not at all, and how many
accepted ones are wrong on inputs that the model never saw.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from typing import Any

from byzer_agents import ImplementationFailed, llm_impl
from tests.benchmarks.llm_impl_cases import CASES


def judged(function: Callable[..., Any], unseen: list[tuple[tuple[Any, ...], Any]]) -> list[str]:
    """The unseen inputs whose value is wrong."""
    wrong = []
    for arguments, expected in unseen:
        try:
            value = function(*arguments)
        except Exception as error:  # noqa: BLE001 - counted as wrong
            wrong.append(f"{arguments!r} raised {type(error).__name__}: {error}"[:200])
            continue
        close = isinstance(expected, float) and abs(value - expected) < 1e-6
        if value != expected and not close:
            wrong.append(f"{arguments!r} gave {value!r}, not {expected!r}"[:200])
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qwen2.5-coder")
    parser.add_argument("--attempts", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", type=int, default=0)
    options = parser.parse_args()
    counts = dict.fromkeys(("first", "repaired", "refused", "wrong", "functions"), 0)
    with tempfile.TemporaryDirectory() as folder:
        for function, unseen in CASES[options.skip :]:
            if options.only and function.__name__ != options.only:
                continue
            made = llm_impl(
                model=options.model,
                directory=folder,
                max_attempts=options.attempts,
                max_length=320,
            )(function)
            counts["functions"] += 1
            started = time.monotonic()
            try:
                source = made.source
            except ImplementationFailed as error:
                counts["refused"] += 1
                said = [str(attempt.failures[0])[:160] for attempt in error.attempts]
                outcome: dict[str, Any] = {"outcome": "refused", "failures": said}
            else:
                accepted = made.implementation.accepted
                assert accepted is not None
                kind = "repaired" if accepted.attempts else "first"
                counts[kind] += 1
                wrong = judged(made, unseen)
                counts["wrong"] += bool(wrong)
                outcome = {"outcome": kind, "attempts": len(accepted.attempts) + 1}
                if wrong:
                    outcome |= {"wrong": wrong, "source": source}
                if accepted.attempts:
                    outcome["mended"] = [str(a.failures[0])[:160] for a in accepted.attempts]
            seconds = round(time.monotonic() - started, 1)
            print(json.dumps({"function": function.__name__, "s": seconds} | outcome), flush=True)
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
