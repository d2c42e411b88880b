"""What the tests share: a root of their own, a clock that stands still, an embedder that costs nothing, no network."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

import agentmem
from agentmem.clock import FixedClock

# The same examples in every run, and no clock, so that what lands depends on neither luck nor load; look for new ones
# with `pytest --hypothesis-profile=default`.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep every test off the network and out of the user's own memory."""
    monkeypatch.setenv("AGENTMEM_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("AGENTMEM_MODEL", raising=False)
    monkeypatch.delenv("AGENTMEM_KEYS", raising=False)
    monkeypatch.delenv("AGENTMEM_RETENTION", raising=False)
    monkeypatch.delenv("AGENTMEM_SURPRISE", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)  # tables are as wide as in a pipe, however narrow the terminal is
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:  # type: ignore[index]
            raise OSError(f"tests use no network, but something connected to {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def clock() -> FixedClock:
    """Noon of the first of June 2025, UTC, until moved."""
    return FixedClock(datetime(2025, 6, 1, 12, tzinfo=UTC))


@pytest.fixture
def system(tmp_path: Path, clock: FixedClock):
    """An empty root with the hash embedder."""
    with agentmem.open(tmp_path / "root", embedder="hash", clock=clock) as opened:
        yield opened


@pytest.fixture
def space(system):
    """An empty space called `alice`."""
    return system.space("alice")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with evaluation data; tests that need it are skipped, saying so, where it is missing."""
    folder = os.environ.get("AGENTMEM_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("AGENTMEM_DATA does not name a folder with evaluation data, so this was NOT tested")
    return Path(folder)
