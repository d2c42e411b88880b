"""The command line lists retention policies and begins new ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from agentmem import cli, registry


def run(*words: object, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def test_policies_are_listed_with_what_they_leave() -> None:
    """Each policy has a row with what it leaves of a memory after a day, a week, a month and a year."""
    shown = run("policies")[0]
    rows = {cells[0]: cells[1:5] for line in shown.splitlines() if len(cells := line.split()) > 5}
    assert set(registry.policies()) <= set(rows)
    assert rows["ebbinghaus"] == ["0.37", "0.00", "0.00", "0.00"]
    assert rows["none"] == ["1.00"] * 4
    assert rows["ttl"] == ["1.00", "1.00", "0.00", "0.00"]
    assert "agentmem new policy NAME" in shown


def test_policies_as_json() -> None:
    """Machines get names, whole lines, abilities and figures."""
    found = {entry["policy"]: entry for entry in json.loads(run("policies", "--json")[0])}
    assert list(found) == list(registry.policies())
    assert found["salience"]["abilities"] == ["Appraiser"]
    assert found["lru"]["what"] == "Least recently used goes first: only the time since the last use counts."
    assert found["lru"]["retention"] == {"1": 0.5, "7": 0.125, "30": 0.0323, "365": 0.0027}


def test_a_new_policy_passes_its_own_test_and_is_listed(tmp_path) -> None:
    """The policy that is written is a policy as it stands, found by its file; nothing is overwritten."""
    run("new", "policy", "my_fade", "--into", tmp_path)
    _, error = run("new", "policy", "my_fade", "--into", tmp_path / "agentmem_stores" / "retention", code=2)
    assert "was left as it is" in error
    code = "from agentmem import registry; print(registry.policies()['my_fade'])"
    listed = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert listed.stdout.startswith("MyFade: half of it is gone after every week without use.")
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_fade.py"]
    tested = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout
    assert int(re.search(r"(\d+) passed", tested.stdout)[1]) >= 10


@pytest.mark.parametrize("name", ["My-Policy", "class"])
def test_a_name_must_be_a_modules(tmp_path, name) -> None:
    """A name that Python could not import is refused with one that it could."""
    _, error = run("new", "policy", name, "--into", tmp_path, code=2)
    assert "my_policy" in error
    assert list(tmp_path.iterdir()) == []
