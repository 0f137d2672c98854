"""Levels follow from layers; what is missing is named."""

from __future__ import annotations

import itertools

import pytest

from sandbox import Assurance
from sandbox.jail import landlock
from sandbox.jail.assurance import LAYERS, assurance_of, status_of


def test_every_layer_counts() -> None:
    everything = dict.fromkeys(LAYERS, True)
    assert assurance_of(everything) is Assurance.FULL
    for layer in LAYERS:
        assert assurance_of({**everything, layer: False}) < Assurance.FULL


@pytest.mark.parametrize(
    ("present", "level"),
    [
        ((), Assurance.NONE),
        (("process",), Assurance.NONE),
        (("limits", "seccomp"), Assurance.NONE),
        (("process", "limits"), Assurance.PROCESS),
        (("process", "limits", "user", "namespaces"), Assurance.PROCESS),
        (("process", "limits", "landlock"), Assurance.CONFINED),
        (("process", "limits", "seccomp"), Assurance.CONFINED),
        (("process", "limits", "user", "landlock", "seccomp"), Assurance.CONFINED),
    ],
)
def test_levels(present: tuple[str, ...], level: Assurance) -> None:
    assert assurance_of(dict.fromkeys(present, True)) is level


def test_one_layer_more_never_lowers_the_level() -> None:
    for count in range(len(LAYERS)):
        for some in itertools.combinations(LAYERS, count):
            for more in LAYERS:
                fewer = assurance_of(dict.fromkeys(some, True))
                assert assurance_of(dict.fromkeys((*some, more), True)) >= fewer


def test_a_layer_of_which_nothing_is_known_is_missing() -> None:
    status = status_of({"process": (True, "yes"), "seccomp": (False, "no such call")})
    assert [layer.name for layer in status.layers] == list(LAYERS)
    assert status.missing["seccomp"] == "no such call"
    assert "process" not in status.missing
    assert status.missing["landlock"]


@pytest.mark.parametrize(
    ("abi", "size", "files", "network", "scopes"),
    [
        (1, 8, 0x1FFF, None, None),
        (2, 8, 0x3FFF, None, None),
        (3, 8, 0x7FFF, None, None),
        (4, 16, 0x7FFF, 3, None),
        (5, 16, 0xFFFF, 3, None),
        (6, 24, 0xFFFF, 3, 3),
        (9, 24, 0xFFFF, 3, 3),
    ],
)
def test_landlock_forbids_all_that_the_kernel_knows(
    abi: int, size: int, files: int, network: int | None, scopes: int | None
) -> None:
    data = landlock.attributes(abi)
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
    assert len(data) == size
    assert words == [word for word in (files, network, scopes) if word is not None]
