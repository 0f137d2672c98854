"""What ``import byzer_agents`` costs, and what it leaves alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import byzer_agents

ROOT = Path(byzer_agents.__file__).parent.parent
HEAVY = ("torch", "ray", "transformers", "openai", "vllm", "diffusers", "xllamacpp", "numpy")


def _python(code: str, *, cwd: Path = ROOT, env: dict[str, str] | None = None):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def test_import_is_quick_and_light():
    code = (
        "import time; t = time.perf_counter(); import byzer_agents; "
        "t = time.perf_counter() - t; import sys, json; print(json.dumps([t, sorted(sys.modules)]))"
    )
    seconds, modules = zip(*(json.loads(_python(code).stdout) for _ in range(5)), strict=True)
    assert min(seconds) <= 0.15
    assert not {name.partition(".")[0] for name in modules[0]} & set(HEAVY)


def test_using_it_stays_light():
    code = (
        "from byzer_agents import ByzerLLM, extract, tool, Templates, LLMRequest\n"
        "import sys, json; print(json.dumps(sorted(sys.modules)))"
    )
    modules = json.loads(_python(code).stdout)
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)


def test_every_name_offered_is_there():
    for name in byzer_agents.__all__:
        assert getattr(byzer_agents, name) is not None
    assert set(byzer_agents.__all__) <= set(dir(byzer_agents))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        byzer_agents.nonsense  # noqa: B018


@pytest.mark.parametrize("kind", ["package", "module"])
@pytest.mark.parametrize("name", ["training", "runtime", "structured", "sandbox"])
def test_a_shadowed_package_is_named(tmp_path, name, kind):
    place = tmp_path / name / "__init__.py" if kind == "package" else tmp_path / f"{name}.py"
    place.parent.mkdir(exist_ok=True)
    place.write_text("")
    code = f"import sys; sys.path.insert(1, {str(ROOT)!r}); import byzer_agents"
    done = _python(code, cwd=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    found = place.parent if kind == "package" else place
    assert done.returncode == 1
    assert repr(name) in last
    assert str(found) in last
    assert "rename" in last


def test_a_folder_that_is_no_package_shadows_nothing(tmp_path):
    (tmp_path / "training").mkdir()
    code = f"import sys; sys.path.insert(1, {str(ROOT)!r}); import byzer_agents; print('fine')"
    assert _python(code, cwd=tmp_path).stdout == "fine\n"
