"""Deployments in this process, with models that only look like some."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runtime import (
    ChatDelta,
    ChatModel,
    ChatRequest,
    DeploymentExists,
    DeploymentFailed,
    DeploymentNotFound,
    DeploymentSpec,
    GenerationFailed,
    InvalidParameter,
    Message,
    ModelMeta,
    NotEnoughResources,
)
from runtime import local as module
from runtime.local import LocalHost, prove

PATIENCE_S = 20


class FakeModel(ChatModel):
    """Answers ``reply``, or raises it."""

    def __init__(self, name: str, reply: str | BaseException = "yes", *, template: bool = True):
        self.name = name
        self.reply = reply
        self.template = template
        self.requests: list[ChatRequest] = []
        self.closed = 0

    @property
    def meta(self) -> ModelMeta:
        return ModelMeta("fake", 100, support_chat_template=self.template)

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        self.requests.append(request)
        if isinstance(self.reply, BaseException):
            raise self.reply
        yield ChatDelta(self.reply, "stop")

    def abort(self, request_id: str) -> bool:
        return False

    def tokenize(self, text: str) -> list[int]:
        return []

    def apply_chat_template(self, messages: Sequence[Message]) -> str:
        return ""

    def close(self) -> None:
        self.closed += 1


class Loader:
    """Stands in for ``load_model`` and keeps what it made."""

    def __init__(self) -> None:
        self.made: list[FakeModel] = []
        self.make: Callable[[DeploymentSpec], FakeModel] = lambda spec: FakeModel(spec.name)

    def __call__(self, spec: DeploymentSpec, *, progress: Any = None) -> FakeModel:
        model = self.make(spec)
        self.made.append(model)
        return model


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    loader = Loader()
    monkeypatch.setattr(module, "load_model", loader)
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "1")
    return loader


@pytest.fixture
def host() -> LocalHost:
    return LocalHost()


def spec(name: str = "chat", **options: Any) -> DeploymentSpec:
    return DeploymentSpec(name, "source", **options)


def test_a_model_is_deployed_found_and_taken_down(host: LocalHost, loader: Loader):
    model = host.deploy(spec())
    assert host.get("chat") is model is loader.made[0]
    assert host.names() == ["chat"]
    assert host.undeploy("chat") is True
    assert loader.made[0].closed == 1
    assert host.names() == []
    assert host.undeploy("chat") is False
    assert host.undeploy("never", force=True) is False
    assert loader.made[0].closed == 1


def test_names_are_sorted(host: LocalHost, loader: Loader):
    for name in ("b", "c", "a"):
        host.deploy(spec(name))
    assert host.names() == ["a", "b", "c"]
    host.close()
    assert host.names() == []
    assert [model.closed for model in loader.made] == [1, 1, 1]


def test_a_name_that_is_taken_stays_with_its_model(host: LocalHost, loader: Loader):
    first = host.deploy(spec())
    for take in (lambda: host.deploy(spec()), lambda: host.register(FakeModel("chat"))):
        with pytest.raises(DeploymentExists) as caught:
            take()
        assert caught.value.name == "chat"
    assert host.get("chat") is first
    assert len(loader.made) == 1
    host.undeploy("chat")
    assert host.deploy(spec()) is not first


def test_a_model_object_is_served_under_its_own_name(host: LocalHost, loader: Loader):
    model = FakeModel("mine")
    host.register(model)
    assert host.get("mine") is model
    with pytest.raises(DeploymentExists):
        host.deploy(spec("mine"))
    assert host.undeploy("mine")
    assert model.closed == 1


def test_a_name_that_nobody_has_is_answered_with_the_nearest(host: LocalHost, loader: Loader):
    with pytest.raises(DeploymentNotFound, match="deployed: none"):
        host.get("chat")
    host.deploy(spec("chat"))
    host.deploy(spec("embed"))
    with pytest.raises(DeploymentNotFound) as caught:
        host.get("chta")
    assert caught.value.known == ("chat", "embed")
    assert caught.value.hint == "did you mean 'chat'?"


# --- failures leave nothing behind ----------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (DeploymentFailed("chat", "no such file"), DeploymentFailed),
        (OSError("disk"), OSError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_model_that_cannot_be_loaded_frees_its_name(
    host: LocalHost, loader: Loader, failure: BaseException, raised: type[BaseException]
):
    def fail(spec: DeploymentSpec) -> FakeModel:
        raise failure

    loader.make, works = fail, loader.make
    with pytest.raises(raised):
        host.deploy(spec(gpus_per_worker=1))
    assert host.names() == []
    assert host.undeploy("chat") is False
    loader.make = works
    assert host.deploy(spec(gpus_per_worker=1)).name == "chat"  # its GPU is free again


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("maybe", "its first reply broke its constraint: 'maybe', not yes or no"),
        ("", "broke its constraint: ''"),
        ("yes ", "broke its constraint"),
        (GenerationFailed("chat", "no memory"), "its first request failed: 'chat' failed while"),
        (RuntimeError("CUDA error"), "its first request failed: RuntimeError('CUDA error')"),
    ],
)
def test_a_model_that_cannot_answer_is_closed_and_frees_its_name(
    host: LocalHost, loader: Loader, reply: str | Exception, said: str
):
    loader.make, works = (lambda spec: FakeModel(spec.name, reply)), loader.make
    with pytest.raises(DeploymentFailed) as caught:
        host.deploy(spec())
    assert said in caught.value.message
    assert caught.value.name == "chat"
    assert loader.made[0].closed == 1
    assert host.names() == []
    loader.make = works
    assert host.deploy(spec()) is host.get("chat")


def test_an_interrupt_while_a_model_proves_itself_closes_it(host: LocalHost, loader: Loader):
    loader.make = lambda spec: FakeModel(spec.name, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        host.deploy(spec())
    assert loader.made[0].closed == 1
    assert host.names() == []


@pytest.mark.parametrize("template", [True, False])
def test_the_proof_is_one_tiny_request_under_a_constraint(template: bool):
    model = FakeModel("m", "no", template=template)
    prove(model)
    (request,) = model.requests
    assert bool(request.messages) is template
    assert request.constraint is not None
    assert request.constraint.type == "choice"
    assert request.params.max_output_tokens == 8
    assert model.closed == 0


# --- resources ------------------------------------------------------------------------------


def test_gpus_are_lent_until_they_are_all_lent(host: LocalHost, loader: Loader):
    host.deploy(spec("a", gpus_per_worker=0.5))
    host.deploy(spec("b", gpus_per_worker=0.25, num_workers=2))
    host.deploy(spec("none"))
    with pytest.raises(NotEnoughResources) as caught:
        host.deploy(spec("c", gpus_per_worker=0.25))
    assert (caught.value.name, caught.value.available) == ("c", 0)
    assert host.names() == ["a", "b", "none"]
    host.undeploy("a")
    host.deploy(spec("c", gpus_per_worker=0.5))


def test_more_gpus_than_there_are(host: LocalHost, loader: Loader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "0")
    with pytest.raises(NotEnoughResources, match="needs 1 GPUs, available: 0"):
        host.deploy(spec(gpus_per_worker=1))
    assert loader.made == []
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "2")
    host.deploy(spec(gpus_per_worker=2))


def test_names_and_numbers_that_cannot_be():
    for name in ("", " chat", "a b", "a/b", "-a", "x" * 129, "a\n"):
        with pytest.raises(InvalidParameter, match="udf_name"):
            spec(name)
    for name in ("a", "聊天", "a.b-c_d", "x" * 128, "1"):
        assert spec(name).name == name
    for options in ({"num_workers": 0}, {"gpus_per_worker": -1}, {"worker_concurrency": -1}):
        with pytest.raises(InvalidParameter, match=next(iter(options))):
            spec(**options)


# --- at once --------------------------------------------------------------------------------


def test_while_a_model_loads_its_name_is_taken_and_nothing_else_waits(
    host: LocalHost, loader: Loader
):
    loading, go_on = threading.Event(), threading.Event()

    def slow(spec: DeploymentSpec) -> FakeModel:
        if spec.name == "slow":
            loading.set()
            assert go_on.wait(PATIENCE_S)
        return FakeModel(spec.name)

    loader.make = slow
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(host.deploy, spec("slow", gpus_per_worker=1))
        assert loading.wait(PATIENCE_S)
        with pytest.raises(DeploymentExists):
            host.deploy(spec("slow"))
        with pytest.raises(DeploymentExists):
            host.register(FakeModel("slow"))
        with pytest.raises(DeploymentNotFound):
            host.get("slow")
        with pytest.raises(NotEnoughResources):
            host.deploy(spec("other", gpus_per_worker=1))
        assert host.undeploy("slow") is False  # there is nothing to take down yet
        assert host.names() == []
        assert host.deploy(spec("quick")).name == "quick"
        go_on.set()
        assert future.result(PATIENCE_S) is host.get("slow")
    assert host.names() == ["quick", "slow"]
    assert host.undeploy("slow") is True


def test_of_many_deploys_of_one_name_exactly_one_wins(host: LocalHost, loader: Loader):
    def slow(spec: DeploymentSpec) -> FakeModel:
        time.sleep(0.01)
        return FakeModel(spec.name)

    loader.make = slow
    together = threading.Barrier(8)

    def attempt(_: int) -> object:
        together.wait(PATIENCE_S)
        try:
            return host.deploy(spec())
        except DeploymentExists as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert [type(outcome) for outcome in outcomes].count(FakeModel) == 1
    assert [type(outcome) for outcome in outcomes].count(DeploymentExists) == 7
    assert len(loader.made) == 1
    assert host.get("chat") in outcomes


def test_a_model_is_taken_down_once_however_many_try(host: LocalHost, loader: Loader):
    host.deploy(spec())
    with ThreadPoolExecutor(8) as pool:
        taken_down = list(pool.map(lambda _: host.undeploy("chat"), range(8)))
    assert taken_down.count(True) == 1
    assert loader.made[0].closed == 1


def test_the_whole_process_shares_one_host():
    assert LocalHost.shared() is LocalHost.shared()
    assert LocalHost() is not LocalHost.shared()
