"""The house rules: light imports, small modules, arrows one way, a flat public namespace."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import agentmem

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    p
    for room in ("agentmem", "stores", "evaluators")
    for p in (ROOT / room).rglob("*.py")
    if "__pycache__" not in p.parts
)
HEAVY = ("torch", "transformers", "faiss", "langgraph", "langchain", "onnxruntime", "numpy", "scipy", "matplotlib")


def test_import_is_light():
    """`import agentmem` loads no model, no index and no agent library."""
    code = f"import sys, agentmem; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_recall_needs_no_torch():
    """Remembering and recalling with the hash embedder loads neither torch nor an agent library."""
    code = (
        "import sys, tempfile, agentmem\n"
        "with agentmem.open(tempfile.mkdtemp(), embedder='hash') as s:\n"
        "    s.space('a').remember('the cat sleeps'); s.space('a').recall('cat')\n"
        "print([m for m in ('torch', 'transformers', 'langgraph', 'matplotlib', 'langchain_core') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_modules_are_small():
    """No module has over 400 lines."""
    assert [(str(p), n) for p in MODULES if (n := len(p.read_text().splitlines())) > 400] == []


def test_the_public_namespace_is_what_it_says():
    """Every public name can be imported, and names nothing of the inside."""
    for name in agentmem.__all__:
        assert getattr(agentmem, name).__module__.startswith("agentmem.")
    assert set(agentmem.__all__) <= set(dir(agentmem))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        agentmem.Nothing  # noqa: B018


def test_every_error_is_in_the_tree():
    """The tree drawn in errors.py names exactly the classes it defines."""
    source = (ROOT / "agentmem" / "errors.py").read_text()
    tree = ast.parse(source)
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    drawn = {word for line in ast.get_docstring(tree).splitlines() for word in line.split() if word.endswith("Error")}
    assert classes == drawn & classes == classes
    assert classes - drawn == set()


def test_nobody_reads_the_clock_behind_our_back():
    """Only clock.py asks the system for the time of day."""
    calls = ("datetime.now(", "datetime.utcnow(", "date.today(", "time.time(")
    found = [
        str(p.relative_to(ROOT)) for p in MODULES if any(c in p.read_text() for c in calls) and p.name != "clock.py"
    ]
    assert found == []
