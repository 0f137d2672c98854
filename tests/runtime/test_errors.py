"""Every error of the runtime reaches the caller unchanged, from whichever process it comes."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import runtime.settings  # its errors are among those collected
import runtime.store.errors as store
from runtime.errors import (
    DeploymentExists,
    DeploymentFailed,
    DeploymentNotFound,
    FeatureNotAvailable,
    GenerationFailed,
    InvalidConversation,
    InvalidParameter,
    MissingExtra,
    ModelClosed,
    ModelError,
    NotEnoughResources,
    PromptTooLong,
    RequestTimeout,
    UnknownParameter,
    WorkerDied,
    listed,
    nearest,
)
from structured import ByzerError

GONE = Path("/models/gone")
EXAMPLES: list[ByzerError] = [
    ModelError("it broke", hint="mend it"),
    MissingExtra("torch", extra="transformers", needed_for="The backend"),
    FeatureNotAvailable("speech", hint="later"),
    InvalidConversation("no messages", hint="give some"),
    InvalidParameter("gen.top_k", "x" * 300, "a whole number"),
    UnknownParameter("temprature", {"temperature", "top_k"}, where="generation"),
    DeploymentNotFound("chta", ["chat", "embed"]),
    DeploymentExists("chat"),
    DeploymentFailed("chat", "no memory", hint="buy some"),
    NotEnoughResources("chat", "GPUs", needed=2, available=0.5),
    PromptTooLong(tokens=9000, limit=8192, model="chat", limited_by="max_input"),
    RequestTimeout(timeout_s=1.5, model="chat", text="so far"),
    GenerationFailed("chat", "out of memory"),
    WorkerDied("chat", "signal 9"),
    ModelClosed("chat"),
    runtime.settings.InvalidSetting("BYZER_AGENTS_GPUS", value="x", expected="a number"),
    store.StoreError("broken", hint="repair"),
    store.ModelNotFound("gpt", known=["a"], stored=["b"], suggestion="a"),
    store.HubAccessOff("org/name", known=["a"]),
    store.ModelNotPulled("quickstart"),
    store.ModelFilesMissing(GONE, looked_for=["*.gguf"], found=["README"]),
    store.AmbiguousModel("folder", candidates=["a.gguf", "b.gguf"]),
    store.NotAModel(GONE, reason="empty"),
    store.GGUFError(GONE, reason="cut short", offset=12),
    store.DownloadFailed("pkg==1", reason="no network", output="a\nb", retryable=False),
    store.ChecksumMismatch("quickstart", expected="ab", got="cd", note="of part 2"),
    store.NotEnoughDiskSpace(GONE, needed_bytes=10**9, available_bytes=10),
    store.StoreNotWritable(GONE, reason="read-only"),
]
MODULES = ("runtime.errors", "runtime.settings", "runtime.store.errors")


def kinds(root: type[ByzerError] = ByzerError) -> Iterator[type[ByzerError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def test_every_error_has_an_example_here():
    ours = {kind for kind in kinds() if kind.__module__ in MODULES}
    assert ours == {type(error) for error in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: ByzerError):
    again = error
    for _ in range(2):  # a worker's, handed on by a server
        again = pickle.loads(pickle.dumps(again))
    assert type(again) is type(error)
    assert type(again).__mro__ == type(error).__mro__
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert again.retryable is error.retryable


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_can_be_raised_and_says_something(error: ByzerError):
    with pytest.raises(type(error)) as caught:
        raise error
    assert str(caught.value) == str(error)
    assert error.message
    assert len(str(error)) < 500
    if error.hint:
        assert str(error).endswith(f"→ {error.hint}")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InvalidConversation, ValueError),
        (InvalidParameter, ValueError),
        (UnknownParameter, ValueError),
        (PromptTooLong, ValueError),
        (DeploymentNotFound, LookupError),
        (RequestTimeout, TimeoutError),
        (FeatureNotAvailable, NotImplementedError),
    ],
)
def test_errors_are_what_python_programs_expect(kind: type[ByzerError], builtin: type[Exception]):
    (example,) = [error for error in EXAMPLES if type(error) is kind]
    with pytest.raises(builtin):
        raise example


def test_only_what_may_go_better_next_time_is_retryable():
    retryable = {type(error) for error in EXAMPLES if error.retryable}
    assert retryable == {RequestTimeout, WorkerDied}
    assert store.DownloadFailed("pkg", reason="no network").retryable


def test_the_messages_name_what_matters():
    said = {type(error): str(error) for error in EXAMPLES}
    assert "pip install 'byzer-agents[transformers]'" in said[MissingExtra]
    assert "did you mean 'temperature'? known: temperature, top_k" in said[UnknownParameter]
    assert "did you mean 'chat'?" in said[DeploymentNotFound]
    assert "needs 2 GPUs, available: 0.5" in said[NotEnoughResources]
    assert "9000 tokens, but 'chat' takes at most 8192 (max_input)" in said[PromptTooLong]
    assert "within 1.5 s (6 characters came)" in said[RequestTimeout]
    assert "signal 9" in said[WorkerDied]
    assert "deploy(..., udf_name='x')" in str(DeploymentNotFound("x", []))


def test_the_nearest_name():
    assert nearest("tempature", ["temperature", "top_k"]) == "did you mean 'temperature'?"
    assert nearest("xyz", ["temperature"]) == nearest("a", []) == ""
    assert listed(["b", "a"]) == "a, b"
    assert listed([]) == "none"
