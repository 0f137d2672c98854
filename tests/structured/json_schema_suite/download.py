"""The suite's files, out of the sdist of jsonschema on the package index; none is kept here."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import filelock

from runtime.settings import settings

RELEASE = "jsonschema==4.26.0"
SHA256 = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326"
TIMEOUT_S = 120


class NotThere(Exception):
    """The suite could not be fetched; the message says why."""


def suite() -> Path:
    """The folder with the suite's ``tests`` and ``remotes``, fetched once into the user's cache.

    Raises:
        NotThere: It cannot be fetched.
    """
    folder = settings().cache_dir / "test-suites" / RELEASE.replace("==", "-")
    if (folder / "tests").is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock", timeout=2 * TIMEOUT_S):
        if not (folder / "tests").is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                found = _unpacked(_sdist(Path(temporary)), Path(temporary))
                found.rename(folder)
    return folder


def _sdist(folder: Path) -> Path:
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-input", "-q"]
    command += ["--disable-pip-version-check", "--no-binary", ":all:", "-d", str(folder), RELEASE]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["nothing"])[-1]
        raise NotThere(f"pip could not download the sdist of {RELEASE}: {said}") from None
    except subprocess.TimeoutExpired:
        raise NotThere(f"pip took more than {TIMEOUT_S} s for the sdist of {RELEASE}") from None
    (archive,) = folder.glob("*.tar.gz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise NotThere(f"the sdist of {RELEASE} is not the one known here: sha256 {digest}")
    return archive


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as files:
        top = files.getnames()[0].split("/")[0]
        wanted = (f"{top}/json/tests/", f"{top}/json/remotes/")
        members = [each for each in files.getmembers() if each.name.startswith(wanted)]
        files.extractall(folder, members, filter="data")
    return folder / top / "json"
