"""Deployments on Ray Serve: the same answers and errors as in process, across its borders."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from pydantic import BaseModel

from byzer_agents import ByzerLLM
from runtime import (
    ChatDelta,
    ChatRequest,
    DeploymentExists,
    DeploymentFailed,
    DeploymentNotFound,
    DeploymentSpec,
    FeatureNotAvailable,
    GenerationParams,
    InferBackend,
    InvalidParameter,
    Message,
    MissingExtra,
    ModelClosed,
    NotEnoughResources,
    PromptTooLong,
    RequestTimeout,
    TokenLogprob,
    UnknownParameter,
    Usage,
    WorkerDied,
)
from runtime.chat import Resumption
from runtime.ray_serve import QueueFull, RayHost, RayModel, bridge
from runtime.ray_serve.applications import serves
from runtime.ray_serve.cluster import NoCluster
from runtime.ray_serve.coalesce import coalesced, merged
from runtime.ray_serve.failures import LoadFailed, deploy_error
from runtime.ray_serve.names import application_name, deployment_name
from runtime.store import ModelNotFound
from structured import ByzerError, ConstraintError
from structured.constraint import ChoiceConstraint, RegexConstraint

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
ROOT = Path(__file__).resolve().parents[2]
NAME = "served"
ONE_THREAD = {"backend.n_threads": 1}  # two would wait for each other whenever a core is busy
ON_RAY = [pytest.mark.ray, pytest.mark.model]


def request(text: str = "Tell me a story.", tokens: int = 8, **params) -> ChatRequest:
    params = {"temperature": 0, "ignore_eos": True, "max_output_tokens": tokens, **params}
    return ChatRequest((Message("user", text),), params=GenerationParams(**params))


def long_request(**params) -> ChatRequest:
    return request(tokens=4000, **params)


def eventually(holds: Callable[[], bool], *, within_s: float = 20) -> float:
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within_s, "it did not come to that in time"
        time.sleep(0.02)
    return time.monotonic() - started


def running(model: RayModel) -> list[str]:
    return [request_id for replica in model.describe() for request_id in replica.running]


async def read(deltas: AsyncIterator[ChatDelta]) -> tuple[str, ByzerError | None]:
    """A stream's text, and the error that ended it."""
    text = ""
    try:
        async for delta in deltas:
            text += delta.text
    except ByzerError as error:
        return text, error
    return text, None


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="the ray extra is not installed")
    pytest.importorskip("ray.serve", reason="the ray extra is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # the workers': a checkout need not be installed
        ray.init(
            address="local",
            num_cpus=4,
            num_gpus=0,
            resources={"shelf": 1},
            include_dashboard=False,
            namespace=f"test-{uuid4().hex}",
            log_to_driver=False,
            logging_level="ERROR",
        )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def host(cluster: None) -> RayHost:
    return RayHost("auto")


@pytest.fixture(scope="module")
def model(host: RayHost, quickstart_gguf: Path) -> RayModel:
    return host.deploy(DeploymentSpec(NAME, str(quickstart_gguf), options=ONE_THREAD))


@pytest.fixture
def client(model: RayModel, host: RayHost) -> ByzerLLM:
    return ByzerLLM(host=host, default_max_output_length=64).setup_default_model_name(NAME)


# -- without a cluster -------------------------------------------------------------------------


async def source(
    *items: tuple[float, str], log: list[str] | None = None
) -> AsyncIterator[ChatDelta]:
    try:
        for i, (wait_s, text) in enumerate(items):
            await asyncio.sleep(wait_s)
            yield ChatDelta(text, usage=Usage(1, i + 1))
        yield ChatDelta("", "stop", Usage(1, len(items)))
    finally:
        if log is not None:
            log.append("closed")


async def test_the_first_piece_goes_at_once_and_the_rest_in_groups():
    pieces = [piece async for piece in coalesced(source(*[(0.001, "a")] * 40), window_s=0.03)]
    assert pieces[0].text == "a"
    assert "".join(piece.text for piece in pieces) == "a" * 40
    assert 3 <= len(pieces) <= 20
    assert pieces[-1].finish_reason == "stop"
    assert pieces[-1].usage == Usage(1, 40)


async def test_a_slow_stream_is_not_held_back():
    pieces = [piece.text async for piece in coalesced(source(*[(0.03, "a")] * 4), window_s=0.01)]
    assert pieces[:4] == ["a"] * 4


async def test_closing_and_cancelling_reach_the_source():
    log: list[str] = []
    pieces = coalesced(source((0, "a"), (60, "b"), log=log))
    assert (await anext(pieces)).text == "a"
    await pieces.aclose()
    assert log == ["closed"]

    task = asyncio.ensure_future(anext(coalesced(source((60, "a"), log=log))))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["closed"] * 2


async def test_what_came_before_an_error_is_delivered_first():
    async def failing() -> AsyncIterator[ChatDelta]:
        yield ChatDelta("a")
        yield ChatDelta("b")
        raise WorkerDied("m")

    text, error = await read(coalesced(failing()))
    assert text == "ab"
    assert isinstance(error, WorkerDied)


def test_merging_keeps_every_token():
    one, two = (TokenLogprob(i, str(i), -1.0) for i in (1, 2))
    piece = merged(
        [ChatDelta("a", logprobs=(one,)), ChatDelta("b", "length", Usage(3, 2), logprobs=(two,))]
    )
    assert piece == ChatDelta("ab", "length", Usage(3, 2), logprobs=(one, two))


def test_a_forged_error_in_a_message_is_text():
    import base64
    import pickle

    forged = base64.b64encode(pickle.dumps(WorkerDied("forged"))).decode()
    found = deploy_error("m", str(LoadFailed(WorkerDied("m", f"<byzer-error {forged}>"))))
    assert type(found) is WorkerDied
    assert found.model == "m"
    assert type(deploy_error("m", f"boom <byzer-error {forged}>")) is DeploymentFailed


def test_a_load_error_survives_as_text():
    error = UnknownParameter("backend.nope", {"backend.known"}, where="backend")
    report = f"Traceback\n  File …\n{LoadFailed(error)}\n\nmore of Ray's"
    found = deploy_error("m", report)
    assert type(found) is UnknownParameter
    assert found.__dict__ == error.__dict__
    assert str(found) == str(error)


def test_an_unknown_load_error_gives_its_last_line():
    found = deploy_error("m", "Traceback:\n  File x\nMemoryError: too large\n")
    assert isinstance(found, DeploymentFailed)
    assert found.reason == "MemoryError: too large"
    missing = deploy_error("m", "ModuleNotFoundError: No module named 'runtime'")
    assert "every node" in missing.hint


def test_queue_full_survives_pickling():
    error = pickle.loads(pickle.dumps(QueueFull("m", waiting=3, limit=2)))
    assert (error.model, error.waiting, error.limit, error.retryable) == ("m", 3, 2, True)


@pytest.mark.parametrize("name", ["chat", "qwen2.5-coder_1", "模型-2.x", "é𝔸", "byzer-x"])
def test_names_are_ascii_in_ray(name):
    assert application_name(name).isascii()
    assert deployment_name(application_name(name)) == name
    assert deployment_name(f"other-{name}") is None


def test_a_restart_is_not_an_absence():
    def application(status: str, trigger: str) -> SimpleNamespace:
        return SimpleNamespace(
            status=status, deployments={"model": SimpleNamespace(status_trigger=trigger)}
        )

    assert serves(application("RUNNING", "CONFIG_UPDATE_COMPLETED"))
    assert serves(application("UNHEALTHY", "HEALTH_CHECK_FAILED"))
    assert serves(application("DEPLOYING", "REPLICA_STARTUP_FAILED"))
    assert not serves(application("DEPLOYING", "CONFIG_UPDATE_STARTED"))
    assert not serves(application("DELETING", "DELETING"))


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"byzer-agents\[ray\]"):
        RayHost("auto")


def test_the_bridge_closes_what_it_iterates():
    log: list[str] = []
    items = bridge.iterate(source((0, "a"), (60, "b"), log=log))
    assert next(items).text == "a"
    items.close()
    eventually(lambda: log == ["closed"])


@pytest.mark.ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_no_cluster_there(address):
    ray = pytest.importorskip("ray", reason="the ray extra is not installed")
    assert not ray.is_initialized()
    with pytest.raises(NoCluster, match="ray start --head"):
        RayHost(address)


# -- answers -----------------------------------------------------------------------------------


class Person(BaseModel):
    name: str
    age: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class TestAnswers:
    pytestmark = ON_RAY

    def test_typed_results_are_those_of_the_process(self, client, llm):
        text = "Bob is 42 years old."
        assert client.extract(Person, text) == llm.extract(Person, text)

    def test_tools(self, client):
        [reply] = client.chat_oai(
            "What is the weather in Paris?",
            tools=[get_weather],
            tool_choice=get_weather,
            execute_tool=True,
        )
        assert reply.values
        assert reply.values[0].startswith("sunny in ")

    def test_chat_and_stream_agree(self, client):
        options = {"llm_config": {"max_length": 12, "temperature": 0}}
        [whole] = client.chat_oai("Hello, who are you?", **options)
        items = list(client.stream_chat_oai("Hello, who are you?", **options))
        assert str(items[-1]) == whole.output
        assert whole.metadata["generated_tokens_count"] == 12

    def test_meta_tokens_and_template(self, model, client, llm):
        assert client.get_meta(NAME) == llm.get_meta()
        text = "<|im_start|>user"
        assert model.tokenize(text) == llm.model().tokenize(text)
        messages = (Message("user", "你好"),)
        assert model.apply_chat_template(messages) == llm.model().apply_chat_template(messages)

    def test_replies_go_on_and_options_are_scored(self, model, llm):
        words = ChoiceConstraint(options=("red", "redder", "blue"))
        asked = replace(request(ignore_eos=False), constraint=words)
        reply = model.generate(replace(asked, resume=Resumption("re", ("d",))))
        assert reply.text == "redder"
        deltas = list(model.stream(replace(asked, resume=Resumption("", ("red", "redder")))))
        assert "".join(delta.text for delta in deltas) == "blue"
        scores = model.score(asked, words.options)
        assert scores == pytest.approx(llm.model().score(asked, words.options), abs=1)
        with pytest.raises(InvalidParameter, match="different texts"):
            model.score(asked, ("red", "red"))
        with pytest.raises(InvalidParameter, match="engine"):
            model.generate(replace(asked, engine="outlines"))

    def test_a_reply_says_when_it_came_as_seen_from_here(self, model):
        started = time.perf_counter()
        reply = model.generate(request(tokens=4))
        elapsed = time.perf_counter() - started
        assert 0 < reply.timing.first_token_s <= reply.timing.total_s <= elapsed
        assert reply.usage.output_tokens == 4
        assert reply.model == NAME

    def test_stream(self, model):
        asked = request(tokens=12, logprobs=1)
        deltas = list(model.stream(asked))
        assert len(deltas) > 1
        assert [delta.finish_reason for delta in deltas] == [None] * (len(deltas) - 1) + ["length"]
        assert sum(len(delta.logprobs) for delta in deltas) == 12
        assert "".join(delta.text for delta in deltas) == model.generate(asked).text
        assert deltas[-1].usage.output_tokens == 12
        firsts = {delta.timing.first_token_s for delta in deltas}
        assert len(firsts) == 1
        assert firsts.pop() > 0

    def test_blocking_calls_work_where_an_event_loop_runs(self, model):
        async def notebook() -> tuple[str, str]:
            whole = model.generate(request()).text
            return whole, "".join(delta.text for delta in model.stream(request()))

        whole, streamed = asyncio.run(notebook())
        assert whole == streamed

    async def test_an_event_loop_goes_on_while_it_waits(self, model):
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticker = asyncio.ensure_future(tick())
        reply = await model.agenerate(request(tokens=24))
        streamed = [delta.text async for delta in model.astream(request(tokens=24))]
        ticker.cancel()
        assert "".join(streamed) == reply.text
        assert ticks > 10

    def test_threads_and_event_loops_share_one_model(self, model):
        def in_thread(_: int) -> str:
            return "".join(delta.text for delta in model.stream(request()))

        def in_loop(_: int) -> str:
            async def both() -> str:
                one, two = await asyncio.gather(
                    model.agenerate(request()), model.agenerate(request())
                )
                assert one.text == two.text
                return one.text

            return asyncio.run(both())

        with ThreadPoolExecutor(4) as threads:
            jobs = [threads.submit(work, 0) for work in (in_thread, in_thread, in_loop, in_loop)]
            texts = {job.result(timeout=120) for job in jobs}
        assert texts == {model.generate(request()).text}


# -- failures and early ends ---------------------------------------------------------------------


class TestErrors:
    pytestmark = ON_RAY

    def test_a_prompt_that_is_too_long(self, model):
        with pytest.raises(PromptTooLong) as caught:
            model.generate(request("word " * 9000))
        error = caught.value
        assert type(error) is PromptTooLong
        assert error.limit == model.meta.max_model_len
        assert error.tokens > error.limit
        assert error.model == NAME
        assert error.hint
        with pytest.raises(PromptTooLong):
            list(model.stream(request("word " * 9000)))

    async def test_a_constraint_that_cannot_be_met(self, model):
        asked = ChatRequest(prompt="x", constraint=RegexConstraint(pattern="(?=a)b"))
        with pytest.raises(ConstraintError, match="look-around") as caught:
            await model.agenerate(asked)
        assert type(caught.value) is ConstraintError
        assert (caught.value.path, caught.value.engine) == ("$", "llguidance")

    async def test_a_deadline(self, model):
        with pytest.raises(RequestTimeout) as caught:
            model.generate(long_request(timeout_s=1.0))
        assert type(caught.value) is RequestTimeout
        assert caught.value.timeout_s == 1.0
        assert caught.value.retryable
        text, error = await read(model.astream(long_request(timeout_s=1.5)))
        assert text
        assert isinstance(error, RequestTimeout)
        assert error.text.startswith(text)

    def test_closing_a_stream_stops_it(self, model):
        deltas = model.stream(long_request())
        next(deltas)
        assert len(running(model)) == 1
        deltas.close()
        eventually(lambda: running(model) == [])

    async def test_closing_an_asynchronous_stream_stops_it(self, model):
        async with contextlib.aclosing(model.astream(long_request())) as deltas:
            async for _ in deltas:
                break
        await asyncio.to_thread(eventually, lambda: running(model) == [])

    @pytest.mark.parametrize("best_of", [1, 2])
    async def test_cancelling_stops_it(self, model, best_of):
        task = asyncio.ensure_future(model.agenerate(long_request(best_of=best_of)))
        await asyncio.to_thread(eventually, lambda: len(running(model)) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(eventually, lambda: running(model) == [])

    def test_an_abort_ends_it_with_what_there_is(self, model):
        asked = long_request()
        with ThreadPoolExecutor(1) as threads:
            reply = threads.submit(model.generate, asked)
            eventually(lambda: running(model) == [asked.request_id])
            time.sleep(0.3)
            assert model.abort(asked.request_id)
            ended = reply.result(timeout=30)
        assert ended.finish_reason == "abort"
        assert ended.request_id == asked.request_id
        assert running(model) == []
        assert not model.abort(asked.request_id)


# -- deploying -----------------------------------------------------------------------------------


class TestDeploying:
    pytestmark = ON_RAY

    def test_other_programs_objects_find_it_by_name(self, model):
        other = ByzerLLM(address="auto")
        assert other.host.names() == [NAME]
        assert other.is_model_exist(NAME)
        assert other.get_meta(NAME) == model.meta.as_dict()
        assert other.model(NAME) is other.model(NAME)
        assert other.model(NAME).generate(request()).text == model.generate(request()).text
        with pytest.raises(DeploymentNotFound, match="did you mean 'served'") as caught:
            other.model("serverd")
        assert caught.value.known == (NAME,)

    def test_a_name_that_is_taken(self, model, host, quickstart_gguf):
        with pytest.raises(DeploymentExists):
            host.deploy(DeploymentSpec(NAME, str(quickstart_gguf)))
        assert model.generate(request()).text

    @pytest.mark.parametrize(
        ("asked", "resource", "needed", "available"),
        [
            ({"gpus_per_worker": 1, "num_workers": 2}, "GPUs", 2, 0),
            ({"cpus_per_worker": 64}, "CPUs", 64, 3),
            ({"resources": {"shelf": 2}}, "shelf", 2, 1),
            ({"resources": {"tape": 1}}, "tape", 1, 0),
        ],
    )
    def test_more_than_the_cluster_has(
        self, model, host, quickstart_gguf, asked, resource, needed, available
    ):
        with pytest.raises(NotEnoughResources) as caught:
            host.deploy(DeploymentSpec("large", str(quickstart_gguf), **asked))
        error = caught.value
        assert (error.resource, error.needed, error.available) == (resource, needed, available)
        assert host.names() == [NAME]

    def test_what_is_refused_before_anything_starts(self, model, host, quickstart_gguf, tmp_path):
        gguf = str(quickstart_gguf)
        with pytest.raises(ModelNotFound, match="quickstart"):
            host.deploy(DeploymentSpec("x", "quickstrat"))
        with pytest.raises(ModelNotFound):
            host.deploy(DeploymentSpec("x", str(tmp_path / "absent.gguf")))
        with pytest.raises(InvalidParameter, match="gpus_per_worker"):
            host.deploy(DeploymentSpec("x", gguf, gpus_per_worker=1.5))
        with pytest.raises(InvalidParameter, match="worker_concurrency"):
            host.deploy(DeploymentSpec("x", gguf, worker_concurrency=0))
        with pytest.raises(FeatureNotAvailable):
            host.deploy(DeploymentSpec("x", gguf, backend=InferBackend.VLLM))

    def test_what_fails_on_the_replica_leaves_nothing(self, model, host, quickstart_gguf, tmp_path):
        from ray import serve

        broken = tmp_path / "broken.gguf"
        broken.write_bytes(quickstart_gguf.read_bytes()[:3_000_000])
        specs = {
            "broken": DeploymentSpec("broken", str(broken)),
            "typo": DeploymentSpec("typo", str(quickstart_gguf), options={"backend.n_paralel": 2}),
        }
        started = time.monotonic()
        with ThreadPoolExecutor(2) as threads:
            failures = {name: threads.submit(host.deploy, spec) for name, spec in specs.items()}
            broken_error, typo_error = (job.exception(timeout=60) for job in failures.values())
        assert time.monotonic() - started < 45
        assert type(broken_error) is DeploymentFailed
        assert "llama.cpp cannot load broken.gguf" in broken_error.reason
        assert type(typo_error) is UnknownParameter
        assert "did you mean 'backend.n_parallel'" in typo_error.hint
        assert list(serve.status().applications) == [f"byzer-{NAME}"]

    def test_replicas_queue_abort_and_undeploy(self, model, host, quickstart_gguf):
        spec = DeploymentSpec(
            "模型-2.x",
            str(quickstart_gguf),
            num_workers=2,
            worker_concurrency=1,
            options=ONE_THREAD,
            resources={"shelf": 0.5},
        )
        small = RayHost("auto", max_queued_requests=1)
        with ThreadPoolExecutor(2) as threads:
            jobs = [threads.submit(small.deploy, spec) for _ in range(2)]
            errors = [job.exception(timeout=120) for job in jobs]
        assert {type(error) for error in errors} == {type(None), DeploymentExists}
        two = small.get(spec.name)
        assert host.names() == [NAME, spec.name]

        # Both replicas work, one request each, and the queue has room for one more.
        asked = [long_request() for _ in range(3)]
        streams = [two.stream(one) for one in asked[:2]]
        for stream in streams:
            next(stream)
        assert len({replica.pid for replica in two.describe()}) == 2
        assert sorted(running(two)) == sorted(one.request_id for one in asked[:2])
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(two.generate, asked[2])
            time.sleep(0.5)
            with pytest.raises(QueueFull) as caught:
                two.generate(request(timeout_s=20))
            assert (caught.value.waiting, caught.value.limit) == (1, 1)
            assert two.abort(asked[2].request_id)
            assert waiting.result(timeout=10).finish_reason == "abort"
        started = time.monotonic()
        with pytest.raises(RequestTimeout):
            two.generate(request(timeout_s=0.5))
        assert time.monotonic() - started < 5

        # An abort by somebody else reaches the replica that has the request.
        strangers = RayHost("auto")
        stranger = strangers.get(spec.name)
        assert stranger.abort(asked[0].request_id)
        assert list(streams[0])[-1].finish_reason == "abort"
        assert running(two) == [asked[1].request_id]

        # Taken down by somebody else, at once: what runs, and what comes later, is told so.
        assert host.undeploy(spec.name, force=True)
        with pytest.raises(ModelClosed):
            list(streams[1])
        for handle in (two, stranger):
            with pytest.raises(ModelClosed):
                handle.generate(request())
        with pytest.raises(DeploymentNotFound):
            small.get(spec.name)
        assert not host.undeploy(spec.name)
        assert host.names() == [NAME]

        # Deployed anew by somebody else: what is kept under the name is not the old model.
        old = host.get(NAME)
        again = replace(spec, num_workers=1, options={**ONE_THREAD, "backend.max_model_len": 256})
        small.deploy(again)
        assert strangers.get(spec.name).meta.max_model_len == 256
        assert strangers.get(spec.name).generate(request()).usage.output_tokens == 8
        assert host.get(NAME) is old
        assert strangers.undeploy(spec.name)

    @pytest.mark.slow
    def test_an_interrupted_deployment_leaves_nothing(self, model, quickstart_gguf, monkeypatch):
        from ray import serve

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        impatient = RayHost("auto")
        monkeypatch.setattr(impatient, "_await_running", interrupted)
        with pytest.raises(KeyboardInterrupt):
            impatient.deploy(DeploymentSpec("half", str(quickstart_gguf)))
        assert list(serve.status().applications) == [f"byzer-{NAME}"]

    @pytest.mark.slow
    def test_another_program_finds_and_uses_it(self, model):
        import ray

        code = (
            "import sys; from byzer_agents import ByzerLLM; llm = ByzerLLM(address=sys.argv[1]);"
            "print(llm.host.names(), llm.chat('served', 'Hello', temperature=0)[0].output != '')"
        )
        address = ray.get_runtime_context().gcs_address
        done = subprocess.run(
            [sys.executable, "-c", code, address],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout == "['served'] True\n", done.stderr
        assert done.stderr == ""

    @pytest.mark.slow
    def test_a_cluster_of_the_programs_own(self, cluster, quickstart_gguf):
        code = (
            "import sys; from byzer_agents import ByzerLLM; llm = ByzerLLM(address='local');"
            "llm.deploy(sys.argv[1], udf_name='own', infer_params={'backend.n_threads': 1});"
            "print(llm.extract(bool, 'Yes.') in (True, False), llm.host.names())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(quickstart_gguf)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("True ['own']\n", "")

    def test_a_replica_that_dies_is_told_of_and_replaced(self, model):
        stream = model.stream(long_request())
        next(stream)
        [replica] = model.describe()
        os.kill(replica.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied) as caught:
            list(stream)
        assert caught.value.model == NAME
        assert caught.value.retryable
        reply = model.generate(request())  # waits for the new one
        assert reply.usage.output_tokens == 8
        [new] = model.describe()
        assert new.pid != replica.pid
