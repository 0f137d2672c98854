"""The reference's README, block by block, on the quickstart model.

Only imports, paths and model names differ from its text (and Chinese characters that it had lost
are restored). GPU counts stay as they are: the fixture declares logical GPUs, as a Ray cluster
that was started with ``--num-gpus`` would.
"""

import datetime
import itertools
import json
from typing import Annotated, Any, Callable  # noqa: UP035

import pydantic
import pytest
from dateutil.relativedelta import relativedelta

from byzer_agents import ByzerLLM, InferBackend, LLMRequest, Templates, serialize_function_to_json
from runtime.local import LocalHost

pytestmark = pytest.mark.model
HOST = LocalHost()


BACKENDS = [
    InferBackend.LLAMA_CPP,
    pytest.param(InferBackend.Transformers, marks=[pytest.mark.transformers, pytest.mark.slow]),
]


@pytest.fixture(scope="module", params=BACKENDS, ids=["llama_cpp", "transformers"])
def backend(request):
    """Each block runs on both backends: the GGUF file, and what it converts to."""
    if request.param is InferBackend.Transformers:
        needed = "needs torch and transformers: pip install 'byzer-agents[transformers]'"
        pytest.importorskip("torch", reason=needed)
        pytest.importorskip("transformers", reason=needed)
    return request.param


@pytest.fixture(scope="module")
def _deployed(backend, quickstart_gguf):
    llm = ByzerLLM(host=HOST).setup_infer_backend(backend)
    llm.deploy(str(quickstart_gguf), udf_name="chat")
    yield
    llm.undeploy("chat")


@pytest.fixture
def llm(_deployed):
    """What a block calls ``llm``, with short replies: a small model may never stop by itself."""
    return ByzerLLM(default_max_output_length=96).setup_default_model_name("chat")


@pytest.fixture(autouse=True)
def _logical_gpus(monkeypatch):
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "8")


@pytest.fixture(autouse=True)
def _host(monkeypatch):
    """The process's deployments, but of this module alone."""
    monkeypatch.setattr("runtime.local.LocalHost.shared", lambda: HOST)


@pytest.fixture
def undeploy():
    """Takes the names that a block deploys down again."""
    names = []
    yield names.append
    for name in names:
        ByzerLLM().undeploy(name)


# -- Quick Start ---------------------------------------------------------------------------


def test_quick_start(backend, quickstart_gguf, undeploy):
    undeploy("llama2_chat")

    llm = ByzerLLM()

    llm.setup_gpus_per_worker(4).setup_num_workers(1)
    llm.setup_infer_backend(backend)

    llm.deploy(
        model_path=str(quickstart_gguf),
        pretrained_model_type="custom/llama2",
        udf_name="llama2_chat",
        infer_params={},
    )
    # Not the README's: the same short reply every time.
    llm.setup_extra_generation_params("llama2_chat", {"temperature": 0})

    output = llm.chat("llama2_chat", LLMRequest(instruction="hello world"))[0].output

    assert isinstance(output, str)
    assert "hello" in output.lower()


def test_quick_start_names_of_the_backend():
    assert InferBackend.transformers is InferBackend.Transformers
    assert InferBackend("ray/vllm") is InferBackend.VLLM


# -- Stream Chat ---------------------------------------------------------------------------


def test_stream_chat(llm):
    chat_model_name = "chat"
    llm.setup_default_model_name(chat_model_name)

    t = llm.stream_chat_oai(conversations=[{"role": "user", "content": "Hello, how are you?"}])

    lines = []
    for line in t:
        lines.append(line + "\n")

    assert len(lines) > 3
    assert all(later.startswith(earlier[:-1]) for earlier, later in itertools.pairwise(lines))


def test_stream_chat_pairs(llm):
    t = llm.stream_chat_oai(
        conversations=[{"role": "user", "content": "Hello, how are you?"}],
    )
    for text, meta in t:
        last = (text, meta)
    assert last[1].generated_tokens_count > 3
    assert last[1].input_tokens_count > 5


# -- Function Calling ----------------------------------------------------------------------


def compute_date_range(
    count: Annotated[int, "时间跨度，数值类型"],
    unit: Annotated[str, "时间单位，字符串类型", {"enum": ["day", "week", "month", "year"]}],
) -> list[str]:
    """
    计算日期范围

    Args:
        count: 时间跨度，数值类型
        unit: 时间单位，字符串类型，可选值为 day,week,month,year
    """
    now = datetime.datetime.now()
    now_str = now.strftime("%Y-%m-%d %H:%M:%S")
    if unit == "day":
        return [(now - relativedelta(days=count)).strftime("%Y-%m-%d %H:%M:%S"), now_str]
    elif unit == "week":
        return [(now - relativedelta(weeks=count)).strftime("%Y-%m-%d %H:%M:%S"), now_str]
    elif unit == "month":
        return [(now - relativedelta(months=count)).strftime("%Y-%m-%d %H:%M:%S"), now_str]
    elif unit == "year":
        return [(now - relativedelta(years=count)).strftime("%Y-%m-%d %H:%M:%S"), now_str]
    return ["", ""]


def compute_now() -> str:
    """
    计算当前时间
    """
    return datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")


def _is_time(text: str) -> bool:
    return bool(datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S"))


def test_function_calling_deploy(backend, quickstart_gguf, undeploy):
    undeploy("tools_chat")
    chat_model_name = "tools_chat"
    llm = ByzerLLM()

    model_location = str(quickstart_gguf)

    llm.setup_gpus_per_worker(8).setup_num_workers(1).setup_infer_backend(backend)
    llm.deploy(
        model_path=model_location,
        pretrained_model_type="custom/auto",
        udf_name=chat_model_name,
        infer_params={},
    )

    llm.setup_default_model_name("tools_chat")
    # from 0.1.24
    # llm.setup_auto("chat")
    meta = llm.get_meta()
    llm.setup_max_model_length("tools_chat", meta.get("max_model_len", 32000))
    llm.setup_template("tools_chat", Templates.qwen())

    assert llm.get_max_model_length("tools_chat") == 8192
    t = llm.chat_oai(
        [{"content": """计算当前时间""", "role": "user"}],
        tools=[compute_date_range, compute_now],
        execute_tool=True,
    )
    assert t[0].values or t[0].response.output


@pytest.mark.parametrize("question", ["计算当前时间", "最近三个月趋势", "最近三天", "你吃饭了么？"])
def test_function_calling(llm, question):
    t = llm.chat_oai(
        [{"content": question, "role": "user"}],
        tools=[compute_date_range, compute_now],
        execute_tool=True,
    )

    # 135 million parameters do not always pick well; what they pick always parses and runs.
    if t[0].values:
        [value] = t[0].values
        times = value if isinstance(value, list) else [value]
        assert times
        assert all(_is_time(time) for time in times)
        assert t[0].tool_calls[0].name in ("compute_date_range", "compute_now")
    else:
        assert t[0].response.output
        assert not t[0].tool_calls
        assert t[0].metadata["finish_reason"] in ("stop", "length")


def test_function_calling_forced(llm):
    t = llm.chat_oai(
        [{"content": "最近三天", "role": "user"}],
        tools=[compute_date_range, compute_now],
        tool_choice=compute_date_range,
        execute_tool=True,
    )
    [[start, end]] = t[0].values
    assert start <= end
    assert t[0].tool_calls[0].arguments["unit"] in ("day", "week", "month", "year")


def test_function_calling_custom_format(llm):
    seen = {}

    def custom_function_calling_format(prompt: str, tools: list[Callable], tool_choice: Callable):
        seen.update(prompt=prompt, tools=tools, tool_choice=tool_choice)
        return f"Call compute_now or compute_date_range as JSON. {prompt}"

    llm.setup_function_calling_format_func("chat", custom_function_calling_format)
    t = llm.chat_oai(
        [{"content": "计算当前时间", "role": "user"}],
        tools=[compute_date_range, compute_now],
        execute_tool=True,
    )
    assert seen == {
        "prompt": "计算当前时间",
        "tools": [compute_date_range, compute_now],
        "tool_choice": None,
    }
    assert t[0].values or t[0].response.output


# -- Respond with pydantic class -------------------------------------------------------------


class Story(pydantic.BaseModel):
    """
    故事
    """

    title: str = pydantic.Field(description="故事的标题")
    body: str = pydantic.Field(description="故事主体")


STORY = "请给我讲个故事，分成两个部分，一个标题，一个故事主体"


def test_response_class(llm):
    t = llm.chat_oai([{"content": STORY, "role": "user"}], response_class=Story)

    assert isinstance(t[0].value, Story)
    assert t[0].value.title
    assert json.loads(t[0].response.output) == t[0].value.model_dump()


def test_response_class_after_chat(llm):
    t = llm.chat_oai(
        [{"content": STORY, "role": "user"}],
        response_class=Story,
        response_after_chat=True,
    )

    assert isinstance(t[0].value, Story)
    assert t[0].metadata["first_reply"]


def test_response_class_custom_format(llm):
    prompts = []

    def custom_response_class_format(prompt: str, cls: pydantic.BaseModel) -> str:
        prompts.append((prompt, cls))
        return f"{prompt}\nReply in JSON with title and body."

    llm.setup_response_class_format_func("chat", custom_response_class_format)
    t = llm.chat_oai([{"content": STORY, "role": "user"}], response_class=Story)
    assert prompts == [(STORY, Story)]
    assert isinstance(t[0].value, Story)


# -- LLM-Friendly Function/DataClass ---------------------------------------------------------


def test_llm_friendly_function():
    described = json.loads(serialize_function_to_json(compute_date_range))
    unit = described["parameters"]["properties"]["unit"]
    assert unit["enum"] == ["day", "week", "month", "year"]
    assert unit["description"] == "时间单位，字符串类型"
    assert described["parameters"]["properties"]["count"]["type"] == "integer"
    assert described["parameters"]["required"] == ["count", "unit"]
    assert described["description"] == "计算日期范围"


def test_formats_of_the_reference_can_be_written(llm):
    def function_impl_format2(
        prompt: str,
        func: Callable | str | None,
        cls: pydantic.BaseModel | str,
    ) -> str:
        tool_choice_ser = serialize_function_to_json(func)
        _cls = ""
        if isinstance(cls, str):
            _cls = cls
        else:
            _cls = json.dumps(cls.model_json_schema(), ensure_ascii=False)
        return f"{tool_choice_ser}\n{_cls}\n{func.__doc__}\n{prompt}"

    llm.setup_impl_func_format_func("chat", function_impl_format2)
    assert "compute_now" in function_impl_format2("现在几点", compute_now, Story)


# -- Model Meta ------------------------------------------------------------------------------


def test_meta(llm, backend):
    meta: dict[str, Any] = llm.get_meta(model="chat")

    assert meta["model_deploy_type"] == "proprietary"
    assert meta["backend"] == backend.value
    assert meta["max_model_len"] == 8192
    expected = {"llama_cpp": ["llama"], "transformers": ["LlamaForCausalLM"]}
    assert meta["architectures"] == expected[backend.value]
    assert meta["support_stream"] is True
    assert meta["support_chat_template"] is True


# -- Chat Template ---------------------------------------------------------------------------


def test_chat_template(llm):
    llm.setup_template("chat", Templates.qwen())

    t = llm.chat_oai(conversations=[{"role": "user", "content": "你好"}], only_return_prompt=True)
    assert t[0].input == "<|im_start|>user\n你好\n<|im_end|>\n<|im_start|>assistant\n"


def test_chat_template_auto(llm):
    llm.setup_template("chat", "auto")

    t = llm.chat_oai(conversations=[{"role": "user", "content": "你好"}], only_return_prompt=True)
    assert t[0].input.endswith("<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n")


def test_qwen_template_reply(llm):
    ### Here,we setup the template for qwen
    llm.setup_template("chat", Templates.qwen())

    t = llm.chat_oai(
        conversations=[{"role": "user", "content": "你好,给我讲个100字的笑话吧?"}],
        llm_config={"max_length": 120},
    )
    assert t[0].output
    assert "<|im_end|>" not in t[0].output


# -- LLM Default Generation Parameters ---------------------------------------------------------


def test_default_generation_parameters(llm):
    conversation = [{"role": "user", "content": "Count from 1 to 9."}]
    config = {"temperature": 0, "max_length": 60}
    free = llm.chat_oai(conversation, llm_config=config)[0].output
    token_ids = llm.tokenize("chat", free)
    assert len(token_ids) > 7

    llm.setup_extra_generation_params("chat", {"generation.stop_token_ids": [token_ids[7]]})

    stopped = llm.chat_oai(conversation, llm_config=config)[0].output
    first = token_ids.index(token_ids[7])
    assert llm.tokenize("chat", stopped) == token_ids[:first]


# -- SaaS blocks: what they use beside the provider ----------------------------------------------


def test_redeploy_block(quickstart_gguf, undeploy):
    undeploy("baichuan_chat2")
    llm = ByzerLLM(verbose=True)

    llm.setup_num_workers(1).setup_gpus_per_worker(0)

    chat_name = "baichuan_chat2"
    for _ in range(2):
        if llm.is_model_exist(chat_name):
            llm.undeploy(udf_name=chat_name)

        llm.deploy(model_path=str(quickstart_gguf), udf_name=chat_name, infer_params={})

    answer = llm.chat_oai(
        model=chat_name,
        conversations=[
            {
                "role": "user",
                "content": "你好",
            }
        ],
        llm_config={"max_length": 32},
    )
    assert answer[0].output
