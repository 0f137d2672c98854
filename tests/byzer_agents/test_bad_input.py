"""Bad input gets a clear error, and loses nothing."""

import copy
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from pydantic import BaseModel

from byzer_agents import ByzerLLM, InferBackend, LLMRequest, ToolDefinitionError, tool
from byzer_agents.testing import ScriptedModel
from runtime import (
    DeploymentExists,
    DeploymentNotFound,
    FeatureNotAvailable,
    InvalidConversation,
    InvalidParameter,
    MissingExtra,
    NotEnoughResources,
    PromptTooLong,
    UnknownParameter,
)
from runtime.local import LocalHost
from runtime.store import ModelFilesMissing, ModelNotFound


class Person(BaseModel):
    name: str


@pytest.fixture
def scripted():
    """A client with a scripted model of its own."""
    llm = ByzerLLM(host=LocalHost())
    with ScriptedModel(name="scripted") as model:
        llm.register(model)
        yield llm


def test_unknown_model(scripted):
    with pytest.raises(DeploymentNotFound, match="deployed: scripted") as caught:
        scripted.chat_oai("hi", model="scriptd")
    assert "did you mean 'scripted'?" in str(caught.value)
    assert caught.value.known == ("scripted",)


def test_no_model_at_all():
    with pytest.raises(InvalidParameter, match="none"):
        ByzerLLM(host=LocalHost()).chat_oai("hi")


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("temprature", "temperature"),
        ("gen.topk", "top_k"),
        ("generation.stop_ids", "stop_token_ids"),
    ],
)
def test_unknown_parameter(scripted, key, suggestion):
    with pytest.raises(UnknownParameter, match=key) as caught:
        scripted.chat_oai("hi", llm_config={key: 1})
    assert suggestion in str(caught.value)


@pytest.mark.parametrize("value", ["much", None, [], True, float("nan"), -1])
def test_bad_parameter_value(scripted, value):
    with pytest.raises(InvalidParameter, match="temperature"):
        scripted.chat_oai("hi", llm_config={"temperature": value})


def test_unknown_option(scripted):
    with pytest.raises(TypeError, match="unexpected keyword argument 'respnse_class'"):
        scripted.chat_oai("hi", respnse_class=Person)


def test_a_tool_without_annotations(scripted):
    def add(a, b):
        return a + b

    with pytest.raises(ToolDefinitionError) as caught:
        scripted.chat_oai("hi", tools=[add])
    assert "'add'" in str(caught.value) or "add" in str(caught.value)
    assert caught.value.parameter == "a"
    with pytest.raises(ToolDefinitionError):
        tool(add)


def test_two_tools_of_one_name(scripted):
    def make():
        def same(a: int) -> int:
            return a

        return same

    with pytest.raises(InvalidParameter, match="same"):
        scripted.chat_oai("hi", tools=[make(), make()])


def test_a_choice_that_is_no_tool(scripted):
    def add(a: int) -> int:
        return a

    with pytest.raises(InvalidParameter, match="tool_choice"):
        scripted.chat_oai("hi", tools=[add], tool_choice="subtract")


def test_a_response_class_with_tools(scripted):
    def add(a: int) -> int:
        return a

    with pytest.raises(InvalidParameter, match="response_class"):
        scripted.chat_oai("hi", tools=[add], response_class=Person)


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        ([], "at least one message"),
        ([{"role": "usr", "content": "hi"}], "did you mean 'user'"),
        ([{"content": "hi"}], "role"),
        ([{"role": "user"}], "content"),
        ([{"role": "user", "content": 3}], "content"),
        (["hi"], "dict"),
        (None, "list"),
        ({"role": "user", "content": "hi"}, "list"),
    ],
)
def test_a_conversation_that_is_none(scripted, conversation, said):
    with pytest.raises(InvalidConversation, match=said):
        scripted.chat_oai(conversation)
    with pytest.raises(InvalidConversation, match=said):
        scripted.stream_chat_oai(conversation)


def test_the_callers_objects_are_never_changed():
    llm = ByzerLLM(host=LocalHost())

    def add(a: int, b: int = 1) -> int:
        return a + b

    conversation = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
    config = {"gen.top_k": 5, "stop": ["x"]}
    tools = [add]
    before = copy.deepcopy((conversation, config)), list(tools)
    with ScriptedModel('{"name":"add","arguments":{"a":1}}', '{"name":"B"}', "x y") as model:
        llm.register(model)
        assert llm.chat_oai(conversation, tools=tools, execute_tool=True, llm_config=config)[
            0
        ].values == [2]
        llm.chat_oai(conversation, response_class=Person, llm_config=config)
        list(llm.stream_chat_oai(conversation, llm_config=config))
    assert ((conversation, config), tools) == before


@pytest.mark.model
class TestOnTheQuickstartModel:
    def test_a_prompt_longer_than_the_model(self, llm):
        with pytest.raises(PromptTooLong, match="at most 8192") as caught:
            llm.chat_oai("word " * 9000)
        assert caught.value.tokens > 8192
        assert llm.chat_oai("hi", llm_config={"max_length": 3})[0].output  # still there

    def test_a_prompt_longer_than_the_caller_allows(self, llm):
        llm.setup_max_input_length("chat", 20)
        with pytest.raises(PromptTooLong, match="setup_max_input_length"):
            llm.chat_oai("word " * 50)

    def test_a_name_deployed_twice(self, llm, quickstart_gguf):
        with pytest.raises(DeploymentExists, match="'chat'"):
            llm.deploy(str(quickstart_gguf), udf_name="chat")
        assert llm.is_model_exist("chat")

    def test_an_engine_option_that_is_none(self, llm, quickstart_gguf):
        with pytest.raises(UnknownParameter, match=r"backend\.n_ctxx"):
            llm.deploy(str(quickstart_gguf), udf_name="x", infer_params={"backend.n_ctxx": 1})
        assert not llm.is_model_exist("x")

    def test_gguf_as_a_folder_of_another_backend(self, llm, tmp_path):
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(ModelFilesMissing):
            llm.deploy(str(tmp_path), udf_name="x")


def test_a_model_that_is_not_there():
    llm = ByzerLLM(host=LocalHost())
    with pytest.raises(ModelNotFound, match="quickstart"):
        llm.deploy("quikstart", udf_name="x")
    assert not llm.is_model_exist("x")


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"not a model")
    with pytest.raises(Exception, match="GGUF"):
        ByzerLLM(host=LocalHost()).deploy(str(tmp_path / "model.gguf"), udf_name="x")


def test_too_few_gpus(monkeypatch):
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "1")
    llm = ByzerLLM(host=LocalHost()).setup_gpus_per_worker(4)
    with pytest.raises(NotEnoughResources, match="4 GPUs, available: 1") as caught:
        llm.deploy("quickstart", udf_name="x")
    assert (caught.value.needed, caught.value.available) == (4, 1)


def test_a_missing_extra(monkeypatch, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 64)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match="byzer-agents\\[transformers\\]"):
        ByzerLLM(host=LocalHost()).deploy(str(tmp_path), udf_name="x")


def test_ray_as_a_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match="byzer-agents\\[ray\\]"):
        ByzerLLM(address="auto")


@pytest.mark.parametrize(
    "call",
    [
        lambda llm: llm.emb("m", LLMRequest("x")),
        lambda llm: llm.sft(),
        lambda llm: llm.chat("scripted", LLMRequest("x", embedding=True)),
        lambda llm: llm.chat_oai("x", llm_config={"image": "…"}),
        lambda llm: llm.deploy("", "saas/openai", "x", {"saas.api_key": "k"}),
        lambda llm: llm.setup_infer_backend(InferBackend.VLLM).deploy("quickstart", udf_name="x"),
    ],
)
def test_what_this_version_lacks_says_so(scripted, call):
    with pytest.raises(FeatureNotAvailable, match="not available in this version"):
        call(scripted)
    with pytest.raises(NotImplementedError):
        call(scripted)


def test_no_secret_in_an_error(scripted):
    with pytest.raises(FeatureNotAvailable) as caught:
        scripted.deploy("", "saas/openai", "x", {"saas.api_key": "sk-secret"})
    assert "sk-secret" not in str(caught.value)


@pytest.mark.model
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_in_a_stream(quickstart_gguf):
    """The stream ends at once with KeyboardInterrupt, and the model answers the next request."""
    program = textwrap.dedent(
        f"""
        import signal
        from byzer_agents import ByzerLLM
        # A background job inherits "ignore".
        signal.signal(signal.SIGINT, signal.default_int_handler)
        llm = ByzerLLM()
        llm.deploy({str(quickstart_gguf)!r}, udf_name="m")
        stream = llm.stream_chat_oai("Tell me everything.", llm_config={{"gen.ignore_eos": True}})
        try:
            for i, piece in enumerate(stream):
                if i == 3:
                    print("streaming", flush=True)
        except KeyboardInterrupt:
            stream.close()
            reply = llm.chat_oai("Hi", llm_config={{"max_length": 4}})[0]
            print("again", reply.metadata["generated_tokens_count"], flush=True)
        """
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "streaming\n"
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=120)
    assert output == "again 4\n", errors
    assert child.returncode == 0
