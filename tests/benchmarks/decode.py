"""Constrained decoding in transformers: ours, none, and outlines' three backends, in one run.

``python -m tests.benchmarks.decode [MODEL.gguf] [--rounds N] [--without NAME …] [--json]``

All of them generate greedily with the same weights in memory, on the same prompts and schemas, and
take turns; of several rounds the fastest counts, after one that warms up. *unconstrained* is our
own loop saying our answers over again, token by token as the tokenizer spells them, without a
grammar; *generate* is transformers' own loop made to say them. What it takes to build outlines'
generators is told apart. The figure is characters of answer per second, prompt included. With
``--json`` the last line is one object; it is also written to ``benchmark-results/decode.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import torch
import transformers
from rich.console import Console
from rich.table import Table

from runtime.store import ModelStore
from structured.constraint import JsonConstraint
from tests.benchmarks.decode_cases import CASES, Case
from tests.runtime.transformers_models import ask, inside, open_gguf

TOKENS = 120
"""Longest answer; one that is cut off counts as invalid."""
OURS, PLAIN, GENERATE = "ours", "unconstrained", "generate"
RIVALS = {
    "outlines": "outlines_core",
    "outlines llguidance": "llguidance",
    "outlines xgrammar": "xgrammar",
}
TARGETS = {
    PLAIN: 1.0,
    "outlines": 2.5,
    "outlines llguidance": 1.5,
    "outlines xgrammar": 1.5,
}
"""How many times as fast ours is to be."""

Answer = Callable[[Case], str]


@dataclass
class Way:
    """One way of decoding, and what came of it."""

    name: str
    answer: Answer
    answers: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""

    def run(self, case: Case) -> None:
        """Answer once more; the fastest time counts."""
        started = time.perf_counter()
        try:
            text = self.answer(case)
        except Exception as error:  # noqa: BLE001 - a rival's failure is a figure
            self.error, text = f"{type(error).__name__}: {error}"[:300], ""
        elapsed = time.perf_counter() - started
        self.answers[case.name] = text
        self.seconds[case.name] = min(elapsed, self.seconds.get(case.name, elapsed))

    @property
    def rate(self) -> float:
        """Characters a second, over all cases."""
        return sum(map(len, self.answers.values())) / sum(self.seconds.values())

    @property
    def valid(self) -> int:
        """Answers that are JSON of their schema."""
        return sum(_valid(self.answers[case.name], case.schema) for case in CASES)


def _valid(text: str, schema: dict[str, Any]) -> bool:
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


class Ways:
    """Everything that is compared, on one model in memory."""

    def __init__(self, file: Path, dtype: str) -> None:
        self.model = open_gguf(file, options={"dtype": dtype, "prefix_cache_mb": 0})
        parts = inside(self.model)
        self._forward = parts._scheduler._forward
        self._batch = parts._scheduler._batch
        self._codec = parts._codec
        self.compiled_s: dict[str, float] = {}
        self._ours: dict[str, str] = {}

    def ours(self, case: Case) -> str:
        """Our loop under our grammar."""
        constraint = JsonConstraint(schema_text=json.dumps(case.schema))
        request = ask(case.question, constraint=constraint, max_output_tokens=TOKENS)
        self._ours[case.name] = self.model.generate(request).text
        return self._ours[case.name]

    def unconstrained(self, case: Case) -> str:
        """Our answer once more: a step for each token, the likeliest token looked for."""
        prompt, answer = self._tokens(case)
        with torch.inference_mode():
            cache = self._forward.new_cache()
            logits = self._forward(torch.tensor([prompt]), cache)
            self._batch.add(cache, len(prompt))
            for token in answer:
                int(logits[0].argmax())
                logits = self._batch.step([[token]])[:, -1]
            int(logits[0].argmax())  # where the end token comes
            self._batch.clear()
        return self._ours[case.name]

    def generate(self, case: Case) -> str:
        """Our answer once more, said by transformers' own loop."""
        prompt, answer = self._tokens(case)
        end = min(self._codec.end)
        said = self._forward.model.generate(
            torch.tensor([prompt]),
            do_sample=False,
            max_new_tokens=len(answer) + 1,
            eos_token_id=end,
            pad_token_id=end,
            logits_processor=[_Dictation(len(prompt), [*answer, end])],
        )
        return str(self._codec.decode(said[0, len(prompt) :].tolist()))

    def _tokens(self, case: Case) -> tuple[list[int], list[int]]:
        prompt = self._codec.prompt_ids(ask(case.question))
        return prompt, self._codec.encode(self._ours[case.name])

    def rival(self, name: str) -> Answer:
        """One of outlines' backends, its generators built once."""
        import outlines
        from outlines.types import JsonSchema

        tokenizer = self._codec._tokenizer
        model = outlines.from_transformers(self._forward.model, tokenizer)
        generators: dict[str, Any] = {}

        def answer(case: Case) -> str:
            if case.name not in generators:
                started = time.perf_counter()
                schema = JsonSchema(json.dumps(case.schema))
                generators[case.name] = outlines.Generator(model, schema, backend=RIVALS[name])
                elapsed = time.perf_counter() - started
                self.compiled_s[name] = self.compiled_s.get(name, 0) + elapsed
            prompt = self._codec.render(ask(case.question).messages)
            pad = min(self._codec.end)
            return str(
                generators[case.name](
                    prompt, max_new_tokens=TOKENS, do_sample=False, pad_token_id=pad
                )
            )

        return answer


class _Dictation(transformers.LogitsProcessor):  # type: ignore[misc]  # it is not typed
    """Has a model say given tokens."""

    def __init__(self, start: int, tokens: Sequence[int]) -> None:
        self._start, self._tokens = start, tokens

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        scores[:, self._tokens[input_ids.shape[1] - self._start]] = 1e9
        return scores


def measure(file: Path, *, rounds: int, without: Sequence[str], dtype: str) -> dict[str, Any]:
    """Run everything; the figures."""
    ways = Ways(file, dtype)
    compared = [Way(OURS, ways.ours), Way(PLAIN, ways.unconstrained), Way(GENERATE, ways.generate)]
    compared += [Way(name, ways.rival(name)) for name in RIVALS if name not in without]
    for round_ in range(rounds + 1):
        for case in CASES:
            for way in compared:
                if not way.error:
                    way.run(case)
                    print(".", end="", file=sys.stderr, flush=True)
        if round_ == 0:
            for way in compared:
                way.seconds.clear()
    print(file=sys.stderr)
    ways.model.close()
    ours = compared[0]
    return {
        "model": file.name,
        "dtype": dtype,
        "cases": len(CASES),
        "rounds": rounds,
        "ways": {
            way.name: {
                "characters_per_s": round(way.rate, 1),
                "valid": way.valid,
                "ours_is": round(ours.rate / way.rate, 2) if way.rate else None,
                "compile_s": round(ways.compiled_s.get(way.name, 0.0), 2),
                "error": way.error,
                "answers": way.answers,
            }
            for way in compared
            if way.seconds
        },
        "targets": TARGETS,
    }


def show(figures: dict[str, Any], console: Console) -> None:
    """The figures as a table."""
    table = Table("", "characters/s", "ours is", "target", "valid", "compiled in")
    for name, row in figures["ways"].items():
        target = f"{TARGETS[name]:g}" if name in TARGETS else ""
        table.add_row(
            name,
            f"{row['characters_per_s']:.1f}",
            f"{row['ours_is']:.2f} x" if row["ours_is"] else row["error"],
            target,
            f"{row['valid']} of {figures['cases']}",
            f"{row['compile_s']:.1f} s" if row["compile_s"] else "",
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.decode")
    parser.add_argument(
        "model", nargs="?", type=Path, help="GGUF file; the quickstart unless given"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], choices=list(RIVALS))
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    file = given.model or ModelStore().pull("quickstart").path
    figures = measure(file, rounds=given.rounds, without=given.without, dtype=given.dtype)
    show(figures, Console(stderr=given.json))
    results = Path("benchmark-results")
    results.mkdir(exist_ok=True)
    (results / "decode.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False))
    if given.json:
        print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
