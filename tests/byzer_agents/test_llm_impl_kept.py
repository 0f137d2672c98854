"""Kept sources: files that people read, and that processes agree on; the reference's forms."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pydantic
import pytest
from typer.testing import CliRunner

from byzer_agents import ByzerLLM, ImplementationFailed, llm_impl
from byzer_agents.cli import app
from byzer_agents.implementing.kept import read
from byzer_agents.responses import LLMResponse
from byzer_agents.testing import ScriptedModel
from runtime import InvalidParameter


def fenced(source: str) -> str:
    return f"```python\n{source}\n```"


GOOD = fenced("def half(n: int) -> float:\n    return n / 2")


def half(n: int) -> float:
    """Half a number.

    >>> half(3)
    1.5
    """
    raise NotImplementedError


def test_a_change_by_hand_is_what_runs(tmp_path):
    llm_impl(model=ScriptedModel(GOOD), directory=tmp_path)(half)(1)
    (path,) = tmp_path.glob("*.py")
    path.write_text(path.read_text().replace("n / 2", "n / 2 + 100"))
    assert llm_impl(model=ScriptedModel(), directory=tmp_path)(half)(2) == 101.0


def test_another_docstring_has_it_written_anew(tmp_path):
    llm_impl(model=ScriptedModel(GOOD), directory=tmp_path)(half)(1)

    def changed(n: int) -> float:
        """Half of it."""
        raise NotImplementedError

    changed.__name__, changed.__qualname__ = "half", "half"
    with ScriptedModel(GOOD) as model:
        assert llm_impl(model=model, directory=tmp_path)(changed)(4) == 2.0
    assert len(list(tmp_path.glob("*.py"))) == 1


def test_skip_cache_and_clear(tmp_path):
    llm_impl(model=ScriptedModel(GOOD), directory=tmp_path)(half)(1)
    with ScriptedModel(GOOD, GOOD) as model:
        f = llm_impl(model=model, directory=tmp_path, skip_cache=True)(half)
        assert (f(2), f(4)) == (1.0, 2.0)
        assert f.clear()
        assert not list(tmp_path.glob("*.py"))
        assert f(6) == 3.0


def test_a_file_that_is_none_of_ours_is_written_anew(tmp_path):
    f = llm_impl(model=ScriptedModel(GOOD), directory=tmp_path)(half)
    f.path.write_text("print('hello')\n")
    assert f(2) == 1.0
    assert read(f.path).model == "scripted"


def test_lies_beside_the_module(tmp_path, monkeypatch):
    (tmp_path / "app_of_mine.py").write_text(
        "def half(n: int) -> float:\n    '''Half a number.'''\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import app_of_mine

    f = llm_impl(model=ScriptedModel(GOOD))(app_of_mine.half)
    assert f(3) == 1.5
    assert f.path == tmp_path / "llm_impl" / "app_of_mine__half.py"
    assert f.path.exists()


def test_a_script_keeps_under_the_name_that_imports_it(tmp_path):
    script = tmp_path / "my_script.py"
    script.write_text(
        "from byzer_agents import llm_impl\nfrom byzer_agents.testing import ScriptedModel\n"
        f"@llm_impl(model=ScriptedModel({GOOD!r}))\ndef half(n: int) -> float: ...\n"
        "print(half(3))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "1.5\n"
    kept = read(tmp_path / "llm_impl" / "my_script__half.py")
    assert kept is not None
    assert kept.function == "my_script:half"


def test_threads_have_it_written_once(tmp_path):
    with ScriptedModel(GOOD) as model, ThreadPoolExecutor(8) as threads:
        f = llm_impl(model=model, directory=tmp_path)(half)
        assert list(threads.map(f, range(8))) == [n / 2 for n in range(8)]


def test_two_processes_agree_on_one_file(tmp_path):
    script = textwrap.dedent(
        """
        import sys, time
        from byzer_agents import llm_impl
        from byzer_agents.testing import ScriptedModel

        def answer(request):
            time.sleep(0.5)
            return "```python\\ndef f(n: int) -> str:\\n    return '" + sys.argv[1] + "'\\n```"

        @llm_impl(model=ScriptedModel(answer), directory=sys.argv[2])
        def f(n: int) -> str:
            '''A name.'''

        print(f(1))
        """
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, name, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in running}
    assert len(said) == 1
    assert said <= {"one", "two"}
    assert len(list(tmp_path.glob("*.py"))) == 1


# -- the reference's forms -------------------------------------------------------------------


class TimeRange(pydantic.BaseModel):
    start: str
    end: str


def calculate_time_range():
    """计算时间区间，时间格式为 yyyy-MM-dd."""


RANGE = fenced(
    "def calculate_time_range() -> TimeRange:\n"
    "    return TimeRange(start='2023-03-01', end='2023-07-31')"
)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("BYZER_AGENTS_CACHE", str(tmp_path))
    return tmp_path


def chat(model, question="二零二三年三月到七月", **options):
    return ByzerLLM().chat_oai(
        [{"role": "user", "content": question}],
        model=model,
        impl_func=calculate_time_range,
        response_class=TimeRange,
        **options,
    )


def test_impl_func(cached):
    with ScriptedModel(RANGE) as model:
        (answer,) = chat(model, execute_impl_func=True, impl_func_params={})
        assert answer.value == TimeRange(start="2023-03-01", end="2023-07-31")
        assert "def calculate_time_range" in answer.response.output
        (again,) = chat(model, execute_impl_func=True)
        assert again.value == answer.value
        assert again.metadata["cached"]
    assert "二零二三年三月到七月" in model.requests[0].messages[-1].content
    with ScriptedModel(RANGE) as model:  # another question is another function
        (other,) = chat(model, "2024", execute_impl_func=False)
        assert other.value is None
    assert ByzerLLM().clear_impl_cache() == 2


async def test_impl_func_async(cached):
    (answer,) = await ByzerLLM().async_chat_oai(
        "三月到七月",
        model=ScriptedModel(RANGE),
        impl_func=calculate_time_range,
        response_class=TimeRange,
        execute_impl_func=True,
    )
    assert answer.value.end == "2023-07-31"


def test_impl_func_that_fails_says_why(cached):
    (answer,) = chat(ScriptedModel(*["nothing"] * 4), execute_impl_func=True)
    assert answer.value is None
    assert "There is no function" in answer.metadata["resason"]
    assert isinstance(answer.metadata["error"], ImplementationFailed)


def test_impl_func_format(cached):
    llm = ByzerLLM()
    llm.setup_impl_func_format_func(
        "scripted", lambda prompt, func, cls: f"{prompt}/{func.__name__}"
    )
    with ScriptedModel(RANGE) as model:
        llm.chat_oai("三月", model=model, impl_func=calculate_time_range, response_class=TimeRange)
    assert model.requests[0].messages[-1].content == "三月/calculate_time_range"


def test_impl_func_needs_a_response_class():
    with pytest.raises(InvalidParameter, match="response_class"):
        ByzerLLM().chat_oai("x", model=ScriptedModel(), impl_func=calculate_time_range)


def test_impl_decorator(cached, tmp_path):
    llm = ByzerLLM()
    with ScriptedModel(GOOD) as model:
        f = llm.impl(instruction="Be exact.", model=model, directory=tmp_path)(half)
        assert f(5) == 2.5
    assert "Be exact." in model.requests[0].messages[-1].content
    assert llm.clear_impl_cache(f) == 1


def test_execute_generate_func():
    said = LLMResponse(fenced("def f(n):\n    return {'start': str(n), 'end': 'x'}"), "")
    answer = ByzerLLM().execute_generate_func("f", {"n": 3}, said, TimeRange)
    assert answer.value == TimeRange(start="3", end="x")
    bad = ByzerLLM().execute_generate_func("f", {}, said, TimeRange)
    assert bad.value is None
    assert "argument" in bad.metadata["reason"]


# -- commands --------------------------------------------------------------------------------


def test_commands(cached, tmp_path, monkeypatch):
    (tmp_path / "app_of_yours.py").write_text(
        "from byzer_agents import llm_impl\n\n@llm_impl\ndef half(n: int) -> float:\n"
        "    '''Half a number.\n\n    >>> half(3)\n    1.5\n    '''\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    import app_of_yours

    implementation = app_of_yours.half.implementation
    implementation.terms = llm_impl(model=ScriptedModel(GOOD))(half).implementation.terms
    assert app_of_yours.half(3) == 1.5
    run = CliRunner().invoke
    listed = run(app, ["impl", "list"])
    assert "app_of_yours:half" in listed.output
    assert '"model": "scripted"' in run(app, ["impl", "list", "--json"]).output
    assert "return n / 2" in run(app, ["impl", "show", "half"]).output
    verified = run(app, ["impl", "verify", "app_of_yours:half"])
    assert verified.exit_code == 0, verified.output
    assert "1 example" in verified.output
    path = app_of_yours.half.path
    path.write_text(path.read_text().replace("n / 2", "n / 3"))
    broken = run(app, ["impl", "verify", "half"])
    assert broken.exit_code == 1
    assert "half(3) gave 1.0, expected 1.5" in broken.output
    assert run(app, ["impl", "show", "nothing"]).exit_code == 1
    assert run(app, ["impl", "clear", "half"]).exit_code == 0
    assert not path.exists()


def test_sandbox_status():
    run = CliRunner().invoke
    shown = run(app, ["sandbox", "status"])
    assert shown.exit_code == 0
    assert "Assurance:" in shown.output
    assert '"layers"' in run(app, ["sandbox", "status", "--json"]).output
    assert run(app, ["sandbox", "status", "--minimum", "none"]).exit_code == 0
    assert run(app, ["sandbox", "status", "--minimum", "best"]).exit_code == 2
