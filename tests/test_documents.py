"""The README and the cookbook: every block runs, and prints what the page shows."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", *(f"cookbook/{p.name}" for p in sorted(ROOT.glob("cookbook/*.md")))]


@pytest.mark.model
@pytest.mark.parametrize("name", DOCUMENTS)
def test_document(name, quickstart_gguf):
    if "ray" in name:
        pytest.importorskip("ray", reason="needs Ray: pip install 'byzer-agents[ray]'")
    done = subprocess.run(
        [sys.executable, "-m", "tests.run_document", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "as documented\n"
