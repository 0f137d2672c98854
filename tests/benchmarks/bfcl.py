"""How often a small model calls the right function: our grammar beside llama.cpp's own ways.

Qwen2.5-Coder-1.5B-Instruct on llama.cpp answers a fixed sample of BFCL's cases, greedily, and
BFCL's own AST checker judges. For each case, one after the other:

* ``ours``: our prompt under our tool-call grammar, as ``chat_oai(tools=…)`` sends it;
* ``json_schema``: the same prompt under llama.cpp's grammar for the equal JSON Schema;
* ``text``: the same prompt and no grammar, read as generously as our reader reads (a fenced block
  is looked into);
* ``tools``: llama.cpp's own tool calling, ``tool_choice`` auto, the model's own template.

Of ``tools`` a second figure is printed: its text read as generously as our reader reads, where
llama.cpp itself found no call.

Run: ``python -m tests.benchmarks.bfcl FOLDER``. Results are added to ``FOLDER/results.jsonl`` one
by one; run again, it goes on from there.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from byzer_agents import prompts
from runtime import ChatRequest, GenerationParams, Message
from runtime.backends.llama_cpp import LlamaCppModel, LlamaCppOptions
from runtime.store import ModelStore
from structured import (
    ToolCallConstraint,
    ToolReply,
    ValidationFailed,
    read_tool_reply,
    tool_call_schema,
)
from tests.benchmarks import bfcl_cases as bfcl

SEED = 20261124
MAX_TOKENS = 200
SAMPLES = {
    "main": (("simple_python", "multiple"), 0, 200),
    "dev": (("simple_python", "multiple"), 200, 240),
    "parallel": (("parallel",), 0, 40),
    "live_multiple": (("live_multiple",), 0, 40),
    "irrelevance": (("irrelevance",), 0, 40),
}
"""Categories, and which of their cases, shuffled together by ``SEED``. Prompts are tuned on
``dev`` alone."""
VARIANTS = ("ours", "json_schema", "text", "tools")


class Described:
    """A function of a case, as prompts take it."""

    def __init__(self, tool: dict[str, Any]) -> None:
        self.name: str = tool["name"]
        self.description: str = tool["description"]
        self.parameters: dict[str, Any] = tool["parameters"]


class Bench:
    """One model, asked in four ways."""

    def __init__(self, path: Path, parallel: int) -> None:
        options = LlamaCppOptions(n_parallel=parallel, max_model_len=4096 * parallel, n_threads=2)
        self.model = LlamaCppModel("bfcl", path, options)
        self._llama = self.model._server._server  # xllamacpp's own: what is not ours goes there

    def ask(self, variant: str, case: bfcl.Case) -> dict[str, Any]:
        """One row of the results."""
        several = "parallel" in case.category
        constraint = ToolCallConstraint(tools=bfcl.specs(case), max_calls=16 if several else 1)
        started = time.perf_counter()
        ways: dict[str, Callable[[bfcl.Case, ToolCallConstraint], tuple[Any, Any]]] = {
            "ours": self._ours,
            "json_schema": self._json_schema,
            "text": self._text,
            "tools": self._tools,
        }
        calls, text = ways[variant](case, constraint)
        seconds = time.perf_counter() - started
        row = {
            "id": case.id,
            "category": case.category,
            "variant": variant,
            "wrong": _wrong(case, calls),
            "text": text,
            "seconds": round(seconds, 2),
        }
        if variant == "tools":
            read = calls or _calls(text, constraint.model_copy(update={"max_calls": 16}))
            row["wrong_if_read"] = _wrong(case, read)
        return row

    def _request(self, case: bfcl.Case, constraint: ToolCallConstraint) -> ChatRequest:
        told = prompts.tool_choice(
            [Described(tool) for tool in bfcl.tools(case)],
            allow_answer=constraint.allow_answer,
            several=constraint.max_calls > 1,
        )
        return ChatRequest(
            prompts.with_instructions([Message(**m) for m in case.messages], told),  # type: ignore[arg-type]
            params=GenerationParams(temperature=0, max_output_tokens=MAX_TOKENS),
            constraint=constraint,
        )

    def _ours(self, case: bfcl.Case, constraint: ToolCallConstraint) -> tuple[Any, str]:
        text = self.model.generate(self._request(case, constraint)).text
        return _calls(text, constraint), text

    def _text(self, case: bfcl.Case, constraint: ToolCallConstraint) -> tuple[Any, str]:
        text = self.model.generate(replace(self._request(case, constraint), constraint=None)).text
        return _calls(text, constraint), text

    def _json_schema(self, case: bfcl.Case, constraint: ToolCallConstraint) -> tuple[Any, str]:
        request = self._request(case, constraint)
        reply = self._llama.handle_completions(
            {
                "prompt": self.model.apply_chat_template(request.messages),
                "json_schema": tool_call_schema(constraint),
                "temperature": 0,
                "max_tokens": MAX_TOKENS,
                "cache_prompt": True,
            }
        )
        text = reply["choices"][0]["text"] if "choices" in reply else json.dumps(reply)
        return _calls(text, constraint), text

    def _tools(self, case: bfcl.Case, constraint: ToolCallConstraint) -> tuple[Any, str]:
        reply = self._llama.handle_chat_completions(
            {
                "messages": list(case.messages),
                "tools": [{"type": "function", "function": tool} for tool in bfcl.tools(case)],
                "tool_choice": "auto",
                "parallel_tool_calls": constraint.max_calls > 1,
                "temperature": 0,
                "max_tokens": MAX_TOKENS,
            }
        )
        if "choices" not in reply:
            return None, json.dumps(reply)
        message = reply["choices"][0]["message"]
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        try:
            found = [{"name": c["name"], "arguments": json.loads(c["arguments"])} for c in calls]
        except ValueError:
            found = None
        return found, message.get("content") or json.dumps(calls)


def _calls(text: str, constraint: ToolCallConstraint) -> list[bfcl.Call] | None:
    """The calls in a text; ``None`` where it is no reply of the constraint."""
    try:
        reply: ToolReply = read_tool_reply(text, constraint)
    except ValidationFailed:
        return None
    return [{"name": call.name, "arguments": call.arguments} for call in reply.calls]


def _wrong(case: bfcl.Case, calls: list[bfcl.Call] | None) -> str:
    if calls is None and case.category not in bfcl.WITHOUT_CALLS:
        return "no calls that can be read"
    return bfcl.judged(case, calls or [])


def sample(name: str) -> list[bfcl.Case]:
    """The cases of a sample, in an order that makes any beginning a random sample too."""
    categories, start, end = SAMPLES[name]
    pool = [case for category in categories for case in bfcl.cases(category)]
    random.Random(SEED).shuffle(pool)
    return pool[start:end]


def summary(rows: Iterable[dict[str, Any]], name: str) -> dict[str, Any]:
    """How many cases each variant got right, over the cases that every variant has answered."""
    wanted = {case.id for case in sample(name)}
    by_case: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        if row["id"] in wanted:
            by_case[row["id"]][row["variant"]] = row
    variants = [v for v in VARIANTS if any(v in answers for answers in by_case.values())]
    complete = [a for a in by_case.values() if all(v in a for v in variants)]
    figures: dict[str, Any] = {"sample": name, "cases": len(complete)}
    for variant in variants:
        figures[variant] = sum(not answers[variant]["wrong"] for answers in complete)
        seconds = sum(answers[variant]["seconds"] for answers in complete)
        figures[f"{variant}_seconds"] = round(seconds / max(1, len(complete)), 2)
    if "tools" in variants:
        figures["tools_if_read"] = sum(not a["tools"]["wrong_if_read"] for a in complete)
    return figures


def main() -> None:
    """Ask what has not been asked yet, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", nargs="+", choices=SAMPLES, default=["main"])
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--limit", type=int, help="cases of each sample, at most")
    parser.add_argument("--minutes", type=float, help="begin no case after this long")
    parser.add_argument("--parallel", type=int, default=3, help="cases at the same time")
    parser.add_argument("--model", default="qwen2.5-coder", help="a name the model store knows")
    parser.add_argument("--json", action="store_true", help="figures as one line of JSON")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(row["id"], row["variant"]) for row in rows}
    cases = [case for name in options.sample for case in sample(name)[: options.limit]]
    due = [c for c in cases if any((c.id, v) not in done for v in options.variant)]
    if due:
        bench = Bench(ModelStore().pull(options.model).path, options.parallel)
        rows += _asked(bench, due, options, done, file)
    figures = [summary(rows, name) for name in options.sample]
    if options.json:
        print(json.dumps(figures))
    else:
        for line in figures:
            print(line)


def _asked(
    bench: Bench, due: list[bfcl.Case], options: Any, done: set[tuple[str, str]], file: Path
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    lock = threading.Lock()
    until = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    columns = ("{task.description}", TextColumn("{task.fields[figures]}"))
    with Progress(
        TextColumn(columns[0]), MofNCompleteColumn(), columns[1], TimeRemainingColumn()
    ) as progress:
        task = progress.add_task("cases", total=len(due), figures="")

        def answer(case: bfcl.Case) -> None:
            for variant in options.variant:
                if (case.id, variant) in done or time.monotonic() > until:
                    continue
                row = bench.ask(variant, case)
                with lock:
                    rows.append(row)
                    with file.open("a") as lines:
                        lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            right = defaultdict(int)
            for row in rows:
                right[row["variant"]] += not row["wrong"]
            progress.update(task, advance=1, figures=f"right so far: {dict(right)}")

        with ThreadPoolExecutor(options.parallel) as pool:
            list(pool.map(answer, due))
    return rows


if __name__ == "__main__":
    main()
