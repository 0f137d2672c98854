"""The README and the cookbook: every block runs, and prints what the page shows."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", *(f"cookbook/{p.name}" for p in sorted(ROOT.glob("cookbook/*.md")))]
NEEDED = {
    "ray.md": {"ray": "ray"},
    "engines.md": {"torch": "transformers", "xgrammar": "xgrammar", "outlines": "outlines"},
}
"""Modules beyond llama.cpp's, and the extras that bring them."""


@pytest.mark.model
@pytest.mark.parametrize("name", DOCUMENTS)
def test_document(name, quickstart_gguf):
    for module, extra in NEEDED.get(Path(name).name, {}).items():
        pytest.importorskip(module, reason=f"needs 'byzer-agents[{extra}]'")
    done = subprocess.run(
        [sys.executable, "-m", "tests.run_document", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "as documented\n"
