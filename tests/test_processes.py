"""Two processes on one folder: nothing lost, nothing doubled, and no stale recall."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

import agentmem

SECONDS = float(os.environ.get("AGENTMEM_TEST_SECONDS", "20"))

WRITER = """
import json, sys, time
import agentmem

root, me, other, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
written = []
with agentmem.open(root, embedder="hash") as system:
    space = system.space("shared")
    end = time.monotonic() + seconds
    n = 0
    while time.monotonic() < end:
        text = f"{me} wrote note {n} about topic{n % 17}"
        written += space.remember([text, agentmem.Draft(text, thread=me)])
        if n % 9 == 4:
            space.erase(written.pop(0))
        # what I committed, I recall; and every recall is made of what the ledger holds
        assert text in space.recall(text, k=2).texts, text
        n += 1
    print(json.dumps({"ids": written, "n": n}))
"""


def test_two_processes_write_read_and_erase_for_a_while(tmp_path):
    """After two processes worked on one space at once, it holds exactly what both were told it holds."""
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    root = tmp_path / "root"
    arguments = [sys.executable, "-W", "ignore", str(script), str(root)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen([*arguments, me, other, str(SECONDS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        for me, other in (("ana", "bo"), ("bo", "ana"))
    ]
    results = []
    for worker in workers:
        out, err = worker.communicate(timeout=SECONDS + 90)
        assert worker.returncode == 0, err.decode()
        results.append(json.loads(out))
    assert all(r["n"] > 3 for r in results)
    expected = sorted(i for r in results for i in r["ids"])
    with agentmem.open(root, embedder="hash") as system:
        space = system.space("shared")
        assert sorted(m.id for m in space.memories()) == expected
        assert [f for f in space.doctor() if not f.ok] == []
        assert all(r.level == "physical" for r in space.receipts())


def test_the_next_call_sees_what_another_committed(tmp_path):
    """A commit of another process, and an erasure of another process, show at the very next recall."""
    with agentmem.open(tmp_path, embedder="hash") as here:
        space = here.space("shared")
        space.remember("the first thing")
        assert space.recall("giraffe", k=1).texts == ("the first thing",)
        code = (
            "import agentmem, sys\n"
            f"with agentmem.open({str(tmp_path)!r}, embedder='hash') as s:\n"
            "    space = s.space('shared')\n"
            "    if sys.argv[1] == 'write':\n"
            "        print(space.remember('a giraffe looked over the fence')[0])\n"
            "    else:\n"
            "        space.erase(sys.argv[2])\n"
        )
        run = [sys.executable, "-W", "ignore", "-c", code]
        written = subprocess.run([*run, "write"], check=True, capture_output=True, text=True).stdout.strip()
        assert space.recall("giraffe", k=1).ids == (written,)
        subprocess.run([*run, "erase", written], check=True)
        assert written not in space.recall("giraffe", k=5).ids
        assert written not in space


def test_two_processes_may_make_one_space_at_once(tmp_path):
    """Racing to create, open and close the same ledger, all win: migrations run once, nobody is told to come back."""
    code = (
        "import agentmem, sys, time\n"
        "time.sleep(max(0, float(sys.argv[1]) - time.time()))\n"
        "for n in range(15):\n"
        f"    with agentmem.open({str(tmp_path)!r}, embedder='hash') as s:\n"
        "        s.space('new').remember(f'hello {n} from ' + sys.argv[2])\n"
    )
    start = str(time.time() + 1.5)
    racers = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, start, str(n)], stderr=subprocess.PIPE)
        for n in range(4)
    ]
    for racer in racers:
        _, err = racer.communicate(timeout=60)
        assert racer.returncode == 0, err.decode()
    with agentmem.open(tmp_path, embedder="hash") as system:
        assert len(system.space("new")) == 60


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting a tmpfs needs root on Linux")
def test_a_full_disk_is_said_and_survived(tmp_path):
    """On a disk without room a remember fails with a clear error, loses nothing, and the space still opens."""
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mount)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        with agentmem.open(mount, embedder="hash") as system:
            space = system.space("a")
            kept = space.remember("kept from before")
            with pytest.raises(agentmem.AgentmemError, match="no space left"):
                space.remember(["filler " * 3000 + str(n) for n in range(120)])
            assert [m.id for m in space.memories()] == kept
        with agentmem.open(mount, embedder="hash") as system:
            space = system.space("a")
            assert space.recall("kept").ids == tuple(kept)
            space.remember("and it writes again")
            assert len(space) == 2
    finally:
        subprocess.run(["umount", str(mount)], check=True)
