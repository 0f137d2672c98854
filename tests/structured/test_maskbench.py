"""The MaskBench command: what counts as right, and its last line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

tokenizers = pytest.importorskip("tokenizers", reason="needs the transformers extra")

ROWS: list[dict[str, Any]] = [
    {
        "name": "right in any order of keys",
        "schema": {"properties": {"a": {"type": "integer"}, "b": {}}, "required": ["b"]},
        "tests": [
            {"valid": True, "data": {"b": 1, "a": 2}},
            {"valid": False, "data": {"a": 2}},
        ],
    },
    {
        "name": "right by the validator",
        "schema": {"type": "array", "uniqueItems": True},
        "tests": [{"valid": True, "data": [1, 2]}, {"valid": False, "data": [1, 1]}],
    },
    {
        "name": "wrong: the flags are",
        "schema": {"type": "integer"},
        "tests": [{"valid": False, "data": 1}, {"valid": True, "data": "x"}],
    },
    {
        "name": "refused, rightly",
        "schema": {"type": "string", "minLength": 2, "maxLength": 1},
        "tests": [{"valid": False, "data": "x"}],
    },
    {"name": "without tests", "schema": {"type": "null"}, "tests": []},
]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A tokenizer of single bytes."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE({letter: i for i, letter in enumerate([*letters, "<eos>"])}, [])
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens(["<eos>"])
    path = tmp_path / "tokenizer.json"
    path.write_text(made.to_str(), encoding="utf-8")
    return path


def test_the_last_line_has_the_figures(tmp_path: Path, tokenizer: Path):
    file = tmp_path / "schemas.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    command = [*(sys.executable, "-m", "tests.benchmarks.maskbench", str(file), "--json")]
    command += ["--tokenizer", str(tokenizer), "--sample", "0", "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    counts = {key: last[key] for key in ("schemas", "right", "refused", "crashed", "timed_out")}
    assert counts == {"schemas": 4, "right": 3, "refused": 1, "crashed": 0, "timed_out": 0}
    assert (last["over_accepted"], last["under_accepted"]) == (1, 1)
    assert last["first_mask_us"].keys() == {"p50", "p99"}
    assert 0 < last["mask_us"]["p50"] <= last["mask_us"]["p99"] <= last["mask_us"]["p999"]
