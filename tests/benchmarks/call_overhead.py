"""What a typed call costs beside the model: ours, instructor's and pydantic-ai's, in one run.

``python -m tests.benchmarks.call_overhead [--calls N] [--json FILE]``

Every contender gets the same reply for the same question at once, from a model that is a function
in this process, and returns a validated ``Person``. instructor works through the openai client,
whose own cost (over the same in-process transport) is shown by itself and taken off. Figures are
medians over interleaved rounds; compare the ratios, not the milliseconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from byzer_agents import extract
from byzer_agents.testing import ScriptedModel
from structured import OutputSchema

REPLY = '{"name":"Bob","age":42}'
TEXT = "Bob is 42 years old."


class Person(BaseModel):
    """A person."""

    name: str
    age: int


EXPECTED = Person(name="Bob", age=42)


def ours(calls: int) -> Callable[[], Any]:
    """``extract`` on the scripted model."""
    model = ScriptedModel(*[REPLY] * calls)
    return lambda: extract(Person, TEXT, model=model)


def validation(_: int) -> Callable[[], Any]:
    """Validation of the reply alone: the floor."""
    schema = OutputSchema[Person].of(Person)
    return lambda: schema.validate_json(REPLY)


def pydantic_ai(_: int) -> Callable[[], Any]:
    """An agent with an output type on a function model."""
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    def reply(messages: Any, info: Any) -> ModelResponse:
        return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, REPLY)])

    agent = Agent(FunctionModel(reply), output_type=Person)
    return lambda: agent.run_sync(TEXT).output


def _openai() -> Any:
    import httpx
    from openai import OpenAI

    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": REPLY},
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=body))
    return OpenAI(
        api_key="none",
        base_url="http://127.0.0.1:9/v1",
        http_client=httpx.Client(transport=transport),
    )


def openai_client(_: int) -> Callable[[], Any]:
    """The openai client alone, without types."""
    client = _openai()
    messages: Any = [{"role": "user", "content": TEXT}]
    return lambda: Person.model_validate_json(
        client.chat.completions.create(model="m", messages=messages).choices[0].message.content
    )


def instructor(_: int) -> Callable[[], Any]:
    """instructor on the openai client, in its JSON mode."""
    import instructor as library

    client = library.from_openai(_openai(), mode=library.Mode.JSON)
    messages: Any = [{"role": "user", "content": TEXT}]
    return lambda: client.chat.completions.create(
        model="m", messages=messages, response_model=Person
    )


CONTENDERS = (validation, ours, openai_client, instructor, pydantic_ai)


def measure(calls: int, rounds: int = 5) -> dict[str, float]:
    """Median milliseconds of a call, by contender; those not installed are left out."""
    per_round = max(1, calls // rounds)
    runners: dict[str, Callable[[], Any]] = {}
    for contender in CONTENDERS:
        try:
            run = contender(per_round * rounds + 20)
        except ImportError as error:
            print(f"{contender.__name__}: left out, {error}")
            continue
        for _ in range(20):
            result = run()
        assert (result.name, result.age) == (EXPECTED.name, EXPECTED.age), contender.__name__
        runners[contender.__name__] = run
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            for _ in range(per_round):
                started = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) * 1000 for name, values in times.items()}


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--json", type=Path, default=Path("benchmark-results/call_overhead.json"))
    options = parser.parse_args()
    median_ms = measure(options.calls)
    own = {**median_ms}
    if "instructor" in own and "openai_client" in own:
        own["instructor beside its client"] = own["instructor"] - own["openai_client"]
    print(f"{'':30} {'ms':>8}  {'× ours':>7}")
    for name, value in own.items():
        print(f"{name:30} {value:8.3f}  {value / own['ours']:7.1f}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"median_ms": own}, indent=2))


if __name__ == "__main__":
    main()
