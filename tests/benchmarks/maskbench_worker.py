"""The process in which MaskBench's schemas are judged: JSON lines in, JSON lines out.

``python -m tests.benchmarks.maskbench_worker ENGINE TOKENIZER``
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from structured import ConstraintError, JsonConstraint, OutputSchema, SchemaError, Vocabulary
from structured.engine import Matcher
from structured.errors import ByzerError, ValidationFailed

BARE = "llguidance alone"
"""llguidance with its own compiler of JSON Schema, as its users have it: no relaxation, no
validator."""


def vocabulary_of(tokenizer: str) -> tuple[Vocabulary, Any]:
    """A tokenizer as engines need it, and what encodes texts with it.

    ``""`` stands for the quickstart model's tokenizer.
    """
    from tokenizers import Tokenizer

    if tokenizer:
        path = Path(tokenizer)
        text = (path / "tokenizer.json" if path.is_dir() else path).read_text(encoding="utf-8")
    else:
        text = _quickstart_tokenizer()
    encoder = Tokenizer.from_str(text)
    known = encoder.get_vocab(with_added_tokens=True)
    ends = [known[name] for name in _ENDS if name in known]
    end = ends[0] if ends else max(known.values())
    size = max(known.values()) + 1
    return Vocabulary.of_tokenizer_json(text, size=size, eos=(end,)), encoder


_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "</s>", "<eos>")


def _quickstart_tokenizer() -> str:
    from gguf import GGUFReader
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    from runtime.store import ModelStore

    fields = GGUFReader(ModelStore().pull("quickstart").path).fields
    tokens: Any = fields["tokenizer.ggml.tokens"].contents()
    merges: Any = fields["tokenizer.ggml.merges"].contents()
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    made = Tokenizer(BPE({token: i for i, token in enumerate(tokens)}, pairs))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([token for token in tokens if token in _ENDS])
    return str(made.to_str())


def compact(value: Any) -> str:
    """A value as the toolkit writes it."""
    return json.dumps(value, ensure_ascii=False)


@dataclass
class Times:
    """How long masks took: by the clock, and of this thread's time on a processor, which other
    work on the machine does not lengthen."""

    wall_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


class Judge:
    """Judges schemas with one of our engines and the validator."""

    def __init__(self, engine: str, tokenizer: str) -> None:
        from structured.engines import engine as engine_named

        self.vocabulary, self.encoder = vocabulary_of(tokenizer)
        self.engine = engine_named(engine)
        warm = JsonConstraint(schema_text='{"type":"object"}')
        self.engine.compile(warm, self.vocabulary).matcher().mask()

    def matcher(self, schema_text: str) -> Matcher:
        """A matcher at the beginning, its first mask computed."""
        constraint = JsonConstraint(schema_text=schema_text, key_order="any")
        matcher = self.engine.compile(constraint, self.vocabulary).matcher()
        matcher.mask()
        return matcher

    def accepts(self, start: Matcher, text: str, times: Times) -> bool:
        """Whether the grammar lets a text through."""
        matcher, clock, cpu = start.copy(), time.perf_counter, time.thread_time
        for token in self.encoder.encode(text, add_special_tokens=False).ids:
            begin, begin_cpu = clock(), cpu()
            matcher.mask()
            end_cpu, end = cpu(), clock()
            times.wall_us.append((end - begin) * 1e6)
            times.cpu_us.append((end_cpu - begin_cpu) * 1e6)
            if matcher.accept([token]) != 1:
                return False
        return matcher.accepting

    def validates(self, contract: OutputSchema[Any] | None, text: str) -> bool:
        """Whether the validator takes a text."""
        if contract is None:
            return False
        try:
            contract.validate_json(text)
        except ValidationFailed:
            return False
        return True

    def judge(self, row: dict[str, Any]) -> dict[str, Any]:
        """The outcome of one schema."""
        outcome: dict[str, Any] = {"name": row["name"], "tests": len(row["tests"]), "right": False}
        schema, tests = row["schema"], row["tests"]
        schema_text = json.dumps(schema)
        begin, begin_cpu = time.perf_counter(), time.thread_time()
        try:
            matcher = self.matcher(schema_text)
            outcome["first_us"] = (time.perf_counter() - begin) * 1e6
            outcome["first_cpu_us"] = (time.thread_time() - begin_cpu) * 1e6
            contract = self.contract(schema)
        except (ConstraintError, SchemaError) as error:
            unsatisfiable = "no text can meet" in str(error)
            fine = unsatisfiable and not any(test["valid"] for test in tests)
            return outcome | {"refused": True, "right": fine, "why": str(error)[:300]}
        times = Times()
        over = under = 0
        for test in tests:
            text = compact(test["data"])
            try:
                taken = self.accepts(matcher, text, times) and self.validates(contract, text)
            except ByzerError as error:
                taken, outcome["why"] = False, str(error)[:300]
            if taken != test["valid"]:
                outcome["why"] = f"{'invalid accepted' if taken else 'valid refused'}: {text[:200]}"
            over += taken and not test["valid"]
            under += test["valid"] and not taken
        right = not over and not under
        return (
            outcome
            | {"right": right, "over": over, "under": under}
            | {
                "mask_us": times.wall_us,
                "mask_cpu_us": times.cpu_us,
            }
        )

    def contract(self, schema: dict[str, Any]) -> OutputSchema[Any] | None:
        """The validator of a schema."""
        return OutputSchema.from_json_schema(schema)


class BareJudge(Judge):
    """llguidance alone, its grammars from its own compiler."""

    def __init__(self, tokenizer: str) -> None:
        from structured.engines.llguidance_engine import _build_tokenizer

        self.vocabulary, self.encoder = vocabulary_of(tokenizer)
        self._tokenizer = _build_tokenizer(self.vocabulary)
        self.matcher('{"type":"object"}')

    def matcher(self, schema_text: str) -> Matcher:
        """A matcher at the beginning."""
        from llguidance import LLMatcher

        from structured.engines.llguidance_engine import LLGuidanceMatcher, _Lexer

        options = {
            "whitespace_flexible": False,
            "item_separator": ", ",
            "key_separator": ": ",
        }
        grammar = LLMatcher.grammar_from_json_schema(schema_text, defaults=options)
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise ConstraintError(matcher.get_error())
        matcher.compute_bitmask()
        return LLGuidanceMatcher(matcher, _Lexer(matcher))

    def contract(self, schema: dict[str, Any]) -> OutputSchema[Any] | None:
        """None: the grammar stands alone."""
        return None

    def validates(self, contract: OutputSchema[Any] | None, text: str) -> bool:
        """There is no validator."""
        return True


def main() -> None:
    """Judge what comes in until nothing more does."""
    engine, tokenizer = sys.argv[1], sys.argv[2]
    judge = BareJudge(tokenizer) if engine == BARE else Judge(engine, tokenizer)
    gc.freeze()  # the tokenizer is here to stay: collections need not look at it
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(judge.judge(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
