"""How fast our decode loop is beside transformers' ``generate``: ratios out of one run.

``python -m tests.benchmarks.loop path/to/model.gguf``. What is compared is run in turns, and the
best of several rounds counts, since the machine may have other work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from runtime.chat import ChatRequest
from structured.constraint import JsonConstraint
from tests.runtime.transformers_models import ask, go_on, inside, open_gguf, together

TOKENS = 48
ROUNDS = 3
PROMPT = "The history of the city of Rome begins"
RECORD = JsonConstraint(
    schema_text=json.dumps(
        {
            "type": "object",
            "properties": {
                "customer_full_name": {"type": "string", "maxLength": 20},
                "customer_age_in_years": {"type": "integer", "minimum": 0, "maximum": 150},
                "is_a_returning_customer": {"type": "boolean"},
                "preferred_contact_method": {"enum": ["telephone", "electronic mail", "letter"]},
            },
            "required": [
                "customer_full_name",
                "customer_age_in_years",
                "is_a_returning_customer",
                "preferred_contact_method",
            ],
            "additionalProperties": False,
        }
    )
)


def main(file: Path) -> None:
    """Print the ratios."""
    model = open_gguf(file)
    parts = inside(model)
    steps: list[int] = []
    step = parts._scheduler._batch.step

    def counted(tokens: list[list[int]], *, last: int = 1) -> torch.Tensor:
        steps.append(sum(map(len, tokens)))
        return step(tokens, last=last)

    parts._scheduler._batch.step = counted

    def ours() -> float:
        return model.generate(free(0)).usage.output_tokens

    def theirs() -> float:
        prompt = parts._codec.prompt_ids(free(0))
        with torch.inference_mode():
            ids = parts._scheduler._forward.model.generate(
                torch.tensor([prompt]),
                do_sample=False,
                max_new_tokens=TOKENS,
                min_new_tokens=TOKENS,
                pad_token_id=2,
            )
        return ids.shape[1] - len(prompt)

    def eight() -> float:
        return sum(r.usage.output_tokens for r in together(model, [free(i) for i in range(8)]))

    def sampled() -> float:
        request = go_on(PROMPT, ignore_eos=True, max_output_tokens=TOKENS, temperature=0.7)
        return model.generate(request).usage.output_tokens

    question = "Ann Miller, 42, has bought here before. Write to her by letter. As JSON:"

    def constrained() -> float:
        return len(model.generate(ask(question, constraint=RECORD)).text)

    def stepwise() -> float:
        return len(model.generate(ask(question, constraint=RECORD, logprobs=0)).text)

    def unconstrained() -> float:
        return len(model.generate(ask(question, ignore_eos=True, max_output_tokens=TOKENS)).text)

    rate = in_turns(theirs, ours, sampled, eight, unconstrained, constrained, stepwise)
    print(f"one request, ours : generate            {rate[ours] / rate[theirs]:.2f}")
    print(f"one request, sampled : greedy           {rate[sampled] / rate[ours]:.2f}")
    print(f"eight requests : one (tokens/s)         {rate[eight] / rate[ours]:.2f}")
    print(f"constrained : free (characters/s)       {rate[constrained] / rate[unconstrained]:.2f}")
    print(f"constrained : without forced tokens     {rate[constrained] / rate[stepwise]:.2f}")
    for work in (constrained, stepwise):
        steps.clear()
        characters = work()
        print(f"  {work.__name__}: {len(steps)} steps for {characters} characters")
    print({work.__name__: round(value, 1) for work, value in rate.items()})
    model.close()


def free(i: int) -> ChatRequest:
    return go_on(f"{PROMPT} {i}", ignore_eos=True, max_output_tokens=TOKENS)


def in_turns(*works: Callable[[], float]) -> dict[Callable[[], float], float]:
    """The best rate of each: what it returns, per second."""
    best = dict.fromkeys(works, 0.0)
    for _ in range(ROUNDS):
        for work in works:
            started = time.perf_counter()
            amount = work()
            best[work] = max(best[work], amount / (time.perf_counter() - started))
    return best


if __name__ == "__main__":
    main(Path(sys.argv[1]))
