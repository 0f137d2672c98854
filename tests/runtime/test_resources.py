"""What this machine has, and what is refused for lack of it."""

import os
import subprocess
from pathlib import Path

import pytest

from runtime import DeploymentSpec, NotEnoughResources
from runtime import resources as module
from runtime.resources import check_resources, cpu_count, gpu_count
from runtime.settings import InvalidSetting


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BYZER_AGENTS_GPUS", raising=False)
    module._detected_gpus.cache_clear()
    yield
    module._detected_gpus.cache_clear()


def fake_tool(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("echo 'GPU 0: A (UUID: x)'; echo 'GPU 1: A (UUID: y)'", 2),
        ("echo 'No devices were found'", 0),
        ("echo 'NVIDIA-SMI has failed' >&2; exit 9", 0),
    ],
)
def test_gpus_are_those_that_the_driver_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, count: int
):
    fake_tool(tmp_path, script, monkeypatch)
    assert gpu_count() == count


def test_a_driver_that_hangs_or_is_not_there_means_none(monkeypatch: pytest.MonkeyPatch):
    def hang(*args: object, **kwargs: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 10)

    monkeypatch.setattr(module.shutil, "which", lambda name: "/bin/nvidia-smi")
    monkeypatch.setattr(module.subprocess, "run", hang)
    assert gpu_count() == 0
    module._detected_gpus.cache_clear()
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    assert gpu_count() == 0


def test_what_is_declared_counts_whatever_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fake_tool(tmp_path, "echo 'GPU 0: A'", monkeypatch)
    for text, count in (("0", 0), ("4", 4), (" 2 ", 2), ("", 1)):
        monkeypatch.setenv("BYZER_AGENTS_GPUS", text)
        assert gpu_count() == count
    for text in ("many", "-1", "1.5", "²"):
        monkeypatch.setenv("BYZER_AGENTS_GPUS", text)
        with pytest.raises(InvalidSetting, match="BYZER_AGENTS_GPUS"):
            gpu_count()


def test_cpus():
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)


def spec(workers: int = 1, gpus: float | None = None, cpus: float | None = None) -> DeploymentSpec:
    return DeploymentSpec(
        "m", "source", num_workers=workers, gpus_per_worker=gpus, cpus_per_worker=cpus
    )


@pytest.mark.parametrize(
    ("wanted", "in_use", "fits"),
    [
        (spec(), 0, True),
        (spec(), 2, True),
        (spec(gpus=0), 2, True),
        (spec(workers=2, gpus=1), 0, True),
        (spec(workers=2, gpus=1), 1, False),
        (spec(workers=3, gpus=1), 0, False),
        (spec(workers=4, gpus=0.5), 0, True),
        (spec(gpus=0.5), 1.75, False),
        (spec(gpus=2.1), 0, False),
        (spec(cpus=0.1), 0, True),
        (spec(cpus=10**6), 0, False),
        (spec(workers=10**6, cpus=1), 0, False),
    ],
)
def test_a_deployment_fits_or_is_refused(
    monkeypatch: pytest.MonkeyPatch, wanted: DeploymentSpec, in_use: float, fits: bool
):
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "2")
    if fits:
        check_resources(wanted, gpus_in_use=in_use)
        return
    with pytest.raises(NotEnoughResources) as caught:
        check_resources(wanted, gpus_in_use=in_use)
    error = caught.value
    assert error.name == "m"
    assert error.needed > error.available
    assert error.resource == ("GPUs" if wanted.gpus_per_worker else "CPUs")


def test_shares_that_add_up_to_a_whole_fit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "1")
    assert 1 - (0.8 + 0.1) < 0.1  # as floats
    check_resources(spec(gpus=0.1), gpus_in_use=0.8 + 0.1)
    with pytest.raises(NotEnoughResources):
        check_resources(spec(gpus=0.11), gpus_in_use=0.8 + 0.1)
