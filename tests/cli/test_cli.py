"""``byzer-agents``: demo, chat, version."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from byzer_agents import __version__
from byzer_agents.cli import app

runner = CliRunner()


def test_version():
    done = runner.invoke(app, ["version"])
    assert done.exit_code == 0
    assert f"byzer-agents {__version__}" in done.stdout
    versions = json.loads(runner.invoke(app, ["version", "--json"]).stdout)
    assert versions["byzer-agents"] == __version__
    assert versions["pydantic"]


def test_help_names_every_command():
    done = runner.invoke(app, ["--help"])
    for command in ("demo", "chat", "models", "version"):
        assert command in done.stdout


@pytest.mark.model
def test_demo(quickstart_gguf):
    done = runner.invoke(app, ["demo", "--json"])
    assert done.exit_code == 0, done.output
    chat, extract, pick, classify = json.loads(done.stdout)
    assert chat["type"] == "str"
    assert extract["value"] == "Person(name='Bob', age=42)"
    assert "class Person(BaseModel)" in extract["code"]
    assert pick["value"] == "'sunny in Paris, 21 °C'"
    assert classify["value"] == "'positive'"
    for step in (chat, extract, pick, classify):
        assert step["tokens_per_second"] > 0
        assert 0 < step["first_token_ms"] <= step["total_ms"]


@pytest.mark.model
def test_demo_for_people(quickstart_gguf):
    done = runner.invoke(app, ["demo"])
    assert done.exit_code == 0, done.output
    assert "Person(name='Bob', age=42)" in done.stdout
    assert "tokens/s, first token after" in done.stdout


@pytest.mark.model
@pytest.mark.ray
@pytest.mark.slow
def test_demo_on_ray(quickstart_gguf):
    """In a process of its own: it starts a cluster, and takes it down when it ends."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'byzer-agents[ray]'")
    program = "from byzer_agents.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "--ray", "--json"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _, extract, pick, classify = json.loads(done.stdout)
    assert extract["value"] == "Person(name='Bob', age=42)"
    assert pick["value"] == "'sunny in Paris, 21 °C'"
    assert classify["value"] == "'positive'"


@pytest.mark.model
def test_chat_once(quickstart_gguf):
    arguments = ["chat", str(quickstart_gguf), "-p", "Hello!", "--max-tokens", "5"]
    done = runner.invoke(app, [*arguments, "--temperature", "0", "--json"])
    assert done.exit_code == 0, done.output
    reply = json.loads(done.stdout)
    assert reply["generated_tokens_count"] == 5
    streamed = runner.invoke(app, [*arguments, "--temperature", "0"])
    assert streamed.stdout.strip() == reply["output"].strip()


@pytest.mark.model
def test_a_conversation(quickstart_gguf):
    lines = "Hello!\n/reset\n\nHello!\n/exit\n"
    arguments = ["chat", "--max-tokens", "4", "--temperature", "0", "--system", "Be brief."]
    done = runner.invoke(app, arguments, input=lines)
    assert done.exit_code == 0, done.output
    replies = [line for line in done.stdout.splitlines() if line.strip()]
    assert len(replies) == 2
    assert replies[0] == replies[1]  # the second began anew


def test_errors_are_messages():
    done = runner.invoke(app, ["chat", "no-such-model", "-p", "hi"])
    assert done.exit_code == 1
    assert "no-such-model" in done.stderr
    assert "Traceback" not in done.output
