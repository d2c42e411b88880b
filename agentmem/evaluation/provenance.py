"""Where a figure comes from: commit, machine, versions, data. Every number in a document needs these beside it."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import agentmem

PACKAGES = ("agentmem", "agentmem_stores", "agentmem_evaluators")
SOURCES = frozenset({".py", ".json", ".npz", ".html"})


def commit() -> str:
    """Return the commit of the checkout the package runs from, "+" behind it where files differ, else its version."""
    folder = Path(agentmem.__file__).parent
    head = _git(folder, "rev-parse", "HEAD")
    if not head or not _git(folder, "ls-files", "__init__.py"):
        return f"agentmem {agentmem.__version__}"
    return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/") else "")


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, as 64 hex digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def code() -> str:
    """Return the SHA-256 of what runs: all sources, weights and tables of the packages, whatever git knows of them."""
    whole = hashlib.sha256()
    for package in PACKAGES:
        found = find_spec(package)
        for folder in sorted(found.submodule_search_locations or ()) if found else ():
            for file in sorted(Path(folder).rglob("*")):
                if file.suffix in SOURCES and file.is_file():
                    whole.update(f"{package}/{file.relative_to(folder).as_posix()}\n{digest(file)}\n".encode())
    return whole.hexdigest()


def machine() -> dict[str, str | int]:
    """Return what speed depends on: processor, cores this process may use, Python, and the libraries that count."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in ("numpy", "onnxruntime", "torch", "faiss-cpu")},
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the platform module knows
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _git(folder: Path, *words: str) -> str:
    """Return what git says, or nothing where there is no git or no checkout."""
    try:
        said = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(folder), *words],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
