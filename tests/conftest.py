"""What all tests share: the hub is off, weights are fetched once, hypothesis is deterministic."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci")

MODEL = "chat"


@pytest.fixture(scope="session")
def quickstart_gguf() -> Path:
    """The quickstart model's file, fetched into the user's cache when it is not there."""
    from runtime.store import ModelStore

    return ModelStore().pull("quickstart").path


@pytest.fixture(scope="session")
def _deployed(quickstart_gguf: Path) -> Iterator[None]:
    from byzer_agents import ByzerLLM

    llm = ByzerLLM()
    llm.deploy(str(quickstart_gguf), udf_name=MODEL)
    yield
    llm.undeploy(MODEL)


@pytest.fixture
def llm(_deployed: None):
    """A client of its own for each test, on the quickstart model that they share."""
    from byzer_agents import ByzerLLM

    client = ByzerLLM(default_max_output_length=256)  # a small model may never stop by itself
    return client.setup_default_model_name(MODEL)
