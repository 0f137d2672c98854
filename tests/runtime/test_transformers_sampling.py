"""Choosing tokens: against the definitions, and against transformers' own processors."""

from __future__ import annotations

import math
from collections import Counter

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers.generation.logits_process import (  # noqa: E402
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from runtime.backends.transformers.sampling import (  # noqa: E402
    NotFinite,
    Sampler,
    token_logprob,
)
from runtime.generation import GenerationParams  # noqa: E402

pytestmark = pytest.mark.transformers


def sampler(prompt=(), width=8, **params) -> Sampler:
    params = {"temperature": 1.0, "top_p": 1.0, "seed": 0} | params
    return Sampler(GenerationParams(**params), list(prompt), width=width, device="cpu")


def shares(chooser: Sampler, logits, count=4000) -> dict[int, float]:
    found = Counter(chooser.choose(logits) for _ in range(count))
    return {token: times / count for token, times in found.items()}


def expected(logits, *warpers, prompt=()) -> dict[int, float]:
    scores = LogitsProcessorList(warpers)(torch.tensor([list(prompt)]), logits[None].clone())[0]
    probs = torch.softmax(scores, dim=-1)
    return {i: float(p) for i, p in enumerate(probs) if p > 0}


LOGITS = torch.tensor([2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -3.0])


@pytest.mark.parametrize(
    ("params", "warpers"),
    [
        ({}, []),
        ({"temperature": 0.5}, [TemperatureLogitsWarper(0.5)]),
        ({"top_k": 3}, [TopKLogitsWarper(3)]),
        ({"top_k": 100}, []),
        ({"top_k": -1}, []),
        ({"top_p": 0.7}, [TopPLogitsWarper(0.7)]),
        ({"top_p": 0.0}, [TopKLogitsWarper(1)]),
        ({"min_p": 0.3}, [MinPLogitsWarper(0.3)]),
        (
            {"temperature": 2.0, "top_k": 6, "top_p": 0.8, "min_p": 0.3},
            [
                TemperatureLogitsWarper(2.0),
                TopKLogitsWarper(6),
                TopPLogitsWarper(0.8),
                MinPLogitsWarper(0.3),
            ],
        ),
    ],
)
def test_shares_are_those_of_transformers(params, warpers):
    found, wanted = shares(sampler(**params), LOGITS), expected(LOGITS, *warpers)
    assert found.keys() <= wanted.keys()
    for token, share in wanted.items():
        assert found.get(token, 0) == pytest.approx(share, abs=0.03)


def test_top_p_over_a_flat_vocabulary_keeps_enough_tokens():
    width = 5000
    found = shares(sampler(width=width, top_p=0.9), torch.zeros(width), count=300)
    assert len(found) > 200


def test_repetition_penalty_is_that_of_transformers():
    prompt = (0, 6)
    wanted = expected(LOGITS, RepetitionPenaltyLogitsProcessor(1.7), prompt=prompt)
    found = shares(sampler(prompt, repetition_penalty=1.7), LOGITS)
    for token, share in wanted.items():
        assert found.get(token, 0) == pytest.approx(share, abs=0.03)


def test_presence_and_frequency_count_the_reply_only():
    chooser = sampler((0,), temperature=0, presence_penalty=0.4, frequency_penalty=0.2)
    assert chooser.choose(LOGITS) == 0
    chooser.saw(0)  # 2.0 - 0.6 = 1.4 < 1.5
    assert chooser.choose(LOGITS) == 1
    chooser.saw(1)
    chooser.saw(1)  # 1.5 - 0.8 = 0.7
    assert chooser.choose(LOGITS) == 0


def test_penalties_do_not_lift_what_is_masked():
    allowed = torch.tensor([True, True] + [False] * 6)
    for penalty in (0.01, 50):
        chooser = sampler((0, 1), temperature=0, repetition_penalty=penalty, presence_penalty=-90)
        chooser.saw(0)
        assert chooser.choose(LOGITS, allowed) in (0, 1)


@pytest.mark.parametrize("params", [{}, {"top_k": 5}, {"top_p": 0.99}, {"min_p": 0.001}])
def test_masked_tokens_never_come(params):
    allowed = torch.zeros(8, dtype=torch.bool)
    allowed[[3, 7]] = True
    chooser = sampler(temperature=3.0, **params)
    assert {chooser.choose(LOGITS, allowed) for _ in range(300)} == {3, 7}


def test_seeds():
    def tokens(seed):
        chooser = sampler(seed=seed)
        return [chooser.choose(LOGITS) for _ in range(30)]

    assert tokens(1) == tokens(1)
    assert tokens(1) != tokens(2)
    assert tokens(None) != tokens(None)


def test_tiny_temperatures_are_greedy():
    for temperature in (0, 1e-30, 1e-4):
        assert sampler(temperature=temperature).choose(LOGITS) == 0


def test_no_numbers_are_refused():
    for bad in (math.nan, -math.inf, math.inf):
        with pytest.raises(NotFinite):
            sampler().choose(torch.full((8,), bad))


def test_logprobs():
    found = token_logprob(LOGITS, 2, 3, "t{}".format)
    assert (found.token_id, found.token) == (2, "t2")
    assert [token for token, _ in found.top] == ["t0", "t1", "t2"]
    assert found.logprob == pytest.approx(found.top[2][1])
    assert found.logprob == pytest.approx(float(torch.log_softmax(LOGITS, 0)[2]))
    assert token_logprob(LOGITS, 2, 0, str).top == ()
