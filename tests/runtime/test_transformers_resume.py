"""Replies that go on, prefixes that are read once, and scored options, on tiny random models."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from runtime.backends.transformers.batching import Alone  # noqa: E402
from runtime.backends.transformers.prefixes import Prefixes  # noqa: E402
from runtime.chat import ChatRequest, Resumption  # noqa: E402
from runtime.errors import (  # noqa: E402
    FeatureNotAvailable,
    InvalidParameter,
    ModelClosed,
    PromptTooLong,
    RequestTimeout,
)
from structured.constraint import ChoiceConstraint, JsonConstraint, RegexConstraint  # noqa: E402
from structured.errors import ConstraintError  # noqa: E402
from tests.runtime.transformers_models import (  # noqa: E402
    ask,
    go_on,
    inside,
    open_folder,
    tiny_config,
    tiny_folder,
    together,
)

pytestmark = pytest.mark.transformers

RECORD = JsonConstraint(
    schema_text=json.dumps(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 6},
                "sizes": {"type": "array", "items": {"type": "integer", "maximum": 99}},
                "kind": {"enum": ["red", "redder", "blue"]},
            },
            "required": ["name", "sizes", "kind"],
            "additionalProperties": False,
        }
    )
)
KINDS = {
    "together": ("LlamaConfig", {"num_key_value_heads": 2}),
    "eager": ("LlamaConfig", {"num_key_value_heads": 2, "attn_implementation": "eager"}),
    "windows": ("Gemma2Config", {"num_key_value_heads": 2, "sliding_window": 8, "head_dim": 8}),
    "states": ("MambaConfig", {"state_size": 8}),
}


@pytest.fixture(scope="module", params=KINDS)
def model(tmp_path_factory, request):
    """In float32: rounded to bfloat16, what is read in other pieces may come to another token."""
    name, more = KINDS[request.param]
    folder = tiny_folder(tmp_path_factory.mktemp("tiny"), config=tiny_config(name, **more))
    model = open_folder(folder, options={"dtype": "float32"})
    yield model
    model.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A model whose rows are decoded together, so that prefixes are kept."""
    folder = tiny_folder(tmp_path_factory.mktemp("plain"))
    model = open_folder(folder, options={"dtype": "float32"})
    yield model
    model.close()


def prefixes_of(model) -> Prefixes:
    return inside(model)._prefixes


def resumed(request: ChatRequest, text: str, *avoid: str) -> ChatRequest:
    return replace(request, resume=Resumption(text, avoid), request_id=f"{text} {avoid}")


# Going on


def test_a_reply_goes_on_from_any_place_as_it_would_have(model):
    for request in (go_on("x", constraint=RECORD, max_output_tokens=200), go_on("abc")):
        request = replace(request, params=request.params.but(ignore_eos=False))
        whole = model.generate(replace(request, params=request.params.but(max_output_tokens=60)))
        for cut in range(0, len(whole.text), 3):
            begun = whole.text[:cut]
            if "\ufffd" in begun:  # bytes that are no text: they cannot be given back
                break
            left = request.params.but(max_output_tokens=60 - len(begun.encode()))
            reply = model.generate(resumed(replace(request, params=left), begun))
            assert reply.text == whole.text, begun
            assert reply.usage.output_tokens == whole.usage.output_tokens - len(begun.encode())
            assert reply.usage.input_tokens >= whole.usage.input_tokens + cut - 1


def test_the_first_delta_is_the_beginning(plain):
    deltas = list(plain.stream(resumed(go_on("x", constraint=RECORD), '{"name": "')))
    assert deltas[0].text.startswith('{"name": "')
    assert deltas[0].finish_reason is None
    assert "".join(delta.text for delta in deltas).count('{"name": "') == 1
    assert deltas[-1].finish_reason == "stop"


def test_a_complete_beginning_is_the_reply(plain):
    words = ChoiceConstraint(options=("red", "blue"))
    reply = plain.generate(resumed(go_on("x", constraint=words), "red"))
    assert (reply.text, reply.finish_reason, reply.usage.output_tokens) == ("red", "stop", 0)


def test_a_beginning_outside_the_constraint_is_refused(plain):
    with pytest.raises(ConstraintError, match=r"does not allow the reply's beginning '\{\"nome"):
        plain.generate(resumed(go_on("x", constraint=RECORD), '{"nome'))


def test_stop_strings_and_lengths_count_what_is_new(plain):
    tail = RegexConstraint(pattern="[ab]hello world[ab]")
    reply = plain.generate(resumed(go_on("x", constraint=tail, stop=("o w", "he")), "ahell"))
    assert (reply.text, reply.finish_reason) == ("ahell", "stop")
    reply = plain.generate(resumed(go_on("x", constraint=tail, max_output_tokens=3), "ahell"))
    assert (reply.text, reply.finish_reason) == ("ahello w", "length")
    assert reply.usage.output_tokens == 3


def test_a_beginning_that_names_control_tokens_is_text(plain):
    reply = plain.generate(resumed(go_on("x", max_output_tokens=2), "a<|end|>b"))
    assert reply.text.startswith("a<|end|>b")
    # The prompt, and the beginning without its last token, which is taken back.
    assert reply.usage.input_tokens == 1 + 8


def test_too_long_with_its_beginning(plain):
    with pytest.raises(PromptTooLong):
        plain.generate(resumed(go_on("x" * 300), "y" * 300))


# Texts to avoid


@pytest.mark.parametrize("seed", range(6))
def test_what_is_avoided_does_not_come(model, seed):
    request = go_on(f"{seed}", constraint=RECORD, temperature=3.0, top_p=1.0, seed=seed)
    begun = '{"name": "a", "sizes": [], "kind": '
    kinds = {
        json.loads(model.generate(resumed(request, begun, *avoid)).text)["kind"]
        for avoid in (('"red"',), ('"red"', '"blue"'))
    }
    assert kinds <= {"redder", "blue"}
    assert json.loads(model.generate(resumed(request, begun, '"red"', '"blue"')).text)["kind"] == (
        "redder"
    )
    with pytest.raises(ConstraintError, match="nothing here but what is to be avoided"):
        model.generate(resumed(request, begun, '"red"', '"redder"', '"blue"'))


def test_greedy_takes_the_likeliest_of_the_others(model):
    options = tuple("abcdefgh")
    request = go_on("x", constraint=ChoiceConstraint(options=options))
    after = logprobs_after(model, model.tokenize("x"))
    likeliest = sorted(options, key=lambda option: -float(after[model.tokenize(option)[0]]))
    for count in range(len(options)):
        reply = model.generate(resumed(request, "", *likeliest[:count]))
        assert reply.text == likeliest[count]


def logprobs_after(model, ids: list[int]):
    """What the model says after some tokens, without the loop."""
    forward = inside(model)._scheduler._forward
    with torch.inference_mode():
        return torch.log_softmax(forward(torch.tensor([ids]), forward.new_cache())[0], dim=-1)


def test_log_probabilities_of_what_leads_away(plain):
    request = go_on("x", constraint=RECORD, logprobs=2, max_output_tokens=80)
    reply = plain.generate(resumed(request, '{"name": "a", "sizes": [], "kind": ', '"blue"'))
    spelled = "".join(token.token for token in reply.logprobs)
    assert spelled in reply.text
    assert spelled.startswith(' "red')
    assert all(len(token.top) == 2 for token in reply.logprobs)


def test_rows_that_go_on_beside_others(plain):
    begun = '{"name": "a", "sizes": [1, 2], "kind": '
    requests = [
        resumed(go_on("x", constraint=RECORD), begun, '"red"'),
        go_on("free", max_output_tokens=30),
        resumed(go_on("x", constraint=RECORD), begun, '"red"', '"blue"'),
        resumed(go_on("free", max_output_tokens=20), "and so"),
    ]
    alone = [plain.generate(request).text for request in requests]
    assert [reply.text for reply in together(plain, requests)] == alone


# Prefixes


def test_what_begins_alike_is_read_once(plain):
    prefixes_of(plain).clear()
    system = "You answer in one word, and never in two. " * 3
    first = plain.generate(go_on(system + "Who?", max_output_tokens=8))
    assert first.usage.cached_tokens == 0
    second = plain.generate(go_on(system + "Where?", max_output_tokens=8))
    assert second.usage.cached_tokens >= len(system)
    again = plain.generate(go_on(system + "Where?", max_output_tokens=8))
    assert again.usage.cached_tokens == again.usage.input_tokens - 1
    assert again.text == second.text
    prefixes_of(plain).clear()
    assert plain.generate(go_on(system + "Where?", max_output_tokens=8)).text == second.text


def test_a_resumed_reply_reads_only_what_is_new(plain):
    request = go_on("a question", constraint=RECORD)
    whole = plain.generate(request)
    reply = plain.generate(resumed(request, whole.text[:-4]))
    assert reply.text == whole.text
    assert reply.usage.cached_tokens == reply.usage.input_tokens - 1


def test_nothing_is_kept_where_nothing_may_be(tmp_path):
    model = open_folder(tiny_folder(tmp_path), options={"backend.prefix_cache_mb": "0"})
    try:
        for _ in range(2):
            reply = model.generate(go_on("the same prompt again", max_output_tokens=4))
            assert reply.usage.cached_tokens == 0
        assert prefixes_of(model).size == 0
    finally:
        model.close()


def layers(tokens: int):
    """One layer, 64 bytes for each token."""
    values = torch.arange(tokens, dtype=torch.float32).expand(1, 2, 4, tokens).transpose(2, 3)
    return [(values.clone(), -values)]


def test_the_oldest_go_when_there_is_no_room():
    kept = Prefixes(limit_mb=64 * 40 / 2**20)
    for start in (0, 100, 200):
        kept.keep(range(start, start + 20), layers(20))
    assert kept.size == 64 * 40
    assert kept.find([*range(20), 999])[0] == 0
    count, found = kept.find([*range(100, 115), 7, 8])
    assert count == 15
    assert found[0][0].shape == (1, 2, 15, 4)
    assert found[0][0][0, 1, 14, 3] == 14
    kept.keep(range(300, 320), layers(20))  # 100 was used last, so 200 goes
    assert kept.find([*range(200, 220), 1])[0] == 0
    assert kept.find([*range(100, 120), 1])[0] == 20


def test_of_what_does_not_fit_the_beginning_is_kept():
    kept = Prefixes(limit_mb=64 * 40 / 2**20)
    kept.keep(range(100), layers(100))
    assert kept.find(range(100))[0] == 40
    assert kept.size == 64 * 40


def test_what_is_part_of_another_takes_no_room():
    kept = Prefixes(limit_mb=1)
    kept.keep(range(20), layers(20))
    kept.keep(range(30), layers(30))
    kept.keep(range(25), layers(25))
    assert kept.size == 64 * 30
    assert kept.find(range(9))[0] == 8
    assert kept.find(range(8))[0] == 0  # too few to be worth it


# Scores


def test_scores_are_what_the_steps_come_to(model):
    options = ("ab", "a", "abc", "b", "你")
    wanted = []
    for option in options:
        total, ids = 0.0, model.tokenize("question")
        for token in [*model.tokenize(option), 256]:
            total += float(logprobs_after(model, ids)[token])
            ids.append(token)
        wanted.append(total)
    assert model.score(go_on("question"), options) == pytest.approx(wanted, abs=2e-4)


def test_many_options_are_read_in_parts(model):
    options = [f"{i:03}" for i in range(300)]
    request = go_on("number")
    found = model.score(request, options)
    alone = [model.score(request, [option])[0] for option in options[::60]]
    assert list(found[::60]) == pytest.approx(alone, abs=2e-4)


def test_different_replies_share_the_probability(model):
    scores = model.score(go_on("sum"), [chr(i) for i in range(128)])
    assert 0 < sum(map(math.exp, scores)) < 1


def test_what_cannot_be_scored(plain):
    for options in ([], [""], ["a", "a"], ["a", 1]):
        with pytest.raises(InvalidParameter, match="different texts"):
            plain.score(go_on("x"), options)
    with pytest.raises(FeatureNotAvailable):
        plain.score(resumed(go_on("x"), "a"), ["b"])
    with pytest.raises(PromptTooLong):
        plain.score(go_on("x" * 500), ["y" * 30])
    with pytest.raises(RequestTimeout):
        plain.score(go_on("x", timeout_s=1e-9), ["y"])


def test_scores_beside_other_requests(plain):
    options = ["red", "green", "blue"]
    wanted = plain.score(ask("colour?"), options)
    stream = plain.stream(go_on("long", ignore_eos=True, max_output_tokens=200))
    next(stream)
    assert plain.score(ask("colour?"), options) == pytest.approx(wanted, abs=2e-4)
    assert sum(len(delta.text) for delta in stream) > 0


def test_a_closed_model_scores_nothing(tmp_path):
    model = open_folder(tiny_folder(tmp_path))
    model.close()
    with pytest.raises(ModelClosed):
        model.score(go_on("x"), ["a"])


def test_engines_by_name(tmp_path, plain):
    with pytest.raises(InvalidParameter, match="engine"):
        open_folder(tiny_folder(tmp_path), options={"backend.engine": "none such"})
    request = go_on("x", constraint=ChoiceConstraint(options=("yes", "no")))
    assert plain.generate(replace(request, engine="llguidance")).text in ("yes", "no")
    with pytest.raises(Exception, match="none such"):
        plain.generate(replace(request, engine="none such"))


def test_one_row_at_a_time_is_tested_too(model, request):
    alone = isinstance(inside(model)._scheduler._batch, Alone)
    assert alone == (request.node.callspec.params["model"] in ("windows", "states"))
