"""Getting a wheel from the package index that the user has configured, by pip or uv.

The index, its credentials, proxies and certificates are the user's own configuration, so the
work is left to the tool that knows it; the wheel is never installed into an environment.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from runtime.settings import child_environment
from runtime.store.errors import DownloadFailed

POLL_INTERVAL_S = 0.1
_END_GRACE_S = 5.0
_OUTPUT_LINES = 12
_OUTPUT_BYTES = 64 * 1024
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")

_HINT_NO_TOOL = (
    "install pip into this environment (python -m ensurepip, or uv pip install pip), "
    "or put uv on the PATH"
)
_HINT_FAILED = "check the network and the index configuration (pip config list), then try again"


def download_wheel(requirement: str, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    """Fetch the wheel of ``requirement`` without its dependencies.

    Args:
        requirement: ``name==version``.
        folder: An empty folder of the caller's own; everything is written below it.
        on_bytes: Told how many more bytes have arrived, from the thread that called.

    Returns:
        The wheel; or, where only uv is to be had, the folder into which it is unpacked.

    Raises:
        DownloadFailed: No tool to fetch with, or the tool failed.
    """
    target, temporary = folder / "wheel", folder / "tmp"
    target.mkdir()
    temporary.mkdir()
    command = _command(requirement, target)
    log = folder / "log"
    try:
        code = _run(command, log, temporary, _Watch((target, temporary), on_bytes))
    except FileNotFoundError as error:
        reason = f"cannot run {command[0]}: {error}"
        raise DownloadFailed(requirement, reason=reason, retryable=False) from error
    if code != 0:
        reason = f"{_tool(command)} ended with status {code}"
        raise DownloadFailed(requirement, reason=reason, output=_tail(log), hint=_HINT_FAILED)
    if "install" in command:
        return target
    wheels = sorted(target.glob("*.whl"))
    if len(wheels) != 1:
        raise DownloadFailed(
            requirement,
            reason=f"expected one wheel, got {[wheel.name for wheel in wheels]}",
            output=_tail(log),
        )
    return wheels[0]


def _command(requirement: str, target: Path) -> list[str]:
    """The command line that puts the wheel of ``requirement`` into ``target``."""
    if sys.executable and importlib.util.find_spec("pip") is not None:
        # -P: a folder called "pip" in the working directory must not be run in pip's place.
        command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps"]
        command += ["--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
        return [*command, "--progress-bar=off", "--dest", str(target), requirement]
    uv = shutil.which("uv")
    if uv is None:
        raise DownloadFailed(
            requirement,
            reason="this Python has no pip, and there is no uv on the PATH",
            hint=_HINT_NO_TOOL,
            retryable=False,
        )
    # uv has no "download"; it can unpack a wheel into a folder that is no environment. Its cache
    # goes to TMPDIR (--no-cache), where the bytes can be seen arriving and are removed after.
    command = [uv, "pip", "install", "--no-deps", "--only-binary", ":all:", "--no-cache"]
    if sys.executable:
        command += ["--python", sys.executable]
    return [*command, "--no-progress", "--target", str(target), requirement]


def _tool(command: list[str]) -> str:
    return "uv" if "install" in command else "pip"


def _run(command: list[str], log: Path, temporary: Path, watch: _Watch) -> int:
    """Run to the end, looking at the bytes meanwhile; whatever interrupts also ends the child."""
    # PIP_REQUIRE_VIRTUALENV guards installations; nothing is installed here.
    environment = child_environment({"TMPDIR": str(temporary), "PIP_REQUIRE_VIRTUALENV": "0"})
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - an argument list; the requirement is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            while True:
                try:
                    code = child.wait(timeout=POLL_INTERVAL_S)
                except subprocess.TimeoutExpired:
                    watch.look()
                else:
                    watch.look()
                    return code
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(timeout=_END_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class _Watch:
    """Reports growth of the largest file below some folders.

    The largest, not the sum: pip writes a download into TMPDIR, twice if it goes to its own
    cache as well, and then copies it to the target.
    """

    def __init__(self, folders: tuple[Path, ...], on_bytes: Callable[[int], None]) -> None:
        self._folders = folders
        self._on_bytes = on_bytes
        self._seen_bytes = 0

    def look(self) -> None:
        largest = max((size for top in self._folders for size in _sizes(top)), default=0)
        if largest > self._seen_bytes:
            self._on_bytes(largest - self._seen_bytes)
            self._seen_bytes = largest


def _sizes(top: Path) -> list[int]:
    sizes: list[int] = []
    for path in top.rglob("*"):
        try:
            if path.is_file():
                sizes.append(path.stat().st_size)
        except OSError:  # it was moved or removed while we looked
            continue
    return sizes


def _tail(log: Path) -> str:
    """The last lines of the tool's output, errors first among them, without credentials."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _OUTPUT_BYTES))
        text = stream.read().decode("utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lstrip().lower().startswith("error")]
    return _CREDENTIALS.sub("***@", "\n".join((errors or lines)[-_OUTPUT_LINES:]))
