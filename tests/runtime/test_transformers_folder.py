"""Opening a folder: options, devices, and what is said about folders that cannot be opened."""

from __future__ import annotations

import shutil
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from runtime.backends.transformers import open_transformers  # noqa: E402
from runtime.backends.transformers.device import choose_device, choose_dtype  # noqa: E402
from runtime.backends.transformers.options import transformers_options  # noqa: E402
from runtime.deployment import DeploymentSpec  # noqa: E402
from runtime.errors import (  # noqa: E402
    DeploymentFailed,
    FeatureNotAvailable,
    InvalidParameter,
    MissingExtra,
    UnknownParameter,
)
from runtime.store import ResolvedModel  # noqa: E402
from tests.runtime.transformers_models import (  # noqa: E402
    edit_json,
    go_on,
    inside,
    open_folder,
    tiny_config,
    tiny_folder,
)

pytestmark = pytest.mark.transformers


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("sound") / "tiny-llama")


@pytest.fixture
def folder(sound, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(sound, tmp_path / "tiny-llama")


def options(**spec):
    return transformers_options(DeploymentSpec("m", "x", **spec))


def test_options_come_as_strings_too():
    found = options(
        options={
            "backend.dtype": "bfloat16",
            "max_model_len": "128",
            "backend.trust_remote_code": "true",
        }
    )
    assert (found.dtype, found.max_model_len, found.trust_remote_code) == ("bfloat16", 128, True)
    assert (options().max_batch_size, options().device, options().trust_remote_code) == (
        8,
        "auto",
        False,
    )


def test_workers_and_concurrency_raise_the_batch():
    assert options(num_workers=20).max_batch_size == 20
    assert options(worker_concurrency=3).max_batch_size == 3
    assert options(worker_concurrency=3, num_workers=5).max_batch_size == 5
    assert options(worker_concurrency=0).max_batch_size == 8


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"backend.quantization": "gptq"}, FeatureNotAvailable),
        ({"quatization": "4"}, FeatureNotAvailable),
        ({"backend.load_in_8bit": True}, FeatureNotAvailable),
        ({"backend.max_batch": 3}, UnknownParameter),
        ({"backend.dtype": "int3"}, InvalidParameter),
        ({"backend.max_batch_size": 0}, InvalidParameter),
        ({"backend.max_model_len": -1}, InvalidParameter),
    ],
)
def test_options_that_cannot_be(given, error):
    with pytest.raises(error):
        options(options=given)


def test_quantisation_that_is_turned_off_is_nothing():
    assert options(options={"quatization": "false", "backend.load_in_4bit": False}) == options()


def test_devices(monkeypatch, caplog):
    assert choose_device("m", "cpu", None).type == "cpu"
    with pytest.raises(InvalidParameter):
        choose_device("m", "toaster", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("m", "auto", None).type == "cpu"
    assert choose_device("m", "auto", 0).type == "cpu"
    with caplog.at_level("WARNING"):
        assert choose_device("m", "auto", 1).type == "cpu"  # a logical GPU: declared, not found
    assert "torch sees none" in caplog.text
    with pytest.raises(DeploymentFailed, match="cuda"):
        choose_device("m", "cuda", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("m", "auto", None).type == "cuda"
    assert choose_device("m", "auto", 0).type == "cpu"
    assert choose_device("m", "cuda:1", None).index == 1
    with pytest.raises(DeploymentFailed):
        choose_device("m", "cuda:2", None)


def test_dtypes(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert choose_dtype("float16", cpu) is torch.float16
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    assert choose_dtype("auto", cpu) is torch.float32
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert choose_dtype("auto", cpu) is torch.bfloat16
    for native, wanted in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda native=native, **_: native)
        assert choose_dtype("auto", cuda) is wanted
    assert choose_dtype("auto", torch.device("mps")) is torch.float16


def test_meta_and_lengths(folder):
    model = open_folder(folder, "mine")
    assert (model.name, model.meta.backend, model.meta.max_model_len) == (
        "mine",
        "transformers",
        512,
    )
    assert model.meta.architectures == ("LlamaForCausalLM",)
    assert model.meta.support_chat_template
    assert model.meta.parameters == sum(
        p.numel() for p in inside(model)._scheduler._forward.model.parameters()
    )
    model.close()
    short = open_folder(folder, options={"backend.max_model_len": 32})
    assert short.meta.max_model_len == 32
    assert short.generate(go_on("x" * 20, ignore_eos=True)).usage.output_tokens == 12
    short.close()
    with pytest.raises(InvalidParameter, match="at most 512"):
        open_folder(folder, options={"backend.max_model_len": 513})


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_runs(folder, dtype):
    model = open_folder(folder, options={"backend.dtype": dtype})
    assert inside(model)._scheduler._forward.dtype is getattr(torch, dtype)
    assert type(inside(model)._scheduler._batch).__name__ == "Slots"
    assert model.generate(go_on("x", max_output_tokens=5, ignore_eos=True)).usage.output_tokens == 5
    model.close()


def test_unknown_model_types(folder):
    edit_json(folder / "config.json", model_type="nonesuch")
    with pytest.raises(DeploymentFailed, match="does not know this model") as caught:
        open_folder(folder)
    assert "upgrade" in caught.value.hint
    edit_json(folder / "config.json", model_type="chatglm", auto_map={"AutoConfig": "c.C"})
    (folder / "c.py").write_text("raise SystemExit")
    with pytest.raises(DeploymentFailed, match=r"transformers 5 has no classes.*chatglm") as caught:
        open_folder(folder)
    assert "GGUF" in caught.value.hint


def test_code_in_a_folder_is_never_run_unasked(folder):
    mark = folder / "ran"
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    edit_json(folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.OwnConfig"})
    with pytest.raises(DeploymentFailed, match="trust_remote_code is off"):
        open_folder(folder)
    assert not mark.exists()


def test_models_that_generate_no_text(tmp_path):
    folder = tmp_path / "bert"
    config = tiny_config("BertConfig")
    import transformers

    transformers.BertModel(config).save_pretrained(folder)
    with pytest.raises(DeploymentFailed, match="BertModel is not a model for text generation"):
        open_folder(folder)


def test_quantised_checkpoints(folder):
    edit_json(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(FeatureNotAvailable, match="quantised"):
        open_folder(folder)


def test_a_missing_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(DeploymentFailed, match="no tokenizer") as caught:
        open_folder(folder)
    assert "tokenizer.json" in caught.value.hint


def test_weights_that_are_not_all_there(folder):
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    weights = load_file(file)
    kept = {name: tensor for name, tensor in weights.items() if "layers.1" not in name}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(DeploymentFailed, match="tensors are missing"):
        open_folder(folder)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DeploymentFailed, match="cannot load the weights"):
        open_folder(folder)


def test_a_tokenizer_of_another_model(folder):
    edit_json(folder / "config.json", vocab_size=100, pad_token_id=None)
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    cut = {
        name: tensor[:100].clone() if tensor.shape[0] == 264 else tensor
        for name, tensor in load_file(file).items()
    }
    save_file(cut, file, metadata={"format": "pt"})
    model = open_folder(folder)
    with pytest.raises(ValueError, match="do not belong together"):
        model.generate(go_on("é"))
    model.close()


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_missing_packages(folder, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra) as caught:
        open_transformers(DeploymentSpec("m", "x"), ResolvedModel("m", folder, "hf"))
    assert caught.value.extra == "transformers"
    assert caught.value.package == package


def test_importing_the_package_imports_no_torch():
    import subprocess

    code = "import sys, runtime.backends.transformers; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
